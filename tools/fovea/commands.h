#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

namespace fovea::program {

/// Each adds its subcommand, which sets `exit_code` when it has run.
void add_train(CLI::App& program, const std::vector<std::string>& command_line, int& exit_code);
void add_finetune(CLI::App& program, const std::vector<std::string>& command_line, int& exit_code);
void add_evaluate(CLI::App& program, int& exit_code);
void add_predict(CLI::App& program, int& exit_code);
void add_convert(CLI::App& program, int& exit_code);
void add_compare(CLI::App& program, int& exit_code);
void add_summary(CLI::App& program, int& exit_code);

}  // namespace fovea::program
