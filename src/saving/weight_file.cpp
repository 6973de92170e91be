#include "saving/weight_file.h"

#include "core/log.h"
#include "saving/hdf5_writer.h"
#include "saving/weight_layout.h"

namespace fovea {
namespace {

std::vector<Variable> optimizer_variables(const ModelImpl& model) {
  OptimizerImpl& optimizer = *model.compiled->options.optimizer.impl();
  // Before the first step Keras, too, stores the iteration and the rate alone.
  if (!optimizer.has_slots()) return optimizer.variables({});
  return optimizer.variables(model.collect_weights(true));
}

void write_group(Hdf5Writer& file, const std::string& path, const std::string& name,
                 const std::vector<Variable>& variables) {
  file.make_group(path);
  file.set_attribute(path, "name", name);
  for (std::size_t i = 0; i < variables.size(); ++i)
    file.write(fmt::format("{}/{}", path, i), variables[i].value());
}

/// What a variable takes once all of it was found to fit: a dataset, or a value.
struct Assignment {
  Variable variable;
  std::string dataset;
  Tensor value = {};
};
using Assignments = std::vector<Assignment>;

class WeightReader {
 public:
  WeightReader(const Hdf5Reader& file, bool skip_mismatch) : file_(file), skip_mismatch_(skip_mismatch) {
    const std::vector<std::string> names = file_.children("");
    const auto has = [&](const char* name) {
      return std::find(names.begin(), names.end(), name) != names.end();
    };
    old_names_ = !has("layers") && has("_layer_checkpoint_dependencies");
    if (!has("layers") && !has("vars") && !old_names_) {
      std::string found;
      for (const std::string& name : names) found += (found.empty() ? "'" : ", '") + name + "'";
      fail("holds no weights as Keras 3 writes them. Found: {}", found.empty() ? "nothing" : found);
    }
  }

  /// Nothing is changed yet.
  Assignments find(const ModelImpl& model) {
    Assignments assignments;
    for (const WeightGroup& group : weight_groups(model)) {
      if (!group.variables.empty()) unless_skipped([&] { read_group(group, assignments); });
    }
    for (const OptimizerGroup& group : optimizer_groups(model))
      unless_skipped([&] { read_optimizer(group, assignments); });
    return assignments;
  }

 private:
  /// What does not fit is left out if that was asked for; what was read of it before stays, as in Keras.
  template <class Read>
  void unless_skipped(Read&& read) const {
    if (!skip_mismatch_) return read();
    try {
      read();
    } catch (const Error& error) {
      log_message(fmt::format("Weights are left out, since {}", error.what()));
    }
  }

  /// Keras 2.12 and 2.13 called a model's layers by another name.
  std::string place(const std::string& path) const {
    if (!old_names_) return path;
    std::string result;
    for (std::size_t at = 0; at < path.size();) {
      const std::size_t end = std::min(path.find('/', at), path.size());
      const std::string part = path.substr(at, end - at);
      result += (at == 0 ? "" : "/") + (part == "layers" ? "_layer_checkpoint_dependencies" : part);
      at = end + 1;
    }
    return result;
  }

  void read_group(const WeightGroup& group, Assignments& assignments) const {
    const std::string path = place(group.path);
    const std::size_t found = file_.has(path) ? file_.children(path).size() : 0;
    if (found != group.variables.size()) {
      fail("'{}' has {} weights, {} needs {}{}", path, found, group.owner, group.variables.size(),
           file_.has(path) ? "" : ". There is no such place in the file; is it that of another model?");
    }
    for (std::size_t i = 0; i < group.variables.size(); ++i)
      assignments.push_back(read_one(fmt::format("{}/{}", path, i), group.variables[i], group.owner));
  }

  Assignment read_one(const std::string& path, const Variable& variable, const std::string& owner) const {
    const Shape found = file_.spec(path).shape, wanted = variable.spec().shape;
    if (!(found == wanted))
      fail("'{}' has shape {}, '{}' of {} needs {}", path, found.str(), variable.name(), owner, wanted.str());
    return {variable, path};
  }

  void read_optimizer(const OptimizerGroup& group, Assignments& assignments) const {
    const std::string path = place(group.path);
    if (!file_.has(path)) return;
    OptimizerImpl& optimizer = *group.model->compiled->options.optimizer.impl();
    const std::vector<Variable> trained = group.model->collect_weights(true);
    const std::size_t found = file_.children(path).size();
    std::vector<Variable> variables = optimizer.variables({});
    // A file of a model that was compiled and not trained has no slots; those that there are already go back
    // to what they were before the first step.
    const bool untrained = found == variables.size();
    if (!untrained || optimizer.has_slots()) variables = optimizer.variables(trained);
    if (untrained) {
      for (std::size_t i = found; i < variables.size(); ++i)
        assignments.push_back({variables[i], {}, optimizer.start_of(variables[i])});
      variables.resize(found);
    }
    // Keras 2 keeps the rate in the config alone.
    if (found + 1 == variables.size() && variables[1].name() == "learning_rate")
      variables.erase(variables.begin() + 1);
    if (found != variables.size()) {
      log_message(
          fmt::format("The optimizer's state is not read: '{}' has {} values and {} are needed. Layers may "
                      "have been frozen "
                      "or thawed since it was made. The optimizer starts anew.",
                      path, found, variables.size()));
      return;
    }
    const std::string owner = fmt::format("optimizer '{}'", optimizer.name);
    for (std::size_t i = 0; i < variables.size(); ++i)
      assignments.push_back(read_one(fmt::format("{}/{}", path, i), variables[i], owner));
  }

  const Hdf5Reader& file_;
  bool skip_mismatch_ = false, old_names_ = false;
};

}  // namespace

Hdf5File write_weight_file(const ModelImpl& model) {
  Hdf5Writer file;
  for (const WeightGroup& group : weight_groups(model))
    write_group(file, group.path, group.name, group.variables);
  for (const OptimizerGroup& group : optimizer_groups(model)) {
    write_group(file, group.path, group.model->compiled->options.optimizer.name(),
                optimizer_variables(*group.model));
  }
  return file.finish();
}

void read_weight_file(const ModelImpl& model, const Hdf5Reader& file, bool skip_mismatch) {
  for (Assignment& assignment : WeightReader(file, skip_mismatch).find(model)) {
    if (assignment.dataset.empty()) {
      assignment.variable.assign(assignment.value);
      continue;
    }
    Tensor target = assignment.variable.value();
    file.read_into(assignment.dataset, target);
    assignment.variable.touch();
  }
}

}  // namespace fovea
