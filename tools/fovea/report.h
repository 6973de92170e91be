#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fovea::program {

/// Columns of the terminal that standard output is; 80 when it is none.
int columns();
/// Is that stream (1: output, 2: errors) a terminal?
bool is_terminal(int stream);

/// Broken at spaces into lines of at most `width` columns; lines after the first begin with `indent` spaces,
/// and the first is taken to begin in column `start`. A word longer than a line stays whole.
std::string wrapped(std::string_view text, int width, int indent = 0, int start = 0);

/// A line of a report on standard output: the label, then the text in a column of its own, wrapped at 80
/// columns.
void print_row(std::string_view label, std::string_view text);
/// A paragraph on standard output, wrapped at 80 columns.
void print_text(std::string_view text);
/// One message on standard error, "fovea: ..."; wrapped on a terminal, a single line elsewhere.
void print_error(std::string_view message);
/// The same for what is no error: "fovea: note: ...".
void print_note(std::string_view message);

/// 3453121 as "3,453,121".
std::string thousands(std::int64_t number);
/// "12.3 MB", "2.1 GB"; of 1,000,000 bytes.
std::string readable_bytes(std::int64_t bytes);
/// 0.9731 as "97.3 %".
std::string percent(double share);
/// At most so many characters of a text; of a longer one the last is "~".
std::string shortened(std::string_view text, std::size_t most);
std::string joined(const std::vector<std::string>& parts, std::string_view separator = ", ");
/// The first `most` parts, then how many more there are.
std::string joined_first(const std::vector<std::string>& parts, std::size_t most);
/// "1 image", "2 images"; with another plural when given.
std::string counted(std::int64_t number, std::string_view one, std::string_view many = {});

}  // namespace fovea::program
