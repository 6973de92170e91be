#include "fovea/initializers.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/names.h"
#include "core/philox.h"

// First values of weights. Fans count the receptive field. Source: keras/src/initializers; Glorot & Bengio
// 2010, He et al. 2015, Saxe et al. 2014.

namespace fovea {
namespace {

template <class Next>
void fill_each(Tensor& weight, Next&& next) {
  if (weight.dtype() == DType::float64) {
    auto* data = weight.data<double>();
    for (std::int64_t i = 0; i < weight.size(); ++i) data[i] = next();
  } else if (weight.dtype() == DType::int64) {
    auto* data = weight.data<std::int64_t>();
    for (std::int64_t i = 0; i < weight.size(); ++i) data[i] = static_cast<std::int64_t>(next());
  } else {
    auto* data = weight.data<float>();
    for (std::int64_t i = 0; i < weight.size(); ++i) data[i] = static_cast<float>(next());
  }
}

double truncated_normal(PhiloxStream& random) {
  for (;;) {
    const double value = random.normal();
    if (std::abs(value) <= 2) return value;
  }
}

template <int Value>
class Filled final : public InitializerImpl {
 public:
  std::string_view class_name() const override { return Value == 0 ? "Zeros" : "Ones"; }
  void fields(FieldVisitor&) override {}
  void fill(Tensor& weight, std::uint64_t, std::uint64_t) const override {
    fill_each(weight, [] { return Value; });
  }
};

class ConstantInitializer final : public InitializerImpl {
 public:
  std::string_view class_name() const override { return "Constant"; }
  void fields(FieldVisitor& visitor) override { visitor.field("value", value); }
  void fill(Tensor& weight, std::uint64_t, std::uint64_t) const override {
    fill_each(weight, [this] { return value; });
  }
  double value = 0;
};

class RandomInitializer : public InitializerImpl {
 public:
  void fields(FieldVisitor& visitor) override { visitor.field("seed", seed); }
  void fill(Tensor& weight, std::uint64_t model_seed, std::uint64_t stream) const override {
    // A seed of its own gives the same numbers wherever it stands, as in Keras.
    PhiloxStream random = seed ? PhiloxStream(static_cast<std::uint64_t>(*seed), stream_id("initializer"))
                               : PhiloxStream(model_seed, stream);
    draw(weight, random);
  }
  std::optional<std::int64_t> seed;

 private:
  virtual void draw(Tensor& weight, PhiloxStream& random) const = 0;
};

class RandomUniformInitializer final : public RandomInitializer {
 public:
  std::string_view class_name() const override { return "RandomUniform"; }
  void fields(FieldVisitor& visitor) override {
    RandomInitializer::fields(visitor);
    visitor.field("minval", minval);
    visitor.field("maxval", maxval);
  }
  double minval = -0.05, maxval = 0.05;

 private:
  void draw(Tensor& weight, PhiloxStream& random) const override {
    fill_each(weight, [&] { return minval + (maxval - minval) * static_cast<double>(random.uniform()); });
  }
};

template <bool Truncated>
class NormalInitializer final : public RandomInitializer {
 public:
  std::string_view class_name() const override { return Truncated ? "TruncatedNormal" : "RandomNormal"; }
  void fields(FieldVisitor& visitor) override {
    RandomInitializer::fields(visitor);
    visitor.field("mean", mean);
    visitor.field("stddev", stddev);
  }
  double mean = 0, stddev = 0.05;

 private:
  void draw(Tensor& weight, PhiloxStream& random) const override {
    fill_each(weight,
              [&] { return mean + stddev * (Truncated ? truncated_normal(random) : random.normal()); });
  }
};

class VarianceScalingInitializer : public RandomInitializer {
 public:
  std::string_view class_name() const override { return "VarianceScaling"; }
  void fields(FieldVisitor& visitor) override {
    RandomInitializer::fields(visitor);
    visitor.field("scale", scale);
    visitor.field("mode", mode);
    visitor.field("distribution", distribution);
  }
  double scale = 1;
  std::string mode = "fan_in", distribution = "truncated_normal";

 private:
  double fan(const Shape& shape) const {
    const std::size_t rank = shape.rank();
    double in = 1, out = 1;
    if (rank == 1) {
      in = out = static_cast<double>(shape[0]);
    } else if (rank >= 2) {
      const double field = static_cast<double>(shape.slice(0, -2).elements());
      in = field * static_cast<double>(shape[-2]);
      out = field * static_cast<double>(shape[-1]);
    }
    if (mode == "fan_in") return std::max(in, 1.0);
    if (mode == "fan_out") return std::max(out, 1.0);
    if (mode == "fan_avg") return std::max((in + out) / 2, 1.0);
    fail("{}: mode must be 'fan_in', 'fan_out' or 'fan_avg'. Received: '{}'", class_name(), mode);
  }

  void draw(Tensor& weight, PhiloxStream& random) const override {
    if (!(scale > 0)) fail("{}: scale must be above 0. Received: {}", class_name(), scale);
    const double variance = scale / fan(weight.shape());
    if (distribution == "uniform") {
      const double limit = std::sqrt(3 * variance);
      fill_each(weight, [&] { return limit * (2 * static_cast<double>(random.uniform()) - 1); });
    } else if (distribution == "truncated_normal") {
      // Cutting at two standard deviations leaves 0.87962566... of the deviation.
      const double stddev = std::sqrt(variance) / 0.87962566103423978;
      fill_each(weight, [&] { return stddev * truncated_normal(random); });
    } else if (distribution == "untruncated_normal") {
      const double stddev = std::sqrt(variance);
      fill_each(weight, [&] { return stddev * random.normal(); });
    } else {
      fail("{}: distribution must be 'truncated_normal', 'untruncated_normal' or 'uniform'. Received: '{}'",
           class_name(), distribution);
    }
  }
};

struct Scaling {
  std::string_view name;
  double scale;
  const char *mode, *distribution;
};
constexpr Scaling kScalings[] = {
    {"GlorotUniform", 1, "fan_avg", "uniform"}, {"GlorotNormal", 1, "fan_avg", "truncated_normal"},
    {"HeUniform", 2, "fan_in", "uniform"},      {"HeNormal", 2, "fan_in", "truncated_normal"},
    {"LecunUniform", 1, "fan_in", "uniform"},   {"LecunNormal", 1, "fan_in", "truncated_normal"},
};

/// VarianceScaling under a name of its own; its only option is the seed.
template <int Row>
class NamedScaling final : public VarianceScalingInitializer {
 public:
  NamedScaling() {
    scale = kScalings[Row].scale;
    mode = kScalings[Row].mode;
    distribution = kScalings[Row].distribution;
  }
  std::string_view class_name() const override { return kScalings[Row].name; }
  void fields(FieldVisitor& visitor) override { RandomInitializer::fields(visitor); }
};

class OrthogonalInitializer final : public RandomInitializer {
 public:
  std::string_view class_name() const override { return "Orthogonal"; }
  void fields(FieldVisitor& visitor) override {
    RandomInitializer::fields(visitor);
    visitor.field("gain", gain);
  }
  double gain = 1;

 private:
  void draw(Tensor& weight, PhiloxStream& random) const override {
    const Shape& shape = weight.shape();
    if (shape.rank() < 2) fail("Orthogonal: the weight must have rank 2 or more. Received: {}", shape.str());
    const auto rows = static_cast<std::size_t>(shape.slice(0, -1).elements());
    const auto columns = static_cast<std::size_t>(shape[-1]);
    const std::size_t count = std::min(rows, columns), length = std::max(rows, columns);
    // Gram-Schmidt, twice for accuracy, over normal vectors: their directions are uniform.
    std::vector<std::vector<double>> basis(count, std::vector<double>(length));
    for (std::size_t i = 0; i < count; ++i) {
      for (double& value : basis[i]) value = random.normal();
      for (std::size_t pass = 0; pass < 2; ++pass) {
        for (std::size_t j = 0; j < i; ++j) {
          double dot = 0;
          for (std::size_t k = 0; k < length; ++k) dot += basis[i][k] * basis[j][k];
          for (std::size_t k = 0; k < length; ++k) basis[i][k] -= dot * basis[j][k];
        }
      }
      double square = 0;
      for (const double value : basis[i]) square += value * value;
      for (double& value : basis[i]) value /= std::sqrt(square);
    }
    std::size_t at = 0;
    fill_each(weight, [&] {
      const std::size_t row = at / columns, column = at % columns;
      ++at;
      return gain * (rows >= columns ? basis[column][row] : basis[row][column]);
    });
  }
};

using Impl = InitializerImpl;

template <class Class>
std::shared_ptr<Impl> make() {
  return std::make_shared<Class>();
}

const std::vector<NamedClass<Impl>>& classes() {
  static const std::vector<NamedClass<Impl>> list{
      {"Zeros", make<Filled<0>>, {"zero"}},
      {"Ones", make<Filled<1>>, {"one"}},
      {"Constant", make<ConstantInitializer>},
      {"RandomUniform", make<RandomUniformInitializer>, {"uniform"}},
      {"RandomNormal", make<NormalInitializer<false>>, {"normal"}},
      {"TruncatedNormal", make<NormalInitializer<true>>},
      {"VarianceScaling", make<VarianceScalingInitializer>},
      {"GlorotUniform", make<NamedScaling<0>>},
      {"GlorotNormal", make<NamedScaling<1>>},
      {"HeUniform", make<NamedScaling<2>>},
      {"HeNormal", make<NamedScaling<3>>},
      {"LecunUniform", make<NamedScaling<4>>},
      {"LecunNormal", make<NamedScaling<5>>},
      {"Orthogonal", make<OrthogonalInitializer>, {"OrthogonalInitializer"}},
  };
  return list;
}

class InitializerSlot final : public ObjectSlot {
 public:
  explicit InitializerSlot(Initializer& value) : value_(value) {}
  Configurable* get() override { return value_.get(); }
  std::string_view module() const override { return "keras.initializers"; }
  Configurable& make(std::string_view class_name) override {
    value_ = Initializer(class_name);
    return *value_.get();
  }
  void clear() override { fail("An initializer is needed. Received: null"); }

 private:
  Initializer& value_;
};

}  // namespace

Initializer::Initializer(std::string_view name) : impl_(make_named("initializer", classes(), name)) {}

void field(FieldVisitor& visitor, std::string_view name, Initializer& value) {
  InitializerSlot slot(value);
  visitor.field(name, slot);
}

namespace initializers {

Initializer Constant(double value) {
  auto impl = std::make_shared<ConstantInitializer>();
  impl->value = value;
  return Initializer(impl);
}

Initializer RandomUniform(const RandomUniformOptions& options) {
  auto impl = std::make_shared<RandomUniformInitializer>();
  impl->minval = options.minval;
  impl->maxval = options.maxval;
  impl->seed = options.seed;
  return Initializer(impl);
}

namespace {
template <bool Truncated>
Initializer normal(const RandomNormalOptions& options) {
  auto impl = std::make_shared<NormalInitializer<Truncated>>();
  impl->mean = options.mean;
  impl->stddev = options.stddev;
  impl->seed = options.seed;
  return Initializer(impl);
}
}  // namespace

Initializer RandomNormal(const RandomNormalOptions& options) { return normal<false>(options); }
Initializer TruncatedNormal(const RandomNormalOptions& options) { return normal<true>(options); }

Initializer VarianceScaling(const VarianceScalingOptions& options) {
  auto impl = std::make_shared<VarianceScalingInitializer>();
  impl->scale = options.scale;
  impl->mode = options.mode;
  impl->distribution = options.distribution;
  impl->seed = options.seed;
  return Initializer(impl);
}

Initializer Orthogonal(const OrthogonalOptions& options) {
  auto impl = std::make_shared<OrthogonalInitializer>();
  impl->gain = options.gain;
  impl->seed = options.seed;
  return Initializer(impl);
}

}  // namespace initializers
}  // namespace fovea
