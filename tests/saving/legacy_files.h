#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "saving/files.h"
#include "saving/gallery.h"
#include "saving/hdf5_writer.h"
#include "saving/legacy_h5.h"
#include "support/golden.h"

namespace fovea::testing {

/// A file of tests/golden/h5.py.
inline std::string h5_file(const std::string& name) { return FOVEA_GOLDEN_DIR "/h5/" + name + ".h5"; }

class LegacyH5 : public WithFolder {
 protected:
  LegacyH5() {
    set_log_callback([this](std::string_view message) { messages_.emplace_back(message); });
  }
  ~LegacyH5() override { set_log_callback(nullptr); }

  /// A file of one layer whose weights are in one dataset.
  std::string one_layer_file(const std::string& model, const std::string& weight, const Tensor& value) const {
    Hdf5Writer file;
    file.make_group("model_weights/only");
    file.set_attribute("", "model_config", model);
    file.set_attribute("model_weights", "layer_names", "only");
    file.set_attribute("model_weights/only", "weight_names", weight);
    file.write("model_weights/only/" + weight, value);
    write_bytes(path("one.h5"), file.finish());
    return path("one.h5");
  }

  std::vector<std::string> messages_;
};

}  // namespace fovea::testing
