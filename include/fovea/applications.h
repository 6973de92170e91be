#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/model.h"

/// Reference architectures, and new heads for trained ones.
namespace fovea::applications {

/// What every architecture here takes.
struct Options {
  /// Height, width and channels; empty: those that the architecture was made for.
  Shape input_shape = {};
  /// 1: one sigmoid, for two classes; more: so many softmax units, one a class; 0: as many as the
  /// architecture was made for.
  std::int64_t outputs = 0;
  double dropout = 0.5;
  std::string name = {};  ///< empty: the architecture's
};

/// The cats-and-dogs net: Rescaling(1/255); Conv2D 32, 64, 128, 128 (3x3, ReLU), each followed by 2x2 max
/// pooling; Flatten; Dropout; Dense 512 ReLU; the output. (150, 150, 3) and one output unless told otherwise.
/// Throws Error for images below 46x46, of which nothing would be left.
Sequential convnet(const Options& options = {});

/// LeNet-5 (LeCun et al. 1998) as one would build it today, with ReLU, max pooling and dropout, for small
/// images: Rescaling(1/255); Conv2D 32 5x5 "same", max pooling; Conv2D 64 5x5 "same", max pooling; Flatten;
/// Dropout; Dense 256 ReLU; the output. (28, 28, 1) and ten outputs unless told otherwise.
Sequential lenet(const Options& options = {});

/// "convnet", "lenet".
std::vector<std::string> names();
/// The architecture of that name. Throws Error listing the names there are.
Sequential make(std::string_view name, const Options& options = {});

/// The model for pixels from 0 to 255, red first, as image files have them: with what Keras' preprocess_input
/// does to them as its first layers. `mode` is "tf" (from -1 to 1: MobileNet, InceptionV3, Xception, NASNet,
/// ResNetV2), "torch" (normalised by ImageNet's means and deviations: DenseNet), "caffe" (blue first, less
/// ImageNet's means: VGG, ResNet), or "unit" (from 0 to 1; not in Keras). Layers, weights, compilation, info
/// and name stay; the layers are shared, called a second time. Throws Error for other modes, several inputs,
/// and an input that is no image, of three channels for "torch" and "caffe".
Model with_preprocessing(const Model& model, std::string_view mode);
/// "tf", "torch", "caffe", "unit".
std::vector<std::string> preprocessing_modes();

struct HeadOptions {
  std::int64_t outputs = 1;  ///< as in Options
  double dropout = 0.2;      ///< before the output; 0: none
};

/// A trained model with another output, for transfer learning.
struct NewHead {
  Model model;                       ///< shares the layers that were kept, and their weights
  Layer features;                    ///< its output is what the head reads
  std::string pooling;               ///< class of the layer that the head pools that output with, or empty
  std::int64_t feature_count = 0;    ///< numbers that the new output reads, for an image
  std::vector<std::string> removed;  ///< layers that were left out, in the order of execution
  std::vector<Layer> base;           ///< kept layers that have weights, nested models opened up, input first
};

/// Cuts the top off a classifier and puts [Flatten], Dropout and a Dense output in its place. The cut is
/// behind the last Flatten or global pooling layer that all paths go through and a layer with weights
/// follows; where there is none, before the last Dense layer. Where the classifier is a convolution whose
/// maps are pooled, the cut is before it, and the head pools in its place. A model without a top, which ends
/// in a Flatten, a global pooling or feature maps, is kept whole; feature maps are averaged. What was kept is
/// frozen; a frozen BatchNormalization runs in inference mode. The preprocessing in the model's info is kept,
/// its class names are not. Throws Error for a model with several inputs or outputs, or without such a place.
NewHead replace_head(const Model& base, const HeadOptions& options = {});

/// Layers of `head.base` that fine-tuning may change, input first: all but BatchNormalization, whose
/// statistics come from more data than fine-tuning has (https://keras.io/guides/transfer_learning).
std::vector<Layer> tunable_layers(const NewHead& head);
/// Lets the last `count` of them train again and returns their names, input first. Throws Error when there
/// are fewer.
std::vector<std::string> unfreeze_top(const NewHead& head, std::int64_t count);

}  // namespace fovea::applications
