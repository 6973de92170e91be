#include "saving/legacy_optimizer.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "core/log.h"
#include "saving/legacy_weights.h"

// The state of an optimizer in a group optimizer_weights, whose attribute says the order. Of trained weights
// a/kernel, a/bias with Adam:
//   Keras 3            adam/iteration, adam/learning_rate, adam/a_kernel_momentum, adam/a_kernel_velocity,
//   ... tf.keras from 2.11 iteration:0, Adam/m/a/kernel:0, Adam/v/a/kernel:0, Adam/m/a/bias:0, ... tf.keras
//   before    Adam/iter:0, Adam/a/kernel/m:0, Adam/a/bias/m:0, Adam/a/kernel/v:0, ... Keras 2
//   Adam/iterations:0, training/Adam/Variable:0, ...: first all m, then all v
// Sources: keras/src/legacy/saving/legacy_h5_format.py; tf_keras/src/optimizers/ and optimizers/legacy/.

namespace fovea {
namespace {

constexpr const char* kGroup = "optimizer_weights";
constexpr const char* kNames = "weight_names";

std::vector<std::string> components(std::string name) {
  if (const std::size_t colon = name.rfind(':'); colon != std::string::npos) name.resize(colon);
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= name.size();) {
    const std::size_t end = std::min(name.find('/', at), name.size());
    parts.push_back(name.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

/// "layer/weight" of a weight's path.
std::string layer_and_weight(std::span<const std::string> parts) {
  if (parts.size() < 2) return {};
  return parts[parts.size() - 2] + "/" + parts.back();
}

/// The slot that Keras 2 called so, in Keras 3's words; empty: none.
std::string slot_of(const std::string& word) {
  static const std::map<std::string, std::string> slots = {
      {"m", "momentum"},          {"momentum", "momentum"},
      {"v", "velocity"},          {"velocity", "velocity"},
      {"rms", "velocity"},        {"vhat", "velocity_hat"},
      {"mg", "average_gradient"}, {"average_gradient", "average_gradient"}};
  const auto found = slots.find(word);
  return found == slots.end() ? std::string() : found->second;
}

class StateReader {
 public:
  StateReader(const ModelImpl& model, const Hdf5Reader& file)
      : model_(model),
        optimizer_(*model.compiled->options.optimizer.impl()),
        file_(file),
        trained_(trained_weights(model)) {
    for (const NamedWeight& weight : trained_) variables_.push_back(weight.variable);
    // Keras 2 may have slots that are not used, such as those of a momentum of 0.
    constexpr std::size_t kMostSlots = 8, kScalars = 8;
    names_ = name_list(file, kGroup, kNames, kMostSlots * trained_.size() + kScalars);
  }

  void read() {
    const auto version = file_.texts("", "keras_version");
    if (version && version->size() == 1 && version->front().rfind("3.", 0) == 0) {
      read_keras_3();
    } else {
      read_keras_2();
    }
    for (auto& [variable, value] : assignments_) variable.assign(value);
  }

 private:
  void read_keras_3() {
    const std::vector<Variable> before_first_step = optimizer_.variables({});
    const bool is_fresh = names_.size() == before_first_step.size();
    const std::vector<Variable> wanted = is_fresh ? before_first_step : optimizer_.variables(variables_);
    if (names_.size() != wanted.size())
      fail("it has {} values and {} are needed", names_.size(), wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) take(wanted[i], names_[i]);
  }

  void read_keras_2() {
    sort_names();
    const std::vector<std::string> slots = optimizer_.slot_names();
    if (by_slot_.empty() && !unnamed_.empty()) number_slots(slots);
    if (by_slot_.empty()) return;  // compiled and not trained
    for (std::size_t i = 0; i < slots.size(); ++i) {
      const auto found = by_slot_.find(slots[i]);
      if (found == by_slot_.end()) fail("it has no '{}'", slots[i]);
      const std::vector<std::string> names = in_order(found->second, slots[i]);
      for (std::size_t k = 0; k < trained_.size(); ++k) take(optimizer_.slots_of(variables_[k])[i], names[k]);
    }
  }

  struct Slot {
    std::string name, weight;  ///< in the file; "layer/weight"
  };

  void sort_names() {
    for (const std::string& name : names_) {
      const std::vector<std::string> parts = components(name);
      const std::span<const std::string> all(parts);
      const std::string& last = parts.back();
      // Keras 2 may have numbered it: iterations_1.
      if (last == "iter" || last == "iteration" || last.rfind("iterations", 0) == 0) {
        take(optimizer_.iterations, name);
      } else if (last == "learning_rate") {
        take(optimizer_.learning_rate, name);
      } else if (const std::string slot = slot_of(last); !slot.empty()) {
        by_slot_[slot].push_back({name, layer_and_weight(all.first(all.size() - 1))});
      } else if (const std::string second = parts.size() > 2 ? slot_of(parts[1]) : ""; !second.empty()) {
        by_slot_[second].push_back({name, layer_and_weight(all)});
      } else {
        unnamed_.push_back(name);
      }
    }
  }

  /// Slot after slot, each with all weights: in the model's order or, as the first versions of Keras 2 had
  /// it, by the names that the weights have in the file.
  void number_slots(const std::vector<std::string>& slots) {
    std::vector<std::size_t> order(trained_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::vector<std::size_t> by_name = order;
    const std::map<const void*, std::string> names = legacy_weight_names(model_, file_);
    std::sort(by_name.begin(), by_name.end(), [&](std::size_t a, std::size_t b) {
      return names.at(variables_[a].id()) < names.at(variables_[b].id());
    });
    const bool fits = fits_in(order, slots.size()), fits_by_name = fits_in(by_name, slots.size());
    if (!fits && !fits_by_name) fail("its values have other shapes than the model's weights");
    if (fits && fits_by_name && order != by_name) fail("it does not say which values belong to which weight");
    if (!fits) order = by_name;
    for (std::size_t i = 0; i < slots.size(); ++i) {
      std::vector<Slot>& slot = by_slot_[slots[i]];
      slot.resize(order.size());
      for (std::size_t k = 0; k < order.size(); ++k) slot[order[k]].name = unnamed_[i * order.size() + k];
    }
  }

  /// Do the unnamed values have the shapes of the trained weights in this order, slot after slot?
  bool fits_in(const std::vector<std::size_t>& order, std::size_t slots) const {
    if (unnamed_.size() < slots * order.size()) return false;
    for (std::size_t at = 0; at < slots * order.size(); ++at) {
      const Shape wanted = variables_[order[at % order.size()]].spec().shape;
      if (!(file_.spec(path(unnamed_[at])).shape == wanted)) return false;
    }
    return true;
  }

  /// Names in the order of the trained weights: by layer and weight where all are known and different,
  /// otherwise as they stand in the file.
  std::vector<std::string> in_order(const std::vector<Slot>& slots, const std::string& what) const {
    if (slots.size() != trained_.size())
      fail("it has {} values of '{}' and {} are needed", slots.size(), what, trained_.size());
    std::map<std::string, std::string> by_weight;
    for (const Slot& slot : slots) by_weight.emplace(slot.weight, slot.name);
    std::vector<std::string> known, names;
    for (const Slot& slot : slots) names.push_back(slot.name);
    std::set<std::string> seen;
    for (const NamedWeight& weight : trained_) {
      const std::vector<std::string> parts = components(weight.path);
      const auto found = by_weight.find(layer_and_weight(parts));
      if (found == by_weight.end() || !seen.insert(found->second).second) return names;
      known.push_back(found->second);
    }
    return known;
  }

  std::string path(const std::string& name) const { return fmt::format("{}/{}", kGroup, name); }

  void take(const Variable& variable, const std::string& name) {
    const Shape found = file_.spec(path(name)).shape, wanted = variable.spec().shape;
    if (!(found == wanted)) fail("'{}' has shape {} and {} is needed", path(name), found.str(), wanted.str());
    assignments_.emplace_back(variable, file_.read(path(name)));
  }

  const ModelImpl& model_;
  OptimizerImpl& optimizer_;
  const Hdf5Reader& file_;
  std::vector<NamedWeight> trained_;
  std::vector<Variable> variables_;
  std::vector<std::string> names_, unnamed_;
  std::map<std::string, std::vector<Slot>> by_slot_;
  std::vector<std::pair<Variable, Tensor>> assignments_;
};

/// Names of a state in the order of OptimizerImpl::variables, as Keras 3 makes them.
std::vector<std::string> state_names(OptimizerImpl& optimizer, const std::vector<NamedWeight>& trained,
                                     const std::vector<Variable>& state) {
  std::map<const void*, std::string> names = {{optimizer.iterations.id(), "iteration"},
                                              {optimizer.learning_rate.id(), "learning_rate"}};
  const std::vector<std::string> slots = optimizer.slot_names();
  for (const NamedWeight& weight : trained) {
    if (!optimizer.has_slots()) break;
    std::string path = weight.path;
    std::replace(path.begin(), path.end(), '/', '_');
    for (std::size_t i = 0; i < slots.size(); ++i)
      names[optimizer.slots_of(weight.variable)[i].id()] = path + "_" + slots[i];
  }
  std::vector<std::string> result;
  std::set<std::string> taken;
  for (const Variable& variable : state) {
    const std::string name = fmt::format("{}/{}", optimizer.name, names.at(variable.id()));
    std::string unique = name;
    for (int count = 1; !taken.insert(unique).second; ++count) unique = fmt::format("{}_{}", name, count);
    result.push_back(unique);
  }
  return result;
}

}  // namespace

void read_legacy_optimizer(const ModelImpl& model, const Hdf5Reader& file) {
  if (!file.has(kGroup)) return;
  try {
    StateReader(model, file).read();
  } catch (const Error& error) {
    log_message(fmt::format("The optimizer's state is not read: {}: {}. The optimizer starts anew.", kGroup,
                            error.what()));
  }
}

void write_legacy_optimizer(const ModelImpl& model, Hdf5Writer& file) {
  OptimizerImpl& optimizer = *model.compiled->options.optimizer.impl();
  const std::vector<NamedWeight> trained = trained_weights(model);
  std::vector<Variable> variables;
  for (const NamedWeight& weight : trained) variables.push_back(weight.variable);
  // Before the first step Keras, too, stores the iteration and the rate alone.
  const std::vector<Variable> state =
      optimizer.has_slots() ? optimizer.variables(variables) : optimizer.variables({});
  const std::vector<std::string> names = state_names(optimizer, trained, state);
  file.make_group(kGroup);
  file.set_texts(kGroup, kNames, names);
  for (std::size_t i = 0; i < state.size(); ++i)
    file.write(fmt::format("{}/{}", kGroup, names[i]), state[i].value());
}

}  // namespace fovea
