#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "fovea/tensor.h"

namespace fovea {

/// Samples that go through a model together. Every tensor has room for `capacity` samples in its outermost
/// dimension; rows [0, count) are filled, later ones hold whatever an earlier batch left there.
struct Batch {
  std::vector<Tensor> inputs;
  std::vector<Tensor> targets;
  std::vector<Tensor> weights;  ///< sample weights, float32 (capacity), one per target; empty: every one is 1
  std::vector<std::int64_t> sample_ids;  ///< Dataset::sample_id of each row
  std::int64_t count = 0;

  /// This batch cut to its `count` rows, sharing the storage.
  Batch filled() const;
};

/// Samples that can be read in any order, by position. Derive from it to bring your own data; shuffling,
/// batching and prefetching belong to training.
class Dataset {
 public:
  virtual ~Dataset() = default;
  Dataset() = default;
  Dataset(const Dataset&) = delete;
  Dataset& operator=(const Dataset&) = delete;

  /// Number of samples.
  virtual std::int64_t size() const = 0;
  /// Shapes and dtypes of one sample, without the batch: {float32 (150, 150, 3)}; a label is int32 ().
  virtual std::vector<TensorSpec> inputs() const = 0;
  virtual std::vector<TensorSpec> targets() const = 0;
  /// True when the samples carry weights; then `load` fills one weight per target.
  virtual bool has_weights() const { return false; }
  /// Writes the sample at `position`, in [0, size()), into row `row` of every tensor of `into`. Training
  /// calls it from several threads at once, for different batches; a dataset in memory should not allocate
  /// here. May throw; the error surfaces in the thread that trains.
  virtual void load(std::int64_t position, std::int64_t row, Batch& into) const = 0;
  /// What a sample is called in Batch::sample_ids; a view answers with the number in the dataset below it.
  virtual std::int64_t sample_id(std::int64_t position) const { return position; }
  /// Names of the classes in the order of their labels; empty when there are none.
  virtual std::vector<std::string> class_names() const { return {}; }

  /// An empty batch of this dataset's specs with room for `capacity` samples. Throws Error below 1.
  Batch make_batch(std::int64_t capacity) const;
  /// Loads the samples at `positions` into rows 0, 1, ... and sets ids and count; allocates nothing itself.
  /// Throws Error for a position out of range, or for more positions than `into` has room for.
  void fill(std::span<const std::int64_t> positions, Batch& into) const;
};

/// Row `row` of a batch tensor as raw bytes; for a Dataset's `load`. Throws Error when T is not its dtype.
template <class T>
std::span<T> row_of(Tensor& batch, std::int64_t row) {
  const std::int64_t elements = batch.size() / batch.shape()[0];
  return {batch.data<T>() + row * elements, static_cast<std::size_t>(elements)};
}

struct ArrayDatasetOptions {
  /// Inputs of other types are converted to this one as they are loaded; unset leaves them as they are.
  std::optional<DType> input_dtype = std::nullopt;
  std::vector<std::string> class_names = {};
};

/// Arrays in memory: dimension 0 counts the samples. The tensors are shared, not copied.
class ArrayDataset final : public Dataset {
 public:
  /// x (N, ...), y (N, ...). Throws Error when the numbers of samples differ or a tensor has no dimension.
  ArrayDataset(Tensor x, Tensor y, ArrayDatasetOptions options = {});
  /// Several inputs and targets; `weights` is empty or has one float32 (N) per target.
  ArrayDataset(std::vector<Tensor> inputs, std::vector<Tensor> targets, std::vector<Tensor> weights = {},
               ArrayDatasetOptions options = {});

  std::int64_t size() const override { return size_; }
  std::vector<TensorSpec> inputs() const override;
  std::vector<TensorSpec> targets() const override;
  bool has_weights() const override { return !weights_.empty(); }
  void load(std::int64_t position, std::int64_t row, Batch& into) const override;
  std::vector<std::string> class_names() const override { return options_.class_names; }

 private:
  std::vector<Tensor> inputs_, targets_, weights_;
  ArrayDatasetOptions options_;
  std::int64_t size_ = 0;
};

using DatasetPtr = std::shared_ptr<const Dataset>;

/// Views; they read the dataset below them. The first `count` samples, or all when there are fewer.
DatasetPtr take(DatasetPtr dataset, std::int64_t count);
/// Everything after the first `count` samples.
DatasetPtr skip(DatasetPtr dataset, std::int64_t count);
/// The samples at `positions`, in that order. Throws Error for one out of range.
DatasetPtr select(DatasetPtr dataset, std::vector<std::int64_t> positions);
/// Keras' validation_split: the first floor(N * (1 - validation_split)) samples train, the last ones
/// validate, before any shuffle. Throws Error unless both parts get a sample and 0 < validation_split < 1.
std::pair<DatasetPtr, DatasetPtr> split(const DatasetPtr& dataset, double validation_split);

/// How an image file becomes a float32 (height, width, channels) tensor with values from 0 to 255.
struct ImageOptions {
  /// Height and width.
  std::array<std::int64_t, 2> image_size = {256, 256};
  /// "rgb" (alpha is dropped, not blended), "grayscale" (luma of BT.601) or "rgba" (opaque without alpha).
  std::string color_mode = "rgb";
  /// "bilinear" (half-pixel centres, no antialiasing) or "nearest".
  std::string interpolation = "bilinear";
  /// Cuts the largest centred window of the target's aspect ratio instead of distorting.
  bool crop_to_aspect_ratio = false;
  /// Adds black borders up to the target's aspect ratio instead of distorting.
  bool pad_to_aspect_ratio = false;
  /// Decodes JPEG files at a half, a quarter or an eighth of their size, the smallest that is not below
  /// image_size in either direction, and resizes that. Much faster for large photographs, and they are
  /// averaged instead of sampled when they shrink; the pixels are others than Keras'. (Not in Keras.)
  bool scaled_decoding = false;
};

/// Reads a BMP, GIF (first frame), JPEG, PNG or WebP file, told apart by content, resized as `options` say.
/// (Keras' load_img resizes with "nearest" by default; its datasets with "bilinear", as here.)
/// Throws Error naming the file and the reason.
Tensor load_image(const std::string& path, const ImageOptions& options = {});

/// Keras' image_dataset_from_directory.
struct ImageFolderOptions {
  /// Height and width.
  std::array<std::int64_t, 2> image_size = {256, 256};
  std::string color_mode = "rgb";  ///< see ImageOptions
  /// "int": int32 (); "categorical": one-hot float32 (classes); "binary": float32 (1), two classes only.
  std::string label_mode = "int";
  /// Share of the images that validate: shuffled once with `seed`, the last int(share * N) of them.
  double validation_split = 0;
  std::uint64_t seed = 0;
  std::string interpolation = "bilinear";  ///< see ImageOptions
  bool crop_to_aspect_ratio = false;
  bool pad_to_aspect_ratio = false;
  bool scaled_decoding = false;  ///< see ImageOptions
  /// Throw at a broken image instead of leaving it out.
  bool strict = false;
  /// Memory for images: as the floats that training takes when all fit; else every file, as long as they
  /// fit, and floats of as many images as fit beside them. What is not kept is read and decoded again in
  /// every epoch.
  std::int64_t cache_bytes = std::int64_t{96} << 20;
  /// Threads of the first pass over the files; 0: one per core.
  int threads = 0;
};

struct BrokenFile {
  std::string file;
  std::string reason;
};

struct ImageFolder {
  DatasetPtr train;
  DatasetPtr validation;  ///< null without a validation folder or validation_split
  std::vector<std::string> class_names;
  /// File of each sample, by Batch::sample_ids.
  std::vector<std::string> train_files, validation_files;
  /// Images that could not be read and take no part.
  std::vector<BrokenFile> broken;
};

/// One folder per class, images anywhere below it; or `train/` beside `validation/`, `val/` or `test/`, each
/// with one folder per class. Class names are the sorted folder names; hidden files and folders are skipped.
/// Every image is decoded once, in parallel, so that broken ones are known before training starts.
/// Throws Error for options out of range, a missing folder, fewer than two classes, or a class without
/// images.
ImageFolder image_folder(const std::string& path, const ImageFolderOptions& options = {});

/// Data that comes in two parts. `test` is null when there is none.
struct TrainTest {
  DatasetPtr train;
  DatasetPtr test;
};

/// One IDX file (MNIST's format), gzip-compressed or not; int32, float32, float64 and uint8 elements.
/// Throws Error naming the file when it is cut short, too long or no IDX file.
Tensor load_idx(const std::string& path);
/// A folder with train-images-idx3-ubyte[.gz], train-labels-idx1-ubyte[.gz] and, if there, the same for t10k-
/// (or test-): float32 (28, 28, 1) images with values from 0 to 255 and int32 () labels.
TrainTest idx_folder(const std::string& path);
/// CIFAR-10's binary version: data_batch_*.bin and test_batch.bin; float32 (32, 32, 3), int32 () labels.
TrainTest cifar10_folder(const std::string& path);

struct SyntheticShapesOptions {
  std::uint64_t seed = 0;
  /// Height and width of the square images, 16 to 4096.
  std::int64_t image_size = 150;
  /// The first so many of circle, square, triangle, star; 2 to 4.
  std::int64_t classes = 4;
  /// Images are kept once drawn if all of them fit in so much memory.
  std::int64_t cache_bytes = std::int64_t{512} << 20;
};

/// Drawn images to learn on without a download: one coloured shape, turned and scaled, in clutter and noise.
/// Float32 (size, size, 3) with whole values from 0 to 255; label int32 (), position mod classes. Sample i
/// depends on (seed, i, image_size, classes) alone and is the same on every machine.
DatasetPtr synthetic_shapes(std::int64_t count, const SyntheticShapesOptions& options = {});

}  // namespace fovea
