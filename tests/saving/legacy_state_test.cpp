#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>

#include "optimizers/optimizer_impl.h"
#include "saving/hdf5_reader.h"
#include "saving/legacy_files.h"

// An optimizer's state in .h5 files of Keras 1, 2 and 3, which say in several ways what belongs to which
// weight.

namespace fovea::testing {
namespace {

TEST_F(LegacyH5, AnOptimizersStateThatDoesNotFitIsLeftOut) {
  const Model model = load_model(made_file("optimizer_keras3_adam.h5"));
  EXPECT_TRUE(messages_.empty());
  EXPECT_EQ(model.optimizer().iterations(), 2);
  // One of the layers was frozen since.
  Hdf5Writer file;
  file.make_group("optimizer_weights");
  file.set_texts("optimizer_weights", "weight_names", {"adam/iteration", "adam/learning_rate", "adam/a"});
  file.write("optimizer_weights/adam/iteration", Tensor::of<std::int64_t>({}, {9}));
  const std::string original = read_bytes(h5_file("sequential_keras3"));
  const Hdf5Reader keras(original);
  for (const char* name : {"model_config", "training_config", "keras_version"})
    file.set_attribute("", name, keras.texts("", name)->front());
  file.make_group("model_weights");
  const std::vector<std::string> layers = *keras.texts("model_weights", "layer_names");
  file.set_texts("model_weights", "layer_names", layers);
  for (const std::string& layer : layers) {
    const std::vector<std::string> names = *keras.texts("model_weights/" + layer, "weight_names");
    file.make_group("model_weights/" + layer);
    file.set_texts("model_weights/" + layer, "weight_names", names);
    for (const std::string& name : names) {
      const std::string weight = "model_weights/" + layer + "/" + name;
      file.write(weight, keras.read(weight));
    }
  }
  write_bytes(path("odd.h5"), file.finish());
  const Model odd = load_model(path("odd.h5"));
  ASSERT_EQ(messages_.size(), 1u);
  EXPECT_TRUE(
      contains(messages_[0], "The optimizer's state is not read: optimizer_weights: it has 3 values and"));
  EXPECT_EQ(odd.optimizer().iterations(), 0);
}

/// A file with other names for the optimizer's state and the weights, and of another version.
std::string renamed(const std::string& original, const std::string& version,
                    const std::vector<std::pair<std::string, std::string>>& state,
                    const std::function<std::string(const std::string&)>& weight_name) {
  const Hdf5Reader from(original);
  Hdf5Writer file;
  for (const char* name : {"model_config", "training_config"})
    file.set_attribute("", name, from.texts("", name)->front());
  file.set_attribute("", "keras_version", version);
  const std::vector<std::string> layers = *from.texts("model_weights", "layer_names");
  file.make_group("model_weights");
  file.set_texts("model_weights", "layer_names", layers);
  for (const std::string& layer : layers) {
    const std::string group = "model_weights/" + layer;
    const std::vector<std::string> names = *from.texts(group, "weight_names");
    std::vector<std::string> new_names;
    for (const std::string& name : names) new_names.push_back(weight_name(name));
    file.make_group(group);
    file.set_texts(group, "weight_names", new_names);
    for (std::size_t i = 0; i < names.size(); ++i)
      file.write(group + "/" + new_names[i], from.read(group + "/" + names[i]));
  }
  std::vector<std::string> names;
  for (const auto& [old_name, name] : state) names.push_back(name);
  file.make_group("optimizer_weights");
  file.set_texts("optimizer_weights", "weight_names", names);
  for (const auto& [old_name, name] : state)
    file.write("optimizer_weights/" + name, from.read("optimizer_weights/" + old_name));
  return std::string(std::string_view(file.finish()));
}

std::vector<double> state_of(const Model& model) {
  const auto& impl = static_cast<const ModelImpl&>(*model.impl());
  std::vector<double> result;
  for (const Variable& variable : model.optimizer().impl()->variables(impl.collect_weights(true))) {
    const Tensor value = variable.value().astype(DType::float64);
    result.insert(result.end(), value.values<double>().begin(), value.values<double>().end());
  }
  return result;
}

class LegacyState : public LegacyH5 {
 protected:
  /// Of the file with Adam of tf.keras before 2.11: all of m, then all of v and vhat.
  const std::string original_ = read_bytes(made_file("optimizer_older_adam.h5"));
  const std::vector<std::string> names_ = *Hdf5Reader(original_).texts("optimizer_weights", "weight_names");
  const std::vector<double> expected_ = state_of(load_model(made_file("optimizer_older_adam.h5")));

  std::vector<double> state_with(const std::vector<std::pair<std::string, std::string>>& state,
                                 const std::function<std::string(const std::string&)>& weight_name) {
    write_bytes(path("renamed.h5"), renamed(original_, "2.0.5", state, weight_name));
    messages_.clear();
    return state_of(load_model(path("renamed.h5")));
  }
  /// Keras 2's names say nothing; `order` is that of the weights.
  std::vector<std::pair<std::string, std::string>> numbered(const std::vector<std::size_t>& order) const {
    std::vector<std::pair<std::string, std::string>> state = {{names_[0], "iterations_1:0"}};
    for (std::size_t slot = 0; slot < 3; ++slot) {
      for (const std::size_t i : order) {
        const std::string& name = names_[1 + slot * order.size() + i];
        state.emplace_back(name, "training/Adam/Variable_" + std::to_string(state.size()) + ":0");
      }
    }
    return state;
  }
  /// As the file has them.
  const std::vector<std::string> weights_ = {"b/kernel",   "b/bias",    "c/kernel",    "a/kernel",
                                             "norm/gamma", "norm/beta", "last/kernel", "last/bias"};
  static std::string same(const std::string& name) { return name; }
};

TEST_F(LegacyState, OfKeras2StandsInTheOrderOfTheWeights) {
  ASSERT_EQ(names_.size(), 1 + 3 * weights_.size());
  for (std::size_t i = 0; i < weights_.size(); ++i) EXPECT_TRUE(contains(names_[1 + i], weights_[i]));
  // Where the order by name has other shapes in it, there is no doubt.
  const auto renamed_weight = [](const std::string& name) {
    return name.rfind("b/", 0) == 0 ? "z" + name : name;
  };
  EXPECT_EQ(state_with(numbered({0, 1, 2, 3, 4, 5, 6, 7}), renamed_weight), expected_);
  EXPECT_TRUE(messages_.empty());
}

TEST_F(LegacyState, OfTheFirstKeras2IsSortedByName) {
  std::vector<std::size_t> order = {0, 1, 2, 3, 4, 5, 6, 7};
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return weights_[a] < weights_[b]; });
  EXPECT_EQ(state_with(numbered(order), same), expected_);
  EXPECT_TRUE(messages_.empty());
}

TEST_F(LegacyState, IsReadByLayerAndWeightWhereItNamesThem) {
  std::vector<std::pair<std::string, std::string>> state;
  for (auto name = names_.rbegin(); name != names_.rend(); ++name) state.emplace_back(*name, *name);
  EXPECT_EQ(state_with(state, same), expected_);
  EXPECT_TRUE(messages_.empty());
}

TEST_F(LegacyState, ThatCannotBeTold) {
  const std::vector<double> fresh = [&] {
    std::vector<double> zeros(expected_.size(), 0.0);
    zeros[1] = expected_[1];
    return zeros;
  }();
  std::vector<std::pair<std::string, std::string>> state = numbered({0, 1, 2, 3, 4, 5, 6, 7});
  state.pop_back();
  EXPECT_EQ(state_with(state, same), fresh);
  ASSERT_EQ(messages_.size(), 1u);
  EXPECT_TRUE(
      contains(messages_[0], "optimizer_weights: its values have other shapes than the model's weights"));
  // norm's gamma and beta are of one shape, and their names are in another order.
  const auto by_name = [](const std::string& name) {
    const std::size_t at = name.find("norm/");
    if (at == 0) return "w5/" + std::string(name.find("gamma") != std::string::npos ? "z" : name);
    for (const auto& [prefix, place] :
         std::vector<std::pair<std::string, std::string>>{{"b/kernel", "w1"},
                                                          {"b/bias", "w2"},
                                                          {"a/kernel", "w4"},
                                                          {"last/kernel", "w6"},
                                                          {"last/bias", "w7"}}) {
      if (name.rfind(prefix, 0) == 0) return place;
    }
    return "w3" + name;
  };
  EXPECT_EQ(state_with(numbered({0, 1, 2, 3, 4, 5, 6, 7}), by_name), fresh);
  ASSERT_EQ(messages_.size(), 1u);
  EXPECT_TRUE(contains(messages_[0], "it does not say which values belong to which weight"));
  state.clear();
  for (const std::string& name : names_)
    if (name.find("vhat") == std::string::npos) state.emplace_back(name, name);
  EXPECT_EQ(state_with(state, same), fresh);
  EXPECT_TRUE(contains(messages_.at(0), "it has no 'velocity_hat'"));
}

TEST_F(LegacyH5, AnOptimizersStateComesBack) {
  for (const char* name : {"keras3_adam", "keras3_rmsprop", "keras3_sgd", "tf_adam", "older_rmsprop"}) {
    const Model model = load_model(made_file(std::string("optimizer_") + name + ".h5"));
    model.save(path("a.h5"));
    const Model again = load_model(path("a.h5"));
    const auto state = [](const Model& of) {
      const auto& impl = static_cast<const ModelImpl&>(*of.impl());
      return of.optimizer().impl()->variables(impl.collect_weights(true));
    };
    const std::vector<Variable> ours = state(again), expected = state(model);
    ASSERT_EQ(ours.size(), expected.size());
    for (std::size_t i = 0; i < ours.size(); ++i) {
      const Tensor a = ours[i].value(), b = expected[i].value();
      EXPECT_EQ(std::memcmp(a.raw(), b.raw(), static_cast<std::size_t>(a.bytes())), 0) << name << " " << i;
      EXPECT_NE(*b.astype(DType::float64).data<double>(), 0) << name << " " << i;
    }
  }
  EXPECT_TRUE(messages_.empty());
}

}  // namespace
}  // namespace fovea::testing
