#include <gtest/gtest.h>

#include <cstring>
#include <new>
#include <vector>

#include "core/json_fields.h"
#include "ops/batch_norm.h"
#include "ops/binary.h"
#include "ops/conv2d.h"
#include "ops/depthwise_conv2d.h"
#include "ops/matmul.h"
#include "ops/optimizer_update.h"
#include "ops/pool2d.h"
#include "ops/random.h"
#include "ops/reduce.h"
#include "ops/round.h"
#include "ops/shaping.h"
#include "ops/softmax.h"
#include "ops/take.h"
#include "ops/unary.h"

// Every data member of an op is an option, and every option must be visited by fields(): what describe()
// prints, same_options() compares and a file keeps comes from there. The members are found in memory: two
// objects are constructed over bytes of two values, and where both hold the same afterwards a member (or the
// table of virtual functions) was initialised.

namespace fovea::testing {
namespace {

/// Notes which addresses are visited.
class AddressVisitor final : public FieldVisitor {
 public:
  explicit AddressVisitor(std::vector<bool>& visited, const void* start) : visited_(visited), start_(start) {}
  void field(std::string_view, bool& value) override { note(value); }
  void field(std::string_view, std::int64_t& value) override { note(value); }
  void field(std::string_view, double& value) override { note(value); }
  void field(std::string_view, Literal& value) override { note(value); }
  void field(std::string_view, std::string& value) override { note(value); }
  void field(std::string_view, Size2& value) override { note(value); }
  void field(std::string_view, Padding2& value) override { note(value); }
  void field(std::string_view, Shape& value) override { note(value); }
  void field(std::string_view, std::vector<std::int64_t>& value) override { note(value); }
  void field(std::string_view, std::vector<double>& value) override { note(value); }
  void field(std::string_view, Pairs& value) override { note(value); }
  void field(std::string_view, std::optional<std::int64_t>& value) override { note(value); }
  void field(std::string_view, std::optional<double>& value) override { note(value); }
  void field(std::string_view, std::optional<std::string>& value) override { note(value); }
  void field(std::string_view, std::optional<Size2>& value) override { note(value); }
  void field(std::string_view, std::optional<Shape>& value) override { note(value); }
  void field(std::string_view, std::optional<Numbers>& value) override { note(value); }
  void field(std::string_view, std::optional<Axes>& value) override { note(value); }
  void field(std::string_view, ObjectSlot&) override {}

 private:
  template <class T>
  void note(const T& value) {
    const auto offset =
        reinterpret_cast<const unsigned char*>(&value) - static_cast<const unsigned char*>(start_);
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      const std::ptrdiff_t at = offset + static_cast<std::ptrdiff_t>(i);
      if (at >= 0 && at < static_cast<std::ptrdiff_t>(visited_.size()))
        visited_[static_cast<std::size_t>(at)] = true;
    }
  }

  std::vector<bool>& visited_;
  const void* start_;
};

template <class OpType>
class Placed {
 public:
  explicit Placed(unsigned char fill) {
    std::memset(bytes_, fill, sizeof(bytes_));
    object_ = new (bytes_) OpType;
  }
  ~Placed() { object_->~OpType(); }
  Placed(const Placed&) = delete;
  Placed& operator=(const Placed&) = delete;
  OpType& op() { return *object_; }
  unsigned char byte(std::size_t at) const {
    return reinterpret_cast<const volatile unsigned char*>(bytes_)[at];
  }
  void set_byte(std::size_t at, unsigned char value) {
    reinterpret_cast<volatile unsigned char*>(bytes_)[at] = value;
  }

 private:
  alignas(OpType) unsigned char bytes_[sizeof(OpType)];
  OpType* object_;
};

template <class OpType>
void expect_every_member_is_visited() {
  Placed<OpType> first(0xAA), second(0x55);
  std::vector<bool> visited(sizeof(OpType));
  AddressVisitor visitor(visited, &first.op());
  first.op().fields(visitor);
  const std::string before = describe(first.op());
  for (std::size_t at = sizeof(void*); at < sizeof(OpType); ++at) {  // after the table of virtual functions
    const bool is_member = first.byte(at) == second.byte(at);
    if (!is_member || visited[at]) continue;
    // An enumeration is visited through a copy: then another value of it must show.
    const unsigned char kept = first.byte(at);
    first.set_byte(at, kept == 0 ? 1 : 0);
    EXPECT_NE(describe(first.op()), before)
        << "Op " << first.op().class_name() << ": the member at byte " << at << " of " << sizeof(OpType)
        << " is not visited by fields()";
    first.set_byte(at, kept);
  }
}

TEST(OpOptions, EveryMemberIsVisited) {
#define FOVEA_OP(Name) expect_every_member_is_visited<Name##Op>();
#include "ops/ops.inc"
#undef FOVEA_OP
}

/// What the test above must find.
struct OpWithForgottenOptions : public Op {
  std::string_view class_name() const override { return "Forgetful"; }
  void fields(FieldVisitor& visitor) override { visitor.field("seen", seen); }
  std::vector<TensorSpec> infer(std::span<const TensorSpec>) const override { return {}; }
  bool seen = true, hidden = false;
  double forgotten = 0.5;
};

TEST(OpOptions, AForgottenMemberIsFound) {
  Placed<OpWithForgottenOptions> first(0xAA), second(0x55);
  std::vector<bool> visited(sizeof(OpWithForgottenOptions));
  AddressVisitor visitor(visited, &first.op());
  first.op().fields(visitor);
  int forgotten = 0;
  for (std::size_t at = sizeof(void*); at < visited.size(); ++at) {
    forgotten += first.byte(at) == second.byte(at) && !visited[at] ? 1 : 0;
  }
  EXPECT_EQ(forgotten, 1 + 8) << "a bool and a double";
}

/// Changes what it visits, one option at a time: the one numbered `chosen`.
class Changer final : public FieldVisitor {
 public:
  explicit Changer(int chosen) : chosen_(chosen) {}
  bool changed() const { return changed_; }
  void field(std::string_view, bool& value) override {
    change([&] { value = !value; });
  }
  void field(std::string_view, std::int64_t& value) override {
    change([&] { value = value == 0 ? 1 : 0; });
  }
  void field(std::string_view, double& value) override {
    change([&] { value += 0.25; });
  }
  void field(std::string_view, Literal& value) override {
    change([&] { value.value += 0.25; });
  }
  void field(std::string_view, std::string& value) override {
    change([&] { value = value == "float64" ? "float32" : "float64"; });  // the only text of an op: its dtype
  }
  void field(std::string_view, Size2& value) override {
    change([&] { value.width += 1; });
  }
  void field(std::string_view, Padding2& value) override {
    change([&] { value.right += 1; });
  }
  void field(std::string_view, Shape& value) override {
    change([&] { value.push_back(3); });
  }
  void field(std::string_view, std::vector<std::int64_t>& value) override {
    change([&] { value.push_back(1); });
  }
  void field(std::string_view, std::vector<double>& value) override {
    change([&] { value.push_back(1); });
  }
  void field(std::string_view, Pairs& value) override {
    change([&] { value.push_back({1, 2}); });
  }
  void field(std::string_view, std::optional<std::int64_t>& value) override {
    change([&] { value = 1; });
  }
  void field(std::string_view, std::optional<double>& value) override {
    change([&] { value = 1; });
  }
  void field(std::string_view, std::optional<std::string>& value) override {
    change([&] { value = "a"; });
  }
  void field(std::string_view, std::optional<Size2>& value) override {
    change([&] { value = Size2(1, 2); });
  }
  void field(std::string_view, std::optional<Shape>& value) override {
    change([&] { value = Shape{3}; });
  }
  void field(std::string_view, std::optional<Numbers>& value) override {
    change([&] { value = Numbers{1, 2}; });
  }
  void field(std::string_view, std::optional<Axes>& value) override {
    change([&] { value = Axes{1, 2}; });
  }
  void field(std::string_view, ObjectSlot&) override {}

 private:
  template <class Change>
  void change(Change&& apply) {
    if (next_++ != chosen_) return;
    apply();
    changed_ = true;
  }
  int chosen_, next_ = 0;
  bool changed_ = false;
};

template <class OpType>
void expect_every_option_counts() {
  for (int option = 0;; ++option) {
    OpType changed, unchanged, read;
    Changer changer(option);
    changed.fields(changer);
    if (!changer.changed()) break;
    EXPECT_NE(describe(changed), describe(unchanged)) << "option " << option;
    EXPECT_FALSE(same_options(changed, unchanged)) << describe(changed) << ", option " << option;
    read_config(read, write_config(changed), "op");
    EXPECT_TRUE(same_options(read, changed)) << describe(read) << " read from " << describe(changed);
  }
}

TEST(OpOptions, EveryOptionShowsAndIsReadBack) {
#define FOVEA_OP(Name) expect_every_option_counts<Name##Op>();
#include "ops/ops.inc"
#undef FOVEA_OP
}

}  // namespace
}  // namespace fovea::testing
