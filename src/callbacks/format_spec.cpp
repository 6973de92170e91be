#include <algorithm>
#include <cmath>

#include "callbacks/path_template.h"
#include "callbacks/python_text.h"
#include "core/format.h"

// Python's format_spec for numbers. Source: the "Format Specification Mini-Language" of Python's library
// reference.

namespace fovea {
namespace {

constexpr std::string_view kAligns = "<>^=";
constexpr int kMostDigits = 999;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Reads digits off the front of `text`.
int read_number(std::string_view& text) {
  int number = 0;
  while (!text.empty() && is_digit(text[0])) {
    number = number * 10 + (text[0] - '0');
    if (number > kMostDigits) fail("a width or precision above {}", kMostDigits);
    text.remove_prefix(1);
  }
  return number;
}

/// A float without type but with a precision: as 'g', but with a digit after the point, which counts.
std::string general_with_point(double value, int precision) {
  precision = std::max(precision, 1);
  const std::string scientific = fmt::format("{:.{}e}", value, precision - 1);
  const std::size_t e = scientific.find('e');
  if (e == std::string::npos) return scientific;  // inf
  if (std::stoi(scientific.substr(e + 1)) + 1 > precision - 1) {
    std::string digits = scientific.substr(0, e);
    if (digits.find('.') != std::string::npos) {
      digits.erase(digits.find_last_not_of('0') + 1);
      if (digits.back() == '.') digits.pop_back();
    }
    return digits + scientific.substr(e);
  }
  std::string text = fmt::format("{:.{}g}", value, precision);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

/// Digits of a number that is not negative, without sign or padding.
std::string magnitude_text(double value, const FormatSpec& spec) {
  const int precision = spec.precision.value_or(6);
  switch (spec.type) {
    case 'e':
      return fmt::format("{:.{}e}", value, precision);
    case 'E':
      return fmt::format("{:.{}E}", value, precision);
    case 'f':
      return fmt::format("{:.{}f}", value, precision);
    case 'F':
      return fmt::format("{:.{}F}", value, precision);
    case 'g':
      return fmt::format("{:.{}g}", value, precision);
    case 'G':
      return fmt::format("{:.{}G}", value, precision);
    case '%':
      return fmt::format("{:.{}f}%", value * 100, precision);
    case 'd':
      fail("the type 'd' is for whole numbers (epoch and batch); use f, e, g or %");
    default:
      return spec.precision ? general_with_point(value, precision) : python_text(value);
  }
}

std::string padded(const std::string& sign, const std::string& digits, const FormatSpec& spec) {
  const std::size_t size = sign.size() + digits.size();
  if (size >= spec.width) return sign + digits;
  const std::size_t space = spec.width - size;
  const std::size_t before = spec.align == '<' ? 0 : spec.align == '^' ? space / 2 : space;
  if (spec.align == '=') return sign + std::string(space, spec.fill) + digits;
  return std::string(before, spec.fill) + sign + digits + std::string(space - before, spec.fill);
}

}  // namespace

FormatSpec parse_format_spec(std::string_view text) {
  const std::string_view whole = text;
  FormatSpec spec;
  const auto next = [&](std::string_view among) -> char {
    if (text.empty() || among.find(text[0]) == std::string_view::npos) return 0;
    const char c = text[0];
    text.remove_prefix(1);
    return c;
  };
  bool aligned = true;
  if (text.size() > 1 && kAligns.find(text[1]) != std::string_view::npos) {
    spec.fill = text[0];
    spec.align = text[1];
    text.remove_prefix(2);
  } else if (const char align = next(kAligns)) {
    spec.align = align;
  } else {
    aligned = false;
  }
  const bool filled = aligned && text.data() - whole.data() == 2;
  if (const char sign = next("+- ")) spec.sign = sign;
  if (next("0") != 0) {
    if (!filled) spec.fill = '0';
    if (!aligned) spec.align = '=';
  }
  spec.width = static_cast<std::size_t>(read_number(text));
  if (next(".") != 0) {
    if (text.empty() || !is_digit(text[0])) fail("'{}' has no digits after the point", whole);
    spec.precision = read_number(text);
  }
  spec.type = next("deEfFgG%");
  if (!text.empty()) {
    fail(
        "'{}' cannot be read from '{}' on; a format is [[fill]align][sign][0][width][.precision] and one of "
        "d, e, f, g and %",
        whole, text);
  }
  return spec;
}

std::string format_number(const PythonNumber& number, const FormatSpec& spec) {
  double value = 0;
  if (const auto* whole = std::get_if<std::int64_t>(&number)) {
    if (spec.type == 0 || spec.type == 'd') {
      if (spec.precision) fail("a precision is not for whole numbers");
      return padded(*whole < 0         ? "-"
                    : spec.sign == '-' ? ""
                                       : std::string(1, spec.sign),
                    fmt::format("{}", *whole < 0 ? -*whole : *whole), spec);
    }
    value = static_cast<double>(*whole);
  } else {
    value = std::get<double>(number);
  }
  const bool negative = std::signbit(value) && !std::isnan(value);
  return padded(negative           ? "-"
                : spec.sign == '-' ? ""
                                   : std::string(1, spec.sign),
                magnitude_text(std::isnan(value) ? std::abs(value)
                               : negative        ? -value
                                                 : value,
                               spec),
                spec);
}

}  // namespace fovea
