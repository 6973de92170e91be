#include "saving/compile_json.h"

#include "core/format.h"
#include "optimizers/optimizer_impl.h"
#include "saving/json_access.h"
#include "saving/keras_options.h"

// Source: keras/src/trainers/trainer.py, get_compile_config and compile_from_config.

namespace fovea {
namespace {

constexpr const char* kAdvice = "Load without: LoadOptions{.compile = false}, and compile again";

/// An object as Keras serialises it; one of a class of one's own ("package>Class") as registered.
Json object_to_json(Configurable& object, std::string_view module) {
  Json result = write_object(object, module);
  const std::string class_name(object.class_name());
  if (class_name.find('>') == std::string::npos) return result;
  result["module"] = nullptr;
  result["class_name"] = class_name.substr(class_name.rfind('>') + 1);
  result["registered_name"] = class_name;
  return result;
}

Json item_to_json(const Loss& loss) {
  if (!loss) return nullptr;
  return loss.identifier().empty() ? object_to_json(*loss.impl(), "keras.losses") : Json(loss.identifier());
}
Json item_to_json(const Metric& metric) {
  return metric.identifier().empty() ? object_to_json(*metric.impl(), "keras.metrics")
                                     : Json(metric.identifier());
}
Json item_to_json(double number) { return number; }
template <class T>
Json item_to_json(const std::vector<T>& items) {
  Json list = Json::array();
  for (const T& item : items) list.push_back(item_to_json(item));
  return list;
}

template <class T>
Json by_name_to_json(const std::map<std::string, T>& by_name) {
  Json result = Json::object();
  for (const auto& [name, item] : by_name) result[name] = item_to_json(item);
  return result;
}

template <class T>
Json per_output_to_json(const PerOutput<T>& given) {
  if (given.empty()) return nullptr;
  if (!given.by_name().empty()) return by_name_to_json(given.by_name());
  return given.list().size() == 1 ? item_to_json(given.list()[0]) : item_to_json(given.list());
}

Json metrics_to_json(const MetricList& given) {
  if (given.empty()) return nullptr;
  return given.by_name().empty() ? item_to_json(given.list()) : by_name_to_json(given.by_name());
}

// ---- reading ----

/// A handle (loss, metric, optimizer) as the one option of an object, so that it is read as options are.
template <class Handle>
class Holder final : public Configurable {
 public:
  std::string_view class_name() const override { return "compile"; }
  void fields(FieldVisitor& visitor) override { field(visitor, "object", handle); }
  Handle handle;
};

/// With tensors among the options as plain lists: Keras writes a metric's label_weights so.
Json without_tensors(const Json& value) {
  if (!value.is_structured()) return value;
  if (value.is_object() && value.value("class_name", Json()) == "__tensor__" && value.contains("config") &&
      value["config"].is_object()) {
    return value["config"].value("value", Json());
  }
  Json result = value;
  for (auto& item : result) item = without_tensors(Json(item));
  return result;
}

template <class Handle>
Handle read_object(const Json& object, const std::string& where) {
  const Json plain = plain_config({{"object", without_tensors(object)}}, where);
  if (plain["object"].is_string()) return Handle(plain["object"].get<std::string>());
  if (!plain["object"].is_object())
    fail("{}: must be a name or an object. Received: {}", where, shown(plain["object"]));
  Holder<Handle> holder;
  read_config(holder, plain, where);
  if (plain["object"].contains("config"))
    check_options(plain["object"]["config"], write_config(*holder.handle.impl()), where);
  return holder.handle;
}

template <class T>
T read_item(const Json& item, const std::string& where) {
  if constexpr (std::is_same_v<T, double>) {
    if (!item.is_number()) fail("{}: must be a number. Received: {}", where, shown(item));
    return item.get<double>();
  } else {
    return item.is_null() ? T{} : read_object<T>(item, where);
  }
}

bool is_by_name(const Json& value) { return value.is_object() && !value.contains("class_name"); }

template <class T>
PerOutput<T> read_per_output(const Json& value, const std::string& where) {
  if (value.is_null()) return {};
  if (value.is_array()) {
    std::vector<T> list;
    for (const Json& item : value) list.push_back(read_item<T>(item, where));
    return list;
  }
  if (is_by_name(value)) {
    std::map<std::string, T> by_name;
    for (const auto& [name, item] : value.items()) by_name[name] = read_item<T>(item, where);
    return by_name;
  }
  return read_item<T>(value, where);
}

/// One metric or a list of them.
std::vector<Metric> read_metrics_of_one(const Json& value, const std::string& where) {
  std::vector<Metric> metrics;
  if (value.is_null()) return metrics;
  if (!value.is_array()) return {read_object<Metric>(value, where)};
  for (const Json& item : value) {
    if (!item.is_null()) metrics.push_back(read_object<Metric>(item, where));
  }
  return metrics;
}

MetricList read_metrics(const Json& value, const std::vector<std::string>& outputs,
                        const std::string& where) {
  if (value.is_null()) return {};
  std::map<std::string, std::vector<Metric>> by_name;
  if (is_by_name(value)) {
    for (const auto& [name, item] : value.items()) by_name[name] = read_metrics_of_one(item, where);
    return by_name;
  }
  // A list for each output, or for the one there is; a plain list otherwise.
  const bool nested = value.is_array() && std::any_of(value.begin(), value.end(), [](const Json& item) {
                        return item.is_array() || item.is_null();
                      });
  if (!nested) return read_metrics_of_one(value, where);
  if (value.size() != outputs.size())
    fail("{}: {} lists for {} outputs", where, value.size(), outputs.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) by_name[outputs[i]] = read_metrics_of_one(value[i], where);
  return by_name;
}

}  // namespace

Json compile_to_json(const Compiled& compiled) {
  const CompileOptions& options = compiled.options;
  return {{"optimizer", object_to_json(*options.optimizer.impl(), "keras.optimizers")},
          {"loss", per_output_to_json(options.loss)},
          {"loss_weights", per_output_to_json(options.loss_weights)},
          {"metrics", metrics_to_json(options.metrics)},
          {"weighted_metrics", metrics_to_json(options.weighted_metrics)},
          {"run_eagerly", false},
          {"steps_per_execution", 1},
          {"jit_compile", false}};
}

CompileOptions compile_from_json(const Json& config, const std::vector<std::string>& outputs) {
  const std::string where = "compile_config";
  try {
    const Json none(nullptr);
    const auto value = [&](const char* name) -> const Json& {
      const auto found = config.find(name);
      return found == config.end() ? none : *found;
    };
    for (const auto& [name, item] : config.items()) {
      // How Keras runs its steps changes no result.
      constexpr std::string_view kKnown[] = {
          "optimizer",           "loss",       "loss_weights", "metrics", "run_eagerly", "weighted_metrics",
          "steps_per_execution", "jit_compile"};
      if (std::find(std::begin(kKnown), std::end(kKnown), name) == std::end(kKnown))
        fail("{}: there is no option '{}' in fovea. Received: {}", where, name, shown(item));
    }
    CompileOptions options;
    if (!value("optimizer").is_null())
      options.optimizer = read_object<Optimizer>(value("optimizer"), where + ", optimizer");
    options.loss = read_per_output<Loss>(value("loss"), where + ", loss");
    options.loss_weights = read_per_output<double>(value("loss_weights"), where + ", loss_weights");
    options.metrics = read_metrics(value("metrics"), outputs, where + ", metrics");
    options.weighted_metrics = read_metrics(value("weighted_metrics"), outputs, where + ", weighted_metrics");
    return options;
  } catch (const Error& error) {
    fail("{}. {}", error.what(), kAdvice);
  }
}

}  // namespace fovea
