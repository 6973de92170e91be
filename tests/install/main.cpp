// What an outside user compiles against the installed package: a layer, a dataset and a callback of their
// own.
#include <fovea/fovea.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace {

/// y = factor x + shift, one shift for each channel.
class ShiftLayer final : public fovea::LayerImpl {
 public:
  std::string_view class_name() const override { return "consumer>Shift"; }
  void fields(fovea::FieldVisitor& visitor) override { visitor.field("factor", factor); }
  std::vector<fovea::Shape> output_shapes(std::span<const fovea::Shape> inputs) const override {
    if (inputs.size() != 1) fail_rule("takes one input");
    return {inputs[0]};
  }
  std::vector<fovea::ParameterSpec> parameters(std::span<const fovea::Shape> inputs) const override {
    return {{.name = "shift", .shape = {inputs[0][-1]}, .initializer = "ones"}};
  }
  std::vector<fovea::Value> lower(const fovea::LoweringContext& context,
                                  std::span<const fovea::Value> inputs) const override {
    fovea::GraphBuilder& graph = context.graph;
    return {fovea::ops::add(graph, fovea::ops::scale(graph, inputs[0], factor), context.weight(0))};
  }

  double factor = 1;
};

class Shift : public fovea::Layer {
 public:
  explicit Shift(double factor) {
    auto impl = std::make_shared<ShiftLayer>();
    impl->factor = factor;
    impl_ = impl;
  }
};

std::shared_ptr<fovea::LayerImpl> make_shift() { return std::make_shared<ShiftLayer>(); }

/// Images that are bright in class 1 and dark in class 0.
class Brightness final : public fovea::Dataset {
 public:
  std::int64_t size() const override { return 64; }
  std::vector<fovea::TensorSpec> inputs() const override { return {{{8, 8, 2}, fovea::DType::float32}}; }
  std::vector<fovea::TensorSpec> targets() const override { return {{{1}, fovea::DType::float32}}; }
  void load(std::int64_t position, std::int64_t row, fovea::Batch& into) const override {
    const bool bright = position % 2 == 1;
    for (float& pixel : fovea::row_of<float>(into.inputs[0], row)) {
      pixel = (bright ? 1.0F : -1.0F) + 0.01F * static_cast<float>(position % 7);
    }
    fovea::row_of<float>(into.targets[0], row)[0] = bright ? 1.0F : 0.0F;
  }
};

class CountEpochs final : public fovea::Callback {
 public:
  void on_epoch_end(std::int64_t, fovea::Logs&) override { ++epochs; }
  int epochs = 0;
};

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  const std::filesystem::path folder = argc > 1 ? argv[1] : ".";
  fovea::register_layer("consumer>Shift", make_shift);
  fovea::set_random_seed(1);

  using namespace fovea;
  const Sequential model{Input({8, 8, 2}), Conv2D(4, 3, {.activation = "relu"}), Shift(0.5), MaxPooling2D(2),
                         Flatten(),        Dense(1, {.activation = "sigmoid"})};
  model.compile(
      {.optimizer = Adam({.learning_rate = 0.01}), .loss = "binary_crossentropy", .metrics = {"acc"}});
  const auto data = std::make_shared<Brightness>();
  const auto count = std::make_shared<CountEpochs>();
  const std::string best = (folder / "best.keras").string();
  const History history =
      model.fit(data, {.batch_size = 8,
                       .epochs = 5,
                       .validation_data = data,
                       .callbacks = {count, ModelCheckpoint(best, {.save_best_only = true})}});
  require(count->epochs == 5, "a callback of one's own sees every epoch");
  require(history["val_acc"].back() == 1, "bright and dark are told apart");

  // A caller's own memory is read where it lies.
  std::vector<float> pixels(2 * 8 * 8 * 2, 1.0F);
  const Tensor images = Tensor::borrow(pixels.data(), {2, 8, 8, 2}, DType::float32);
  const Tensor before = model.predict(images);
  require(before.shape() == Shape{2, 1}, "a probability for each image");

  const std::string path = (folder / "model.keras").string();
  model.save(path);
  const Model loaded = load_model(path);
  require(loaded.predict(images).values<float>()[0] == before.values<float>()[0],
          "a loaded model predicts the same");
  require(loaded.optimizer().iterations() == 40, "the optimizer's state is loaded too");
  require(loaded.get_layer("shift").impl()->class_name() == "consumer>Shift",
          "a layer of one's own is loaded");

  try {
    static_cast<void>(model.predict(Tensor({1, 9, 9, 2})));
  } catch (const Error& error) {
    std::printf("%s\n", error.what());
    return 0;
  }
  std::fprintf(stderr, "images of another size were accepted\n");
  return 1;
}
