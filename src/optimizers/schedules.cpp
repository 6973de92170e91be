#include <cmath>
#include <numbers>

#include "core/names.h"
#include "optimizers/optimizer_support.h"

// Learning rates over the steps t, computed in Keras' order of operations, and in float32 also where floatx()
// is float64, as Keras does with TensorFlow. Source:
// keras/src/optimizers/schedules/learning_rate_schedule.py.

namespace fovea {
namespace {

/// What the schedules of Keras share.
template <class Class>
class Schedule : public LearningRateScheduleImpl {
 public:
  Schedule() { name = Class::kName; }
  std::string_view class_name() const override { return Class::kClass; }
  double rate(std::int64_t step) const override {
    return static_cast<double>(static_cast<const Class&>(*this).formula(static_cast<float>(step)));
  }

 protected:
  void require_positive(const char* option, double value) const {
    if (!(value > 0)) fail("{}: {} must be above 0. Received: {}", Class::kClass, option, value);
  }
};

/// Numbers of steps that Keras' files may hold with a point; written without one where they are whole.
void visit_steps(FieldVisitor& visitor, std::string_view option, double& steps) {
  if (visitor.reads() || steps != std::floor(steps)) {
    visitor.field(option, steps);
  } else {
    auto whole = static_cast<std::int64_t>(steps);
    visitor.field(option, whole);
  }
}

/// Those that decay by the steps' share of decay_steps, or by the whole part of it.
template <class Class>
class ShareOfSteps : public Schedule<Class> {
 public:
  void fields(FieldVisitor& visitor) override {
    visitor.field("initial_learning_rate", initial);
    visit_steps(visitor, "decay_steps", decay_steps);
    visitor.field("decay_rate", decay_rate);
    visitor.field("staircase", staircase);
    LearningRateScheduleImpl::fields(visitor);
  }
  void check() const override { this->require_positive("decay_steps", decay_steps); }
  float formula(float t) const {
    const float share = t / static_cast<float>(decay_steps);
    return Class::decayed(static_cast<float>(initial), static_cast<float>(decay_rate),
                          staircase ? std::floor(share) : share);
  }
  double initial = 0, decay_steps = 0, decay_rate = 1;
  bool staircase = false;
};

class ExponentialDecaySchedule final : public ShareOfSteps<ExponentialDecaySchedule> {
 public:
  static constexpr const char *kClass = "ExponentialDecay", *kName = "ExponentialDecay";
  static float decayed(float initial, float rate, float share) { return initial * std::pow(rate, share); }
};

class InverseTimeDecaySchedule final : public ShareOfSteps<InverseTimeDecaySchedule> {
 public:
  static constexpr const char *kClass = "InverseTimeDecay", *kName = "InverseTimeDecay";
  static float decayed(float initial, float rate, float share) { return initial / (1 + rate * share); }
};

class PiecewiseConstantDecaySchedule final : public LearningRateScheduleImpl {
 public:
  PiecewiseConstantDecaySchedule() { name = "PiecewiseConstant"; }
  std::string_view class_name() const override { return "PiecewiseConstantDecay"; }
  void fields(FieldVisitor& visitor) override {
    if (visitor.reads()) {
      // Keras takes the whole part of others.
      std::vector<double> numbers(boundaries.begin(), boundaries.end());
      visitor.field("boundaries", numbers);
      boundaries.assign(numbers.begin(), numbers.end());
    } else {
      visitor.field("boundaries", boundaries);
    }
    visitor.field("values", values);
    LearningRateScheduleImpl::fields(visitor);
  }
  void check() const override {
    if (boundaries.empty() || boundaries.size() + 1 != values.size()) {
      fail("PiecewiseConstantDecay: there must be boundaries, and one value more. Received: {} and {}",
           boundaries.size(), values.size());
    }
  }
  double rate(std::int64_t step) const override {
    std::size_t piece = 0;
    while (piece < boundaries.size() && step > boundaries[piece]) ++piece;
    return static_cast<double>(static_cast<float>(values[piece]));
  }
  std::vector<std::int64_t> boundaries;
  std::vector<double> values;
};

class PolynomialDecaySchedule final : public Schedule<PolynomialDecaySchedule> {
 public:
  static constexpr const char *kClass = "PolynomialDecay", *kName = "PolynomialDecay";
  void fields(FieldVisitor& visitor) override {
    visitor.field("initial_learning_rate", initial);
    visit_steps(visitor, "decay_steps", decay_steps);
    visitor.field("end_learning_rate", end);
    visitor.field("power", power);
    visitor.field("cycle", cycle);
    LearningRateScheduleImpl::fields(visitor);
  }
  void check() const override { require_positive("decay_steps", decay_steps); }
  float formula(float t) const {
    auto steps = static_cast<float>(decay_steps);
    if (cycle) {
      steps *= t == 0 ? 1.0F : std::ceil(t / steps);
    } else {
      t = std::min(t, steps);
    }
    const auto last = static_cast<float>(end);
    return (static_cast<float>(initial) - last) * std::pow(1 - t / steps, static_cast<float>(power)) + last;
  }
  double initial = 0, decay_steps = 0, end = 1e-4, power = 1;
  bool cycle = false;
};

/// (1 + cos(pi x)) / 2
float half_cosine(float x) { return 0.5F * (1 + std::cos(std::numbers::pi_v<float> * x)); }

class CosineDecaySchedule final : public Schedule<CosineDecaySchedule> {
 public:
  static constexpr const char *kClass = "CosineDecay", *kName = "CosineDecay";
  void fields(FieldVisitor& visitor) override {
    visitor.field("initial_learning_rate", initial);
    visit_steps(visitor, "decay_steps", decay_steps);
    visitor.field("alpha", alpha);
    LearningRateScheduleImpl::fields(visitor);
    visitor.field("warmup_target", warmup_target);
    visit_steps(visitor, "warmup_steps", warmup_steps);
  }
  void check() const override { require_positive("decay_steps", decay_steps); }
  float formula(float t) const {
    const float steps = static_cast<float>(decay_steps), first = static_cast<float>(initial);
    if (!warmup_target) return decayed(first, std::min(t, steps) / steps);
    const float target = static_cast<float>(*warmup_target), warmup = static_cast<float>(warmup_steps);
    t = std::min(t, steps + warmup);
    if (t < warmup) return (target - first) * (t / warmup) + first;
    return decayed(target, (t - warmup) / steps);
  }
  double initial = 0, decay_steps = 0, alpha = 0, warmup_steps = 0;
  std::optional<double> warmup_target;

 private:
  float decayed(float from, float done) const {
    return from * (static_cast<float>(1 - alpha) * half_cosine(done) + static_cast<float>(alpha));
  }
};

class CosineDecayRestartsSchedule final : public Schedule<CosineDecayRestartsSchedule> {
 public:
  static constexpr const char *kClass = "CosineDecayRestarts", *kName = "SGDRDecay";
  void fields(FieldVisitor& visitor) override {
    visitor.field("initial_learning_rate", initial);
    visit_steps(visitor, "first_decay_steps", first_decay_steps);
    visitor.field("t_mul", t_mul);
    visitor.field("m_mul", m_mul);
    visitor.field("alpha", alpha);
    LearningRateScheduleImpl::fields(visitor);
  }
  void check() const override { require_positive("first_decay_steps", first_decay_steps); }
  float formula(float t) const {
    const float longer = static_cast<float>(t_mul), last = static_cast<float>(alpha);
    float done = t / static_cast<float>(first_decay_steps), restarts = 0;
    if (longer == 1) {
      restarts = std::floor(done);
      done -= restarts;
    } else {
      restarts = std::floor(std::log(1 - done * (1 - longer)) / std::log(longer));
      const float before = (1 - std::pow(longer, restarts)) / (1 - longer);
      done = (done - before) / std::pow(longer, restarts);
    }
    const float height = std::pow(static_cast<float>(m_mul), restarts);
    const float cosine = 0.5F * height * (1 + std::cos(std::numbers::pi_v<float> * done));
    return static_cast<float>(initial) * ((1 - last) * cosine + last);
  }
  double initial = 0, first_decay_steps = 0, t_mul = 2, m_mul = 1, alpha = 0;
};

template <class Class>
std::shared_ptr<LearningRateScheduleImpl> make() {
  return std::make_shared<Class>();
}

LearningRateSchedule checked(const std::shared_ptr<LearningRateScheduleImpl>& impl, const std::string& name) {
  if (!name.empty()) impl->name = name;
  impl->check();
  return LearningRateSchedule(impl);
}

template <class Class>
LearningRateSchedule decay(double initial, std::int64_t decay_steps, double decay_rate,
                           const schedules::DecayOptions& options) {
  auto impl = std::make_shared<Class>();
  impl->initial = initial;
  impl->decay_steps = static_cast<double>(decay_steps);
  impl->decay_rate = decay_rate;
  impl->staircase = options.staircase;
  return checked(impl, options.name);
}

}  // namespace

void LearningRateScheduleImpl::fields(FieldVisitor& visitor) { visitor.field("name", name); }

std::shared_ptr<LearningRateScheduleImpl> make_schedule(std::string_view class_name) {
  static const std::vector<NamedClass<LearningRateScheduleImpl>> list{
      {"ExponentialDecay", make<ExponentialDecaySchedule>},
      {"InverseTimeDecay", make<InverseTimeDecaySchedule>},
      {"PiecewiseConstantDecay", make<PiecewiseConstantDecaySchedule>},
      {"PolynomialDecay", make<PolynomialDecaySchedule>},
      {"CosineDecay", make<CosineDecaySchedule>},
      {"CosineDecayRestarts", make<CosineDecayRestartsSchedule>},
  };
  return make_named("learning-rate schedule", list, class_name);
}

namespace schedules {

LearningRateSchedule ExponentialDecay(double initial_learning_rate, std::int64_t decay_steps,
                                      double decay_rate, const DecayOptions& options) {
  return decay<ExponentialDecaySchedule>(initial_learning_rate, decay_steps, decay_rate, options);
}

LearningRateSchedule InverseTimeDecay(double initial_learning_rate, std::int64_t decay_steps,
                                      double decay_rate, const DecayOptions& options) {
  return decay<InverseTimeDecaySchedule>(initial_learning_rate, decay_steps, decay_rate, options);
}

LearningRateSchedule PiecewiseConstantDecay(const std::vector<std::int64_t>& boundaries,
                                            const std::vector<double>& values, const std::string& name) {
  auto impl = std::make_shared<PiecewiseConstantDecaySchedule>();
  impl->boundaries = boundaries;
  impl->values = values;
  return checked(impl, name);
}

LearningRateSchedule PolynomialDecay(double initial_learning_rate, std::int64_t decay_steps,
                                     const PolynomialDecayOptions& options) {
  auto impl = std::make_shared<PolynomialDecaySchedule>();
  impl->initial = initial_learning_rate;
  impl->decay_steps = static_cast<double>(decay_steps);
  impl->end = options.end_learning_rate;
  impl->power = options.power;
  impl->cycle = options.cycle;
  return checked(impl, options.name);
}

LearningRateSchedule CosineDecay(double initial_learning_rate, std::int64_t decay_steps,
                                 const CosineDecayOptions& options) {
  auto impl = std::make_shared<CosineDecaySchedule>();
  impl->initial = initial_learning_rate;
  impl->decay_steps = static_cast<double>(decay_steps);
  impl->alpha = options.alpha;
  impl->warmup_target = options.warmup_target;
  impl->warmup_steps = static_cast<double>(options.warmup_steps);
  return checked(impl, options.name);
}

LearningRateSchedule CosineDecayRestarts(double initial_learning_rate, std::int64_t first_decay_steps,
                                         const CosineDecayRestartsOptions& options) {
  auto impl = std::make_shared<CosineDecayRestartsSchedule>();
  impl->initial = initial_learning_rate;
  impl->first_decay_steps = static_cast<double>(first_decay_steps);
  impl->t_mul = options.t_mul;
  impl->m_mul = options.m_mul;
  impl->alpha = options.alpha;
  return checked(impl, options.name);
}

}  // namespace schedules
}  // namespace fovea
