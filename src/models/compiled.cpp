#include "models/compiled.h"

#include <algorithm>

#include "models/model_impl.h"

// Which loss and which metrics belong to which output. Source: keras/src/trainers/compile_utils.py.

namespace fovea {
namespace {

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "'" : ", '") + name + "'";
  return text;
}

template <class T>
void require_names(const char* option, const std::map<std::string, T>& by_name,
                   const std::vector<std::string>& names) {
  for (const auto& [name, value] : by_name) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    fail("compile: {} names an output '{}'. The outputs are: {}", option, name, joined(names));
  }
}

template <class T>
std::vector<T> per_output(const char* option, const PerOutput<T>& given,
                          const std::vector<std::string>& names, T otherwise) {
  require_names(option, given.by_name(), names);
  std::vector<T> result(names.size(), otherwise);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto found = given.by_name().find(names[i]);
    if (found != given.by_name().end()) result[i] = found->second;
  }
  if (given.list().size() == 1) {
    std::fill(result.begin(), result.end(), given.list()[0]);
  } else if (!given.list().empty()) {
    if (given.list().size() != names.size()) {
      fail("compile: {} must have one entry for each of the {} outputs ({}). Received: {}", option,
           names.size(), joined(names), given.list().size());
    }
    result = given.list();
  }
  return result;
}

std::vector<std::vector<Metric>> metrics_per_output(const char* option, const MetricList& given,
                                                    const std::vector<std::string>& names) {
  require_names(option, given.by_name(), names);
  std::vector<std::vector<Metric>> result(names.size());
  if (names.size() == 1 && !given.list().empty()) {
    result[0] = given.list();
    return result;
  }
  if (!given.list().empty() && given.list().size() != names.size()) {
    fail(
        "compile: {} of a model with {} outputs is given by their names ({}), or as one for each. Received: "
        "{}",
        option, names.size(), joined(names), given.list().size());
  }
  for (std::size_t i = 0; i < given.list().size(); ++i) result[i] = {given.list()[i]};
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto found = given.by_name().find(names[i]);
    if (found != given.by_name().end()) result[i] = found->second;
  }
  return result;
}

/// Logs hold one number for each metric.
void require_single_figures(const char* option, const std::vector<std::vector<Metric>>& metrics) {
  for (const std::vector<Metric>& of_output : metrics) {
    for (const Metric& metric : of_output) {
      if (!metric.impl() || metric.impl()->is_single()) continue;
      fail(
          "compile: {} holds '{}', which has several figures, one for each class or threshold, and logs hold "
          "one for each metric; give it an average, or one threshold. Received: {}",
          option, metric.key(), metric.impl()->class_name());
    }
  }
}

}  // namespace

std::shared_ptr<const Compiled> make_compiled(const ModelImpl& model, const CompileOptions& options) {
  if (!options.optimizer) fail("compile: an optimizer is needed");
  auto compiled = std::make_shared<Compiled>();
  compiled->options = options;
  for (const SymbolicTensor& output : model.outputs()) compiled->names.push_back(output.call()->layer->name);
  const std::vector<std::string>& names = compiled->names;
  compiled->losses = per_output("loss", options.loss, names, Loss{});
  compiled->loss_weights = per_output("loss_weights", options.loss_weights, names, 1.0);
  compiled->metrics = metrics_per_output("metrics", options.metrics, names);
  compiled->weighted_metrics = metrics_per_output("weighted_metrics", options.weighted_metrics, names);
  require_single_figures("metrics", compiled->metrics);
  require_single_figures("weighted_metrics", compiled->weighted_metrics);
  return compiled;
}

}  // namespace fovea
