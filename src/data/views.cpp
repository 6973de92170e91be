#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/format.h"
#include "fovea/data.h"

namespace fovea {
namespace {

class Selection final : public Dataset {
 public:
  Selection(DatasetPtr base, std::vector<std::int64_t> positions)
      : base_(std::move(base)), positions_(std::move(positions)) {}

  std::int64_t size() const override { return static_cast<std::int64_t>(positions_.size()); }
  std::vector<TensorSpec> inputs() const override { return base_->inputs(); }
  std::vector<TensorSpec> targets() const override { return base_->targets(); }
  bool has_weights() const override { return base_->has_weights(); }
  void load(std::int64_t position, std::int64_t row, Batch& into) const override {
    base_->load(below(position), row, into);
  }
  std::int64_t sample_id(std::int64_t position) const override { return base_->sample_id(below(position)); }
  std::vector<std::string> class_names() const override { return base_->class_names(); }

 private:
  std::int64_t below(std::int64_t position) const { return positions_[static_cast<std::size_t>(position)]; }

  DatasetPtr base_;
  std::vector<std::int64_t> positions_;
};

DatasetPtr range(DatasetPtr dataset, std::int64_t first, std::int64_t last) {
  std::vector<std::int64_t> positions(static_cast<std::size_t>(last - first));
  std::iota(positions.begin(), positions.end(), first);
  return std::make_shared<Selection>(std::move(dataset), std::move(positions));
}

std::int64_t clipped(const DatasetPtr& dataset, std::string_view name, std::int64_t count) {
  if (!dataset) fail("{}: received a null dataset", name);
  if (count < 0) fail("{}: the number of samples must not be negative. Received: {}", name, count);
  return std::min(count, dataset->size());
}

}  // namespace

DatasetPtr take(DatasetPtr dataset, std::int64_t count) {
  const std::int64_t last = clipped(dataset, "take", count);
  return range(std::move(dataset), 0, last);
}

DatasetPtr skip(DatasetPtr dataset, std::int64_t count) {
  const std::int64_t first = clipped(dataset, "skip", count);
  const std::int64_t last = dataset->size();
  return range(std::move(dataset), first, last);
}

DatasetPtr select(DatasetPtr dataset, std::vector<std::int64_t> positions) {
  const std::int64_t samples = clipped(dataset, "select", dataset ? dataset->size() : 0);
  for (const std::int64_t position : positions) {
    if (position < 0 || position >= samples) {
      fail("select: a dataset of {} samples has no sample {}", samples, position);
    }
  }
  return std::make_shared<Selection>(std::move(dataset), std::move(positions));
}

std::pair<DatasetPtr, DatasetPtr> split(const DatasetPtr& dataset, double validation_split) {
  if (!dataset) fail("split: received a null dataset");
  if (!(validation_split > 0 && validation_split < 1)) {
    fail("validation_split must lie between 0 and 1, both excluded. Received: {}", validation_split);
  }
  const std::int64_t samples = dataset->size();
  const auto training =
      static_cast<std::int64_t>(std::floor(static_cast<double>(samples) * (1.0 - validation_split)));
  if (training == 0 || training == samples) {
    fail(
        "validation_split={} leaves {} of {} samples for training and {} for validation; both need at least "
        "one. "
        "Give more samples or another validation_split",
        validation_split, training, samples, samples - training);
  }
  return {take(dataset, training), skip(dataset, training)};
}

}  // namespace fovea
