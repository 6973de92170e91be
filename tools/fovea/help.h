#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <string>

namespace fovea::program {

/// Help at 80 columns, with wrapped descriptions.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App* app, std::string name) const override;
  std::string make_description(const CLI::App* app) const override;
  std::string make_option(const CLI::Option* option, bool is_positional) const override;
  std::string make_subcommand(const CLI::App* subcommand) const override;
};

/// A parse error of CLI11 in one line that says what to do.
std::string usage_message(const CLI::App& program, const CLI::ParseError& error);

}  // namespace fovea::program
