#include "callbacks/path_template.h"

#include "core/format.h"

namespace fovea {
namespace {

bool counts(std::string_view name) { return name == "epoch" || name == "batch"; }

}  // namespace

PathTemplate::PathTemplate(const std::string& text) : text_(text) {
  std::string literal;
  const auto end_literal = [&] {
    if (!literal.empty()) pieces_.push_back({literal});
    literal.clear();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c != '{' && c != '}') {
      literal += c;
    } else if (i + 1 < text.size() && text[i + 1] == c) {
      literal += c;
      ++i;
    } else if (c == '}') {
      fail("path '{}': a '}}' without '{{'; write }}}} for a brace in the path", text);
    } else {
      const std::size_t end = text.find_first_of("{}", i + 1);
      if (end == std::string::npos || text[end] == '{') {
        fail("path '{}': a '{{' without '}}'; write {{{{ for a brace in the path", text);
      }
      end_literal();
      add_field(std::string_view(text).substr(i + 1, end - i - 1));
      i = end;
    }
  }
  end_literal();
}

void PathTemplate::add_field(std::string_view inner) {
  const std::size_t colon = inner.find(':');
  const std::string_view name = inner.substr(0, colon);
  const std::string_view spec = colon == std::string_view::npos ? "" : inner.substr(colon + 1);
  if (name.empty() || name.find('!') != std::string_view::npos) {
    fail("path '{}': a field '{{{}}}' without a plain name, such as {{epoch:02d}} or {{val_loss:.2f}}", text_,
         inner);
  }
  Piece piece{std::string(name), true};
  try {
    piece.spec = parse_format_spec(spec);
    // So that a type which does not fit is found now and not after the first epoch.
    format_number(counts(name) ? PythonNumber(std::int64_t{1}) : PythonNumber(0.5), piece.spec);
  } catch (const Error& error) {
    fail("path '{}', field '{{{}}}': {}", text_, inner, error.what());
  }
  pieces_.push_back(piece);
}

std::string PathTemplate::fill(std::int64_t epoch, std::optional<std::int64_t> batch,
                               const Logs& logs) const {
  std::string result;
  for (const Piece& piece : pieces_) {
    if (!piece.is_field) {
      result += piece.text;
    } else if (piece.text == "epoch") {
      result += format_number(epoch + 1, piece.spec);
    } else if (const double* value = logs.find(piece.text)) {
      result += format_number(*value, piece.spec);
    } else if (piece.text == "batch" && batch) {
      result += format_number(*batch + 1, piece.spec);
    } else {
      std::string known = batch ? "epoch, batch" : "epoch";
      for (const auto& [name, number] : logs) known += ", " + name;
      fail("path '{}': there is no '{}' to fill in. There are: {}", text_, piece.text, known);
    }
  }
  return result;
}

}  // namespace fovea
