#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "fovea/callbacks.h"

namespace fovea {

/// A number of Python: an int or a float.
using PythonNumber = std::variant<std::int64_t, double>;

/// The part of Python's format_spec that numbers in a file name need:
/// [[fill]align][sign][0][width][.precision][type], the type one of d, e, E, f, F, g, G, % or none.
struct FormatSpec {
  char fill = ' ';
  char align = '>';  ///< <, >, ^; = puts the fill between sign and digits
  char sign = '-';   ///< '+': always a sign; ' ': a space in place of the plus
  std::size_t width = 0;
  std::optional<int> precision = {};
  char type = 0;
};

/// Throws Error for a text that is no such spec.
FormatSpec parse_format_spec(std::string_view text);
/// What Python's format(number, spec) gives. Throws Error where Python refuses: 'd' for a float, a precision
/// for an int.
std::string format_number(const PythonNumber& number, const FormatSpec& spec);

/// A path with replacement fields as Python's str.format has them: "{epoch:02d}-{val_loss:.2f}.keras".
class PathTemplate {
 public:
  /// Throws Error for braces or fields that cannot be read.
  explicit PathTemplate(const std::string& text);
  /// `epoch` and `batch` count from 0, and from 1 in the path. A "batch" in the logs goes before `batch`.
  /// Throws Error naming a field that is none of epoch, batch and the logs' figures.
  std::string fill(std::int64_t epoch, std::optional<std::int64_t> batch, const Logs& logs) const;

 private:
  struct Piece {
    std::string text;  ///< literal; of a field, its name
    bool is_field = false;
    FormatSpec spec = {};
  };

  void add_field(std::string_view inner);

  std::string text_;
  std::vector<Piece> pieces_;
};

}  // namespace fovea
