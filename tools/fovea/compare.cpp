#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>

#include "arrays.h"
#include "commands.h"
#include "core/format.h"
#include "errors.h"
#include "model_source.h"
#include "record.h"
#include "report.h"
#include "training_options.h"

namespace fovea::program {
namespace {

constexpr double default_tolerance = 1e-4;
/// A gradient so small beside the others of its layer is one of 0 but for rounding: of a bias in front of a
/// softmax, say.
constexpr double rounding_share = 1e-5;

struct ComparisonOptions {
  std::string model;
  std::optional<std::string> against, input;
  std::optional<std::int64_t> samples, seed;
  double tolerance = default_tolerance;
  bool no_gradients = false;
  int threads = 0;
};

/// Of a tensor and what was expected.
struct Comparison {
  double difference = 0;  ///< the largest, as a share of the largest number expected
  double largest = 0;     ///< number of both sides; infinity where they differ in what is not finite
};

/// Ours beside what was expected under the same name.
struct Row {
  std::string name, class_name;
  Shape shape;
  Comparison found;
  bool rounding = false;  ///< it departs, in a gradient that is 0 but for rounding

  bool departs(double tolerance) const { return !(found.difference <= tolerance) && !rounding; }
};

/// Numbers that are not finite must be the same.
Comparison compare(const Tensor& ours, const Tensor& expected) {
  const Tensor a = ours.astype(DType::float64), b = expected.astype(DType::float64);
  double difference = 0, largest = 0, largest_of_ours = 0;
  for (std::int64_t i = 0; i < a.size(); ++i) {
    const double x = a.data<double>()[i], y = b.data<double>()[i];
    if (std::isfinite(x) && std::isfinite(y)) {
      difference = std::max(difference, std::abs(x - y));
      largest = std::max(largest, std::abs(y));
      largest_of_ours = std::max(largest_of_ours, std::abs(x));
    } else if (!(x == y || (std::isnan(x) && std::isnan(y)))) {
      return {.difference = std::numeric_limits<double>::infinity(),
              .largest = std::numeric_limits<double>::infinity()};
    }
  }
  return {.difference = difference == 0 ? 0 : difference / largest,
          .largest = std::max(largest, largest_of_ours)};
}

/// In our order. Throws Error when the two do not have the same names and shapes.
std::vector<Row> compare(const std::vector<NamedValue>& ours, const std::vector<NamedValue>& expected,
                         const std::string& what) {
  std::map<std::string, const NamedValue*> by_name;
  for (const NamedValue& value : expected) {
    if (!by_name.emplace(value.name, &value).second) fail("two {} are named '{}'", what, value.name);
  }
  std::vector<Row> rows;
  for (const NamedValue& value : ours) {
    const auto found = by_name.find(value.name);
    if (found == by_name.end()) fail("'{}' of the model is not among the {} of the record", value.name, what);
    const Shape shape = value.value.shape(), other = found->second->value.shape();
    if (!(shape == other))
      fail("'{}' has shape {} in the model and {} in the record", value.name, shape.str(), other.str());
    // Records have float32 where a layer gives bfloat16.
    const DType dtype = value.value.dtype(), recorded = found->second->value.dtype();
    if (dtype != recorded && !(is_floating(dtype) && is_floating(recorded)))
      fail("'{}' is {} in the model and {} in the record", value.name, fovea::name(dtype),
           fovea::name(recorded));
    rows.push_back({value.name, value.class_name, shape, compare(value.value, found->second->value)});
    by_name.erase(found);
  }
  if (!by_name.empty())
    fail("'{}' of the record is not among the {} of the model", by_name.begin()->first, what);
  return rows;
}

/// "conv/bias" is of "conv".
std::string layer_of(const Row& gradient) { return gradient.name.substr(0, gradient.name.rfind('/')); }

/// Marks those that depart and are nothing but rounding, and counts them.
std::int64_t mark_roundings(std::vector<Row>& gradients, double tolerance) {
  std::map<std::string, double> largest;
  for (const Row& row : gradients) {
    double& of_layer = largest[layer_of(row)];
    if (std::isfinite(row.found.largest)) of_layer = std::max(of_layer, row.found.largest);
  }
  std::int64_t count = 0;
  for (Row& row : gradients) {
    row.rounding = row.departs(tolerance) && row.found.largest <= rounding_share * largest[layer_of(row)];
    if (row.rounding) ++count;
  }
  return count;
}

/// The end of a text that is too long for its column: paths differ there.
std::string cut(const std::string& text, std::size_t width) {
  return text.size() <= width ? text : ".." + text.substr(text.size() - width + 2);
}

/// 80 columns. Gradients have no class, and longer names.
void print_table(const char* title, const std::vector<Row>& rows, double tolerance) {
  constexpr std::size_t name_width = 26, class_width = 22, shape_width = 19;
  const bool classes = !rows[0].class_name.empty();
  const auto print = [&](char mark, const std::string& name, const std::string& class_name,
                         const std::string& shape, const std::string& difference) {
    const std::string kind = classes ? fmt::format(" {:<{}}", cut(class_name, class_width), class_width) : "";
    const std::size_t width = classes ? name_width : name_width + 1 + class_width;
    fmt::print("{} {:<{}}{} {:<{}} {:>8}\n", mark, cut(name, width), width, kind, cut(shape, shape_width),
               shape_width, difference);
  };
  print(' ', title, "class", "shape", "differs");
  for (const Row& row : rows) {
    const char mark = row.departs(tolerance) ? '!' : ' ';
    print(row.rounding ? '~' : mark, row.name, row.class_name, row.shape.str(),
          row.found.difference == 0 ? "0" : fmt::format("{:.1e}", row.found.difference));
  }
}

/// Of rows beyond the tolerance, the first.
const Row* first_beyond(const std::vector<Row>& rows, double tolerance) {
  for (const Row& row : rows) {
    if (row.departs(tolerance)) return &row;
  }
  return nullptr;
}

void check_options(const ComparisonOptions& options) {
  const auto excludes = [](const char* one, bool one_given, const char* other, bool other_given) {
    if (one_given && other_given) usage_error("give {} or {}, not both", one, other);
  };
  const bool against = options.against.has_value();
  excludes("--against", against, "--input", options.input.has_value());
  excludes("--against", against, "--samples", options.samples.has_value());
  excludes("--against", against, "--seed", options.seed.has_value());
  excludes("--input", options.input.has_value(), "--samples", options.samples.has_value());
}

Record expected_values(const Model& model, const ComparisonOptions& options) {
  if (options.against) return load_record(*options.against);
  constexpr std::int64_t default_samples = 2;
  const auto seed = static_cast<std::uint64_t>(options.seed.value_or(0));
  const std::vector<Tensor> inputs =
      options.input ? load_inputs(model, *options.input)
                    : random_inputs(model, options.samples.value_or(default_samples), seed);
  std::vector<Tensor> cast;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    cast.push_back(inputs[i].astype(model.inputs()[i].call()->layer->dtype_policy.compute_dtype()));
  return make_record(model, cast, seed, !options.no_gradients);
}

std::vector<Row> compare_gradients(const Model& model, const Record& record) {
  return compare(output_gradients(model, record.inputs, record.factors, Computation::optimised),
                 record.gradients, "gradients");
}

int compare(const ComparisonOptions& options) {
  check_options(options);
  set_threads(options.threads);
  const Model model = open_model(options.model, false);
  const Record record = expected_values(model, options);
  std::vector<Row> layers, gradients;
  std::int64_t roundings = 0;
  try {
    layers = compare(layer_outputs(model, record.inputs, Computation::optimised), record.layers, "layers");
    if (!record.factors.empty() && !options.no_gradients) gradients = compare_gradients(model, record);
  } catch (const Error& error) {
    if (!options.against) throw;
    fail("{}: {}", *options.against, error.what());
  }

  print_row("model", options.model);
  print_row("against",
            options.against ? fmt::format("{}, of {}", *options.against, record.made_by) : record.made_by);
  print_row("samples", thousands(record.inputs[0].shape()[0]));
  fmt::print("\n");
  if (!layers.empty()) print_table("layer", layers, options.tolerance);
  if (!gradients.empty()) {
    fmt::print("\n");
    roundings = mark_roundings(gradients, options.tolerance);
    print_table("gradient of", gradients, options.tolerance);
    if (roundings > 0) {
      fmt::print("\n");
      print_text("~: nothing but rounding, beside the other gradients of the layer.");
    }
  }
  fmt::print("\n");
  const std::string bound = fmt::format("{:g}", options.tolerance);
  for (const auto& [rows, what] : {std::pair(&layers, "layer"), std::pair(&gradients, "gradient")}) {
    const Row* row = first_beyond(*rows, options.tolerance);
    if (row == nullptr) continue;
    const std::string kind = row->class_name.empty() ? "" : fmt::format(" ({})", row->class_name);
    print_text(
        fmt::format("The first {} that departs is {}{}: by {:.1e} of its largest value, and {} is allowed.",
                    what, row->name, kind, row->found.difference, bound));
    if (rows == &gradients) {
      print_text(
          "All outputs agree. Where the input of a ReLU is 0 but for rounding, one side may pass the "
          "gradient on and "
          "the other not: see whether it departs with other inputs, too (another --seed).");
    }
    return exit_error;
  }
  const std::string also =
      gradients.empty()
          ? ""
          : " and " + counted(static_cast<std::int64_t>(gradients.size()) - roundings, "gradient");
  print_text(fmt::format("{}{} agree within {} of their largest values.",
                         counted(static_cast<std::int64_t>(layers.size()), "output"), also, bound));
  return exit_ok;
}

CLI::Validator share() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
        double value = 0;
        const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (status == std::errc() && end == text.data() + text.size() && value >= 0 && std::isfinite(value))
          return {};
        return fmt::format("must be a number from 0. Received: {}", text);
      },
      "");
}

}  // namespace

void add_compare(CLI::App& program, int& exit_code) {
  const auto options = std::make_shared<ComparisonOptions>();
  CLI::App& command = *program.add_subcommand(
      "compare",
      "Compare what a model computes, layer by layer, with Keras or with fovea's slow reference backend.");
  command.group("Commands");
  command
      .add_option("MODEL", options->model, "a .keras or .h5 file, a Keras config .json, or convnet or lenet")
      ->required();
  command
      .add_option("--against", options->against,
                  "what Keras computed: a record of scripts/record_keras.py (default: the reference backend "
                  "computes it)")
      ->option_text("RECORD");
  command
      .add_option(
          "--input", options->input,
          "NumPy arrays to compute with: .npy, or .npz with an array for each input (default: random)")
      ->option_text("FILE");
  command.add_option("--samples", options->samples, "so many random samples (default: 2)")
      ->option_text("N")
      ->check(whole_number(1));
  command.add_option("--seed", options->seed, "of the random numbers (default: 0)")
      ->option_text("N")
      ->check(whole_number(0));
  command
      .add_option(
          "--tolerance", options->tolerance,
          "the largest difference that is allowed, as a share of a layer's largest value (default: 0.0001)")
      ->option_text("X")
      ->check(share());
  command.add_flag("--no-gradients", options->no_gradients,
                   "compare outputs alone, not the gradients of weights and inputs");
  add_threads_option(command, options->threads);
  command.footer("Example: fovea compare net.keras --against net.npz");
  command.callback([options, &exit_code] { exit_code = compare(*options); });
}

}  // namespace fovea::program
