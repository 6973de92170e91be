#include "help.h"

#include "report.h"

namespace fovea::program {
namespace {

constexpr int width = 80, description_column = 26;

/// "  left            text", the text wrapped in its column; on a line of its own when `left` is too long.
std::string entry(const std::string& left, const std::string& text) {
  std::string result = "  " + left;
  const auto column = static_cast<std::size_t>(description_column);
  if (result.size() + 2 > column) {
    result += "\n" + std::string(column, ' ');
  } else {
    result.resize(column, ' ');
  }
  return result + wrapped(text, width, description_column, description_column) + "\n";
}

}  // namespace

std::string HelpFormatter::make_usage(const CLI::App* app, std::string name) const {
  std::string usage = "Usage: " + name;
  for (const CLI::Option* option : app->get_options()) {
    if (option->get_positional()) {
      usage += " " + make_option_usage(option);
    } else if (option->get_required()) {
      usage += " " + make_option_name(option, false) + " " + option->get_option_text();
    }
  }
  if (!app->get_subcommands({}).empty()) usage += " COMMAND";
  return wrapped(usage + " [OPTIONS]", width, 8) + "\n";
}

std::string HelpFormatter::make_description(const CLI::App* app) const {
  return wrapped(app->get_description(), width) + "\n\n";
}

std::string HelpFormatter::make_option(const CLI::Option* option, bool is_positional) const {
  std::string left = make_option_name(option, is_positional);
  if (!is_positional && !option->get_option_text().empty()) left += " " + option->get_option_text();
  return entry(left, option->get_description());
}

std::string HelpFormatter::make_subcommand(const CLI::App* subcommand) const {
  return entry(subcommand->get_name(), subcommand->get_description());
}

std::string usage_message(const CLI::App& program, const CLI::ParseError& error) {
  const std::vector<const CLI::App*> given =
      program.get_subcommands([](const CLI::App* command) { return command->parsed(); });
  const std::string command = given.empty() ? "fovea" : "fovea " + given.front()->get_name();
  const std::vector<std::string> unknown = program.remaining(true);
  std::string message = error.what();
  if (given.empty() && !unknown.empty()) {
    message = "unknown command " + unknown.front();
  } else if (given.empty()) {
    message = "a command is needed";
  } else if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    message = "unknown argument " + (unknown.empty() ? std::string() : unknown.front());
  } else if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    message = message.substr(0, message.find(':')) + " needs a value";
  }
  return message + "; see " + command + " --help";
}

}  // namespace fovea::program
