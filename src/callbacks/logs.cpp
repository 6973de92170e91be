#include <algorithm>

#include "callbacks/state.h"
#include "core/format.h"

namespace fovea {
namespace {

template <class Entries>
[[noreturn]] void fail_unknown(const char* what, std::string_view name, const Entries& entries) {
  std::string known;
  for (const auto& entry : entries) known += (known.empty() ? "" : ", ") + entry.first;
  fail("{}: there is no '{}'. There are: {}", what, name, known.empty() ? "none" : known);
}

template <class Entries>
auto find_entry(Entries& entries, std::string_view name) {
  return std::find_if(entries.begin(), entries.end(), [&](const auto& entry) { return entry.first == name; });
}

}  // namespace

const double* Logs::find(std::string_view name) const {
  const auto found = find_entry(values_, name);
  return found == values_.end() ? nullptr : &found->second;
}

double Logs::operator[](std::string_view name) const {
  if (const double* value = find(name)) return *value;
  fail_unknown("Logs", name, values_);
}

void Logs::set(std::string_view name, double value) {
  const auto found = find_entry(values_, name);
  if (found != values_.end()) {
    found->second = value;
  } else {
    values_.emplace_back(std::string(name), value);
  }
}

void History::on_train_begin(const Logs&) {
  epoch.clear();
  history.clear();
}

void History::on_epoch_end(std::int64_t number, Logs& logs) {
  epoch.push_back(number);
  for (const auto& [name, value] : logs) {
    auto found = find_entry(history, name);
    if (found == history.end()) found = history.insert(history.end(), {name, {}});
    found->second.push_back(value);
  }
}

void History::state(StateVisitor& visitor) {
  visitor.field("epoch", epoch);
  std::vector<std::string> names;
  for (const auto& [name, values] : history) names.push_back(name);
  visit_names(visitor, "names", names);
  history.resize(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    history[i].first = names[i];
    visitor.field("values/" + names[i], history[i].second);
  }
}

const std::vector<double>& History::operator[](std::string_view name) const {
  const auto found = find_entry(history, name);
  if (found == history.end()) fail_unknown("History", name, history);
  return found->second;
}

}  // namespace fovea
