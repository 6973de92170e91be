#include "fovea/initializers.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/json_fields.h"
#include "fovea/error.h"

namespace fovea {
namespace {

struct Moments {
  double mean = 0, stddev = 0, largest = 0;
};

Moments moments(const Initializer& initializer, const Shape& shape) {
  Tensor weight(shape);
  initializer.get()->fill(weight, 7, 11);
  Moments m;
  const auto values = weight.values<float>();
  for (const float v : values) {
    m.mean += v;
    m.largest = std::max(m.largest, std::abs(static_cast<double>(v)));
  }
  m.mean /= static_cast<double>(values.size());
  for (const float v : values) m.stddev += (v - m.mean) * (v - m.mean);
  m.stddev = std::sqrt(m.stddev / static_cast<double>(values.size()));
  return m;
}

TEST(Initializers, HaveTheSpreadTheirFansGive) {
  const Shape kernel{3, 3, 20, 60};  // fan in 180, fan out 540
  const Moments glorot = moments("glorot_uniform", kernel);
  EXPECT_NEAR(glorot.largest, std::sqrt(6.0 / 720), 1e-4);
  EXPECT_NEAR(glorot.stddev, std::sqrt(2.0 / 720), 5e-4);
  const Moments he = moments("he_normal", kernel);
  EXPECT_NEAR(he.stddev, std::sqrt(2.0 / 180), 1e-3);
  EXPECT_LE(he.largest, 2 * std::sqrt(2.0 / 180) / 0.8796 + 1e-6);
  EXPECT_NEAR(moments("LecunUniform", kernel).largest, std::sqrt(3.0 / 180), 1e-4);
  EXPECT_NEAR(moments("glorot_normal", kernel).stddev, std::sqrt(2.0 / 720), 1e-3);
  EXPECT_NEAR(moments("he_uniform", kernel).largest, std::sqrt(6.0 / 180), 1e-4);
  EXPECT_NEAR(moments("lecun_normal", kernel).stddev, std::sqrt(1.0 / 180), 1e-3);
  const Moments scaled = moments(
      initializers::VarianceScaling({.scale = 3, .mode = "fan_out", .distribution = "untruncated_normal"}),
      kernel);
  EXPECT_NEAR(scaled.stddev, std::sqrt(3.0 / 540), 2e-3);
  EXPECT_GT(scaled.largest, 2.5 * std::sqrt(3.0 / 540));
}

TEST(Initializers, PlainDistributions) {
  EXPECT_EQ(moments("zeros", {5}).largest, 0);
  EXPECT_EQ(moments("ones", {5}).mean, 1);
  EXPECT_FLOAT_EQ(static_cast<float>(moments(initializers::Constant(0.3), {5}).mean), 0.3F);
  EXPECT_NEAR(moments("random_uniform", {10000}).largest, 0.05, 1e-4);
  EXPECT_NEAR(moments(initializers::RandomUniform({.minval = 1, .maxval = 3}), {10000}).mean, 2, 0.02);
  EXPECT_NEAR(moments(initializers::RandomNormal({.mean = 1, .stddev = 0.5}), {10000}).stddev, 0.5, 0.02);
  const Moments cut = moments(initializers::TruncatedNormal({.stddev = 0.5}), {10000});
  EXPECT_NEAR(cut.stddev, 0.5 * 0.8796, 0.02);
  EXPECT_LE(cut.largest, 1);
}

TEST(Initializers, OrthogonalColumnsAreAtRightAngles) {
  for (const Shape& shape : {Shape{2, 3, 5}, Shape{3, 8}}) {
    Tensor w(shape, DType::float64);
    initializers::Orthogonal({.gain = 2}).get()->fill(w, 1, 2);
    const std::int64_t columns = shape[-1], rows = w.size() / columns;
    const auto* v = w.data<double>();
    for (std::int64_t a = 0; a < std::min(rows, columns); ++a) {
      for (std::int64_t b = 0; b <= a; ++b) {
        double dot = 0;
        for (std::int64_t k = 0; k < std::max(rows, columns); ++k) {
          dot += rows >= columns ? v[k * columns + a] * v[k * columns + b]
                                 : v[a * columns + k] * v[b * columns + k];
        }
        EXPECT_NEAR(dot, a == b ? 4 : 0, 1e-10);
      }
    }
  }
}

TEST(Initializers, NumbersFollowFromSeedAndStream) {
  const auto first = [](const Initializer& initializer, std::uint64_t seed, std::uint64_t stream) {
    Tensor w({4});
    initializer.get()->fill(w, seed, stream);
    return w.data<float>()[0];
  };
  const Initializer plain("glorot_uniform");
  EXPECT_EQ(first(plain, 1, 2), first(plain, 1, 2));
  EXPECT_NE(first(plain, 1, 2), first(plain, 3, 2));
  EXPECT_NE(first(plain, 1, 2), first(plain, 1, 3));
  const Initializer own = initializers::RandomNormal({.seed = 5});
  EXPECT_EQ(first(own, 1, 2), first(own, 3, 4));
}

TEST(Initializers, ConfigsAreKeras) {
  const auto config = [](const Initializer& initializer) {
    return write_object(*initializer.get(), "keras.initializers")["config"].dump();
  };
  EXPECT_EQ(config("glorot_uniform"), R"({"seed":null})");
  EXPECT_EQ(config(initializers::Constant(2)), R"({"value":2.0})");
  EXPECT_EQ(config(initializers::RandomNormal({.stddev = 0.5, .seed = 3})),
            R"({"seed":3,"mean":0.0,"stddev":0.5})");
  EXPECT_EQ(config("random_uniform"), R"({"seed":null,"minval":-0.05,"maxval":0.05})");
  EXPECT_EQ(config("variance_scaling"),
            R"({"seed":null,"scale":1.0,"mode":"fan_in","distribution":"truncated_normal"})");
  EXPECT_EQ(config("orthogonal"), R"({"seed":null,"gain":1.0})");
}

TEST(Initializers, UnknownNamesListTheKnown) {
  try {
    Initializer("glorot");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("glorot_uniform"), std::string::npos) << error.what();
  }
}

class Regularized final : public Configurable {
 public:
  std::string_view class_name() const override { return "Regularized"; }
  void fields(FieldVisitor& visitor) override { field(visitor, "kernel_regularizer", value); }
  Regularizer value;
};

TEST(Regularizers, AreWrittenUnderTheClassWithTheirFactors) {
  Regularized object;
  EXPECT_EQ(write_config(object).dump(), R"({"kernel_regularizer":null})");
  const std::vector<std::pair<Regularizer, std::string>> cases = {
      {{0.1, 0}, R"("L1","config":{"l1":0.1})"},
      {{0, 0.2}, R"("L2","config":{"l2":0.2})"},
      {{0.1, 0.2}, R"("L1L2","config":{"l1":0.1,"l2":0.2})"}};
  for (const auto& [value, text] : cases) {
    object.value = value;
    const Json config = write_config(object);
    EXPECT_NE(config.dump().find(text), std::string::npos) << config.dump();
    Regularized back;
    read_config(back, config, "test");
    EXPECT_EQ(back.value.l1, value.l1);
    EXPECT_EQ(back.value.l2, value.l2);
  }
  read_config(object, Json::parse(R"({"kernel_regularizer":"l2"})"), "test");
  EXPECT_EQ(object.value.l2, 0.01);
}

}  // namespace
}  // namespace fovea
