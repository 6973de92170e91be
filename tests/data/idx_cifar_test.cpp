#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/files.h"
#include "fovea/data.h"
#include "fovea/error.h"

namespace fovea::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// IDX of bytes: sizes, then 0, 1, 2, ...
ByteVector idx(const std::vector<std::uint8_t>& sizes) {
  ByteVector bytes = {0, 0, 8, static_cast<std::uint8_t>(sizes.size())};
  int elements = 1;
  for (const std::uint8_t size : sizes) {
    bytes.insert(bytes.end(), {0, 0, 0, size});
    elements *= size;
  }
  for (int i = 0; i < elements; ++i) bytes.push_back(static_cast<std::uint8_t>(i));
  return bytes;
}

Batch sample(const DatasetPtr& data, std::int64_t position) {
  Batch batch = data->make_batch(1);
  data->fill({&position, 1}, batch);
  return batch;
}

TEST(Idx, ReadsEveryTypePlainAndPacked) {
  const TemporaryFolder folder;
  for (const std::string& path :
       {folder.write("a", idx({2, 3})), folder.write("a.gz", to_gzip(idx({2, 3})))}) {
    const Tensor tensor = load_idx(path);
    EXPECT_EQ(tensor.spec().str(), "uint8 (2, 3)");
    EXPECT_EQ(tensor.data<std::uint8_t>()[5], 5);
  }
  const Tensor ints = load_idx(folder.write("i", {0, 0, 0x0C, 1, 0, 0, 0, 1, 0, 0, 1, 2}));
  EXPECT_THAT(ints.values<std::int32_t>(), ElementsAre(258));
  const Tensor floats = load_idx(folder.write("f", {0, 0, 0x0D, 1, 0, 0, 0, 1, 0x3F, 0xC0, 0, 0}));
  EXPECT_THAT(floats.values<float>(), ElementsAre(1.5f));
}

TEST(Idx, RefusesDamage) {
  const TemporaryFolder folder;
  const auto error = [&](const ByteVector& bytes) {
    return error_of([&] { load_idx(folder.write("file", bytes)); });
  };
  ByteVector bytes = idx({2, 3});
  bytes.pop_back();
  EXPECT_THAT(error(bytes), HasSubstr("cut short, 1 bytes"));
  bytes.insert(bytes.end(), {0, 0});
  EXPECT_THAT(error(bytes), HasSubstr("longer than its header"));
  EXPECT_THAT(error({1, 0, 8, 1}), HasSubstr("no IDX file"));
  EXPECT_THAT(error({0, 0, 9, 1}), HasSubstr("0x09"));
  EXPECT_THAT(error({0, 0, 8, 0}), HasSubstr("rank 0"));
  EXPECT_THAT(error({0, 0, 8, 1, 0xff, 0xff, 0xff, 0xff}), HasSubstr("announces"));
  ByteVector huge = {0, 0, 8, 3};
  huge.resize(16, 0xff);
  EXPECT_THAT(error(huge), HasSubstr("file: Shape (4294967295"));
  ByteVector packed = to_gzip(idx({200, 1}));
  packed[packed.size() - 6] ^= 1;  // the checksum
  EXPECT_THAT(error(packed), HasSubstr("gzip"));
  EXPECT_THAT(error_of([&] { load_idx(folder.path() + "/none"); }), HasSubstr("none: "));
}

TEST(Idx, FolderPairsImagesAndLabels) {
  const TemporaryFolder folder;
  folder.write("train-images-idx3-ubyte.gz", to_gzip(idx({3, 4, 5})));
  EXPECT_THAT(error_of([&] { idx_folder(folder.path()); }), HasSubstr("train-labels-idx1-ubyte"));
  folder.write("train-labels-idx1-ubyte", idx({3}));
  const TrainTest only = idx_folder(folder.path());
  EXPECT_EQ(only.test, nullptr);
  folder.write("t10k-images.idx3-ubyte", idx({2, 4, 5}));
  folder.write("t10k-labels.idx1-ubyte", idx({2}));
  const TrainTest data = idx_folder(folder.path());
  EXPECT_EQ(data.train->size(), 3);
  EXPECT_EQ(data.test->size(), 2);
  EXPECT_EQ(data.train->inputs()[0].str(), "float32 (4, 5, 1)");
  const Batch batch = sample(data.train, 2);
  EXPECT_EQ(batch.inputs[0].data<float>()[3], 43);
  EXPECT_EQ(batch.targets[0].data<std::int32_t>()[0], 2);
  folder.write("t10k-labels.idx1-ubyte", idx({9}));
  EXPECT_THAT(error_of([&] { idx_folder(folder.path()); }), HasSubstr("2 images, but 9 labels"));
  EXPECT_THAT(error_of([&] { idx_folder(folder.make_folder("empty")); }), HasSubstr("no IDX images"));
  folder.write("emnist-train-images-idx3-ubyte", idx({1, 1, 1}));
  EXPECT_THAT(error_of([&] { idx_folder(folder.path()); }), HasSubstr("one data set per folder"));
}

ByteVector cifar_record(std::uint8_t label) {
  ByteVector record = {label};
  for (int plane = 0; plane < 3; ++plane) {
    for (int i = 0; i < 1024; ++i) record.push_back(static_cast<std::uint8_t>(50 * plane + i % 32));
  }
  return record;
}

TEST(Cifar, ReadsBatchesInOrderAndInterleavesPlanes) {
  const TemporaryFolder folder;
  folder.write("data_batch_2.bin", cifar_record(4));
  folder.write("data_batch_1.bin", cifar_record(9));
  folder.write("test_batch.bin", cifar_record(1));
  const TrainTest data = cifar10_folder(folder.path());
  EXPECT_EQ(data.train->size(), 2);
  EXPECT_EQ(data.test->size(), 1);
  EXPECT_EQ(data.train->inputs()[0].str(), "float32 (32, 32, 3)");
  EXPECT_EQ(data.train->class_names()[9], "truck");
  const Batch batch = sample(data.train, 0);
  EXPECT_EQ(batch.targets[0].data<std::int32_t>()[0], 9);
  EXPECT_THAT(batch.inputs[0].values<float>().subspan(3 * 33, 3), ElementsAre(1, 51, 101));
}

TEST(Cifar, RefusesDamage) {
  const TemporaryFolder folder;
  EXPECT_THAT(error_of([&] { cifar10_folder(folder.path()); }), HasSubstr("data_batch_1.bin"));
  folder.write("data_batch_1.bin", ByteVector(3072));
  EXPECT_THAT(error_of([&] { cifar10_folder(folder.path()); }), HasSubstr("Received: 3072 bytes"));
  folder.write("data_batch_1.bin", cifar_record(10));
  EXPECT_THAT(error_of([&] { cifar10_folder(folder.path()); }), HasSubstr("label 10"));
  EXPECT_THAT(error_of([&] { cifar10_folder(folder.path() + "/none"); }), HasSubstr("no such folder"));
}

}  // namespace
}  // namespace fovea::test
