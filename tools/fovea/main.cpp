#include <fmt/core.h>

#include <new>

#include "commands.h"
#include "errors.h"
#include "fovea/callbacks.h"
#include "fovea/error.h"
#include "help.h"
#include "report.h"

namespace fovea::program {
namespace {

/// Messages of the library, such as a callback's, go to standard error; those of several lines as they are.
void show_messages_of_the_library() {
  set_log_callback([](std::string_view message) {
    if (message.find('\n') == std::string_view::npos) return print_note(message);
    fmt::print(stderr, "{}", message);
  });
}

int run(int count, char** arguments) {
  const std::vector<std::string> command_line(arguments, arguments + count);
  int exit_code = exit_ok;
  CLI::App program("Trains, fine-tunes, evaluates and inspects convolutional image classifiers.");
  program.name("fovea");
  const auto formatter = std::make_shared<HelpFormatter>();
  formatter->label("Positionals", "Arguments");
  program.formatter(formatter);
  program.set_help_flag("-h,--help", "print this help");
  program.set_version_flag("--version", "fovea " FOVEA_VERSION, "print the version");
  program.require_subcommand(1);
  program.footer(
      "Example: fovea train synthetic:shapes\n"
      "`fovea COMMAND --help` has the options of a command and an example.");
  add_train(program, command_line, exit_code);
  add_finetune(program, command_line, exit_code);
  add_evaluate(program, exit_code);
  add_predict(program, exit_code);
  add_summary(program, exit_code);
  add_convert(program, exit_code);
  add_compare(program, exit_code);
  show_messages_of_the_library();
  try {
    program.parse(count, arguments);
    return exit_code;
  } catch (const CLI::Success& success) {
    return program.exit(success);  // --help, --version
  } catch (const CLI::ParseError& error) {
    print_error(usage_message(program, error));
    return exit_usage;
  }
}

}  // namespace
}  // namespace fovea::program

int main(int count, char** arguments) {
  using namespace fovea::program;
  try {
    return run(count, arguments);
  } catch (const UsageError& error) {
    print_error(error.what());
    return exit_usage;
  } catch (const std::bad_alloc&) {
    print_error("out of memory; try a smaller --batch-size or --image-size");
  } catch (const std::exception& error) {
    print_error(error.what());
  }
  return exit_error;
}
