#include "callbacks/state.h"

namespace fovea {

void visit_names(StateVisitor& visitor, std::string_view field, std::vector<std::string>& names) {
  std::string lines;
  for (const std::string& name : names) lines += name + "\n";
  visitor.field(field, lines);
  names.clear();
  for (std::size_t begin = 0, end; (end = lines.find('\n', begin)) != std::string::npos; begin = end + 1) {
    names.push_back(lines.substr(begin, end - begin));
  }
}

}  // namespace fovea
