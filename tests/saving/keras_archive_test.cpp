#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <random>
#include <thread>

#include "saving/files.h"
#include "saving/gallery.h"
#include "saving/json_access.h"
#include "saving/model_json.h"
#include "saving/zip_file.h"

namespace fovea::testing {
namespace {

namespace fs = std::filesystem;

class KerasArchive : public WithFolder {
 protected:
  static void expect_same_weights(const Model& a, const Model& b) {
    const std::vector<Tensor> ours = a.get_weights(), theirs = b.get_weights();
    ASSERT_EQ(ours.size(), theirs.size());
    for (std::size_t i = 0; i < ours.size(); ++i) {
      ASSERT_EQ(ours[i].spec(), theirs[i].spec());
      EXPECT_EQ(std::memcmp(ours[i].raw(), theirs[i].raw(), static_cast<std::size_t>(ours[i].bytes())), 0)
          << i;
    }
  }
  /// An archive with one member replaced, or left out.
  std::string changed(const std::string& member, const char* content) const {
    const ZipReader zip(path("model.keras"));
    std::vector<std::pair<std::string, std::string>> members;
    for (const char* name : {"metadata.json", "config.json", "model.weights.h5", "fovea.json"}) {
      if (name != member) {
        members.emplace_back(name, zip.read(name, std::int64_t{1} << 30));
      } else if (content != nullptr) {
        members.emplace_back(name, content);
      }
    }
    std::vector<ZipMember> views;
    for (const auto& [name, bytes] : members) views.push_back({name, bytes});
    write_zip(path("changed.keras"), views);
    return path("changed.keras");
  }
  std::string error_of_changed(const std::string& member, const char* content) const {
    const std::string file = changed(member, content);
    const std::string error = error_of([&] { load_model(file); });
    EXPECT_TRUE(contains(error, "'" + file + "': "));
    return error;
  }
};

TEST_F(KerasArchive, EveryModelComesBack) {
  for (const std::string& name : gallery_names()) {
    SCOPED_TRACE(name);
    const Model model = gallery_model(name);
    model.save(path("model.keras"));
    set_random_seed(99);  // the weights are the file's
    const Model loaded = load_model(path("model.keras"));
    set_random_seed(0);
    EXPECT_EQ(model_to_json(loaded), model_to_json(model));
    expect_same_weights(loaded, model);
    EXPECT_EQ(loaded.name(), model.name());
    EXPECT_FALSE(loaded.compiled());
    // The same content again.
    loaded.save(path("again.keras"));
    for (const char* member : {"config.json", "model.weights.h5", "fovea.json"}) {
      const std::int64_t limit = 1 << 30;
      EXPECT_EQ(ZipReader(path("again.keras")).read(member, limit),
                ZipReader(path("model.keras")).read(member, limit));
    }
  }
}

TEST_F(KerasArchive, KeepsClassNamesAndPreprocessing) {
  Model model = gallery_model("sequential");
  model.info().class_names = {"cat", "Hündin", "\"quoted\""};
  model.save(path("model.keras"));
  const ModelInfo info = load_model(path("model.keras")).info();
  EXPECT_EQ(info.class_names, model.info().class_names);
  ASSERT_TRUE(info.preprocessing);
  EXPECT_EQ(info.preprocessing->image_size, (std::array<std::int64_t, 2>{15, 15}));
  EXPECT_EQ(info.preprocessing->color_mode, "rgb");
  EXPECT_EQ(info.preprocessing->interpolation, "nearest");
  EXPECT_FALSE(info.preprocessing->crop_to_aspect_ratio);
  EXPECT_TRUE(info.preprocessing->pad_to_aspect_ratio);
  EXPECT_TRUE(info.preprocessing->scaled_decoding);
  model.info() = {};
  model.save(path("model.keras"));
  EXPECT_FALSE(load_model(path("model.keras")).info().preprocessing);
}

TEST_F(KerasArchive, KeepsTheKernels) {
  const Model model = gallery_model(gallery_names()[0]);
  model.save(path("model.keras"));
  EXPECT_FALSE(contains(ZipReader(path("model.keras")).read("fovea.json", 1 << 20), "kernels"));
  EXPECT_TRUE(load_model(path("model.keras")).kernels().choices.empty());
  model.set_kernels({"avx2",
                     {{"conv", "Conv2D", "shapes", "conv2d:direct", "measured", 0.25},
                      {"", "MatMul", "others", "matmul", "table", 0}}});
  model.save(path("model.keras"));
  const KernelRecord record = load_model(path("model.keras")).kernels();
  EXPECT_EQ(record.instruction_set, "avx2");
  ASSERT_EQ(record.choices.size(), 2U);
  EXPECT_EQ(record.choices[0].layer, "conv");
  EXPECT_EQ(record.choices[0].region, "Conv2D");
  EXPECT_EQ(record.choices[0].shapes, "shapes");
  EXPECT_EQ(record.choices[0].kernel, "conv2d:direct");
  EXPECT_EQ(record.choices[0].why, "measured");
  EXPECT_EQ(record.choices[0].milliseconds, 0.25);
  EXPECT_EQ(record.choices[1].milliseconds, 0);
  model.set_kernels({});
  EXPECT_TRUE(model.kernels().choices.empty());
}

TEST_F(KerasArchive, HasTheMetadataOfKeras) {
  gallery_model("several").save(path("model.keras"));
  const Json metadata = parse_json(ZipReader(path("model.keras")).read("metadata.json", 1000));
  EXPECT_EQ(metadata["keras_version"], "3.15.1");
  EXPECT_EQ(metadata["date_saved"].get<std::string>().size(), std::strlen("2026-01-31@23:59:59"));
}

TEST_F(KerasArchive, OfKerasIsRead) {
  const Model model = load_model(made_file("trained.keras"));
  EXPECT_EQ(model.name(), "trained");
  EXPECT_TRUE(model.compiled());
  EXPECT_EQ(model.optimizer().iterations(), 4);
  EXPECT_EQ(model.optimizer().name(), "adam");
  EXPECT_TRUE(model.info().class_names.empty());
  EXPECT_FALSE(load_model(made_file("trained.keras"), {.compile = false}).compiled());
}

TEST_F(KerasArchive, PythonCodeIsRefused) {
  const std::string error = error_of([] { load_model(made_file("lambda.keras")); });
  EXPECT_TRUE(contains(error, "lambda.keras': config.json: layer 'code' (Lambda): holds Python code"));
}

TEST_F(KerasArchive, MissingAndBrokenMembersAreNamed) {
  gallery_model("several").save(path("model.keras"));
  EXPECT_EQ(error_of([&] { load_model(changed("", nullptr)); }), "");
  EXPECT_EQ(error_of([&] { load_model(changed("metadata.json", nullptr)); }), "");
  EXPECT_EQ(error_of([&] { load_model(changed("fovea.json", nullptr)); }), "");
  EXPECT_TRUE(contains(error_of_changed("config.json", nullptr), "has no member 'config.json'"));
  EXPECT_TRUE(contains(error_of_changed("model.weights.h5", nullptr), "has no member 'model.weights.h5'"));
  EXPECT_TRUE(contains(error_of_changed("config.json", "{"), "config.json: is no JSON"));
  EXPECT_TRUE(contains(error_of_changed("model.weights.h5", std::string(9999, 'x').c_str()),
                       "model.weights.h5: is no HDF5 file"));
  EXPECT_TRUE(contains(error_of_changed("fovea.json", "{}"), "fovea.json: it: has no 'format'"));
  EXPECT_TRUE(contains(error_of_changed("fovea.json", R"({"format": 2})"), "later version of fovea"));
  EXPECT_TRUE(contains(
      error_of_changed("fovea.json", R"({"format": 1, "class_names": [], "preprocessing": {"blur": 3}})"),
      "there is no option 'blur'"));
  EXPECT_TRUE(
      contains(error_of_changed("fovea.json",
                                R"({"format": 1, "class_names": [], "preprocessing": {"image_size": [3]}})"),
               "'image_size' must be a height and a width"));
  EXPECT_TRUE(
      contains(error_of_changed("fovea.json",
                                R"({"format": 1, "class_names": [], "preprocessing": null, "kernels": 3})"),
               "kernels"));
  const char* const damaged = R"({"format": 1, "class_names": [], "preprocessing": null, "kernels":
      {"instruction_set": "avx2", "choices": [{"layer": "a", "region": "b", "shapes": "c", "kernel": 7}]}})";
  EXPECT_TRUE(contains(error_of_changed("fovea.json", damaged), "'kernel'"));
  const char* const timed = R"({"format": 1, "class_names": [], "preprocessing": null, "kernels":
      {"instruction_set": "avx2", "choices": [{"layer": "a", "region": "b", "shapes": "c", "kernel": "d", "why": "e",
       "milliseconds": "soon"}]}})";
  EXPECT_TRUE(contains(error_of_changed("fovea.json", timed), "'milliseconds' must be a number"));
  EXPECT_TRUE(
      contains(error_of_changed("fovea.json", R"({"format": 1, "class_names": [3], "preprocessing": null})"),
               "'class_names' must be texts"));
}

TEST_F(KerasArchive, AConfigThatAsksForMoreThanTheFileHoldsTakesNoMemory) {
  gallery_model("several").save(path("model.keras"));
  Json config = parse_json(ZipReader(path("model.keras")).read("config.json", 1 << 20));
  for (Json& layer : config["config"]["layers"]) {
    if (layer["name"] == "age") layer["config"]["units"] = 2'000'000'000;
  }
  EXPECT_TRUE(contains(error_of_changed("config.json", config.dump().c_str()),
                       "Layer 'age' (Dense): its weight 'kernel' of shape (19, 2000000000) does not fit"));
}

TEST_F(KerasArchive, PathsSayWhatTheyAre) {
  const Model model = gallery_model("several");
  EXPECT_EQ(error_of([&] { model.save("model.pb"); }),
            "save: the path must end in '.keras', '.h5' or '.hdf5'. Received: 'model.pb'");
  EXPECT_EQ(error_of([&] { model.save_weights("model.keras"); }),
            "save_weights: the path must end in '.weights.h5'. Received: 'model.keras'");
  EXPECT_EQ(error_of([] { load_model("model.pb"); }),
            "load_model: the path must end in '.keras', '.h5' or '.hdf5'. Received: 'model.pb'");
  EXPECT_TRUE(contains(error_of([] { load_model("a.weights.h5"); }), "'a.weights.h5' holds weights alone"));
  EXPECT_TRUE(contains(error_of([&] { model.load_weights("a.pb"); }), "load_weights: the path must end in"));
  EXPECT_EQ(error_of([&] { load_model(path("none.keras")); }),
            "'" + path("none.keras") + "': there is no such file");
  fs::create_directory(path("folder.keras"));
  EXPECT_EQ(error_of([&] { load_model(path("folder.keras")); }),
            "'" + path("folder.keras") + "': is no file");
}

TEST_F(KerasArchive, AFailedWriteLeavesTheOldFile) {
  const Model model = gallery_model("several");
  model.save(path("model.keras"));
  const std::string before = read_bytes(path("model.keras"));
  const Sequential unknown(
      {Input({2}), Layer([] {
         class Unregistered final : public LayerImpl {
          public:
           std::string_view class_name() const override { return "mine>Unregistered"; }
           void fields(FieldVisitor&) override {}
           std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
             return {inputs[0]};
           }
           std::vector<Value> lower(const LoweringContext&, std::span<const Value> inputs) const override {
             return {inputs[0]};
           }
         };
         return std::make_shared<Unregistered>();
       }())});
  const std::string error = error_of([&] { unknown.save(path("model.keras")); });
  EXPECT_TRUE(contains(error, "'" + path("model.keras") + "': "));
  EXPECT_TRUE(contains(error, "class 'mine>Unregistered', which loading would not know"));
  EXPECT_TRUE(contains(error, "fovea::register_layer(\"mine>Unregistered\""));
  EXPECT_EQ(read_bytes(path("model.keras")), before);
  EXPECT_EQ(error_of([&] { model.save(path("no/folder/model.keras")); }),
            "Cannot write '" + path("no/folder/model.keras") + "': No such file or directory");
  EXPECT_EQ(files(), 1u);
}

TEST_F(KerasArchive, SeveralThreadsMaySaveAndLoad) {
  const Model model = gallery_model("sequential");
  std::vector<std::thread> threads;
  std::atomic<int> same{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const std::string file = path("model_" + std::to_string(t) + ".keras");
      for (int i = 0; i < 5; ++i) {
        model.save(file);
        same += model_to_json(load_model(file)) == model_to_json(model) ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(same, 20);
}

TEST_F(KerasArchive, SeveralThreadsMayWriteTheConfigOfOneModel) {
  for (const std::string& name : gallery_names()) {
    const Model model = gallery_model(name);
    const std::string expected = model_to_json(model);
    std::vector<std::thread> threads;
    std::atomic<int> same{0};
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] { same += model_to_json(model) == expected ? 1 : 0; });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(same, 4) << name;
  }
}

TEST_F(KerasArchive, CutShortItIsAnError) {
  gallery_model("several").save(path("model.keras"));
  const std::string bytes = read_bytes(path("model.keras"));
  for (std::size_t size = 0; size < bytes.size(); size += 1 + bytes.size() / 200) {
    write_bytes(path("short.keras"), bytes.substr(0, size));
    EXPECT_TRUE(
        contains(error_of([&] { load_model(path("short.keras")); }), "'" + path("short.keras") + "': "))
        << size;
  }
}

TEST_F(KerasArchive, FlippedBytesAreAnErrorOrTheSameModel) {
  const Model model = gallery_model("several");
  model.save(path("model.keras"));
  const std::string bytes = read_bytes(path("model.keras"));
  std::mt19937 random(3);
  int errors = 0;
  for (int i = 0; i < 600; ++i) {
    std::string damaged = bytes;
    const std::size_t at = random() % bytes.size();
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << random() % 8));
    write_bytes(path("damaged.keras"), damaged);
    const std::string error =
        error_of([&] { expect_same_weights(load_model(path("damaged.keras")), model); });
    if (error == "") continue;
    EXPECT_TRUE(contains(error, "'" + path("damaged.keras") + "': "));
    ++errors;
  }
  EXPECT_GT(errors, 500) << "nearly every byte is covered by a checksum";
}

}  // namespace
}  // namespace fovea::testing
