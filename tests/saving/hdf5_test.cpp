#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "saving/files.h"
#include "saving/hdf5_reader.h"
#include "saving/hdf5_writer.h"

namespace fovea::testing {
namespace {

std::string small_file() {
  Hdf5Writer file;
  file.make_group("layers/conv2d/vars");
  file.set_attribute("layers/conv2d/vars", "name", "first");
  file.write("layers/conv2d/vars/0", Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6}));
  file.write("layers/conv2d/vars/1", Tensor::of<double>({2}, {0.1, 0.2}));
  file.write("optimizer/vars/0", Tensor::of<std::int64_t>({}, {7}));
  file.write("optimizer/vars/1", Tensor::of<std::int32_t>({1}, {-5}));
  file.write("empty", Tensor({0, 4}));
  return std::string(std::string_view(file.finish()));
}

TEST(Hdf5, WhatIsWrittenIsRead) {
  const std::string bytes = small_file();
  const Hdf5Reader file(bytes);
  EXPECT_EQ(file.children(""), (std::vector<std::string>{"empty", "layers", "optimizer"}));
  EXPECT_EQ(file.children("layers/conv2d/vars"), (std::vector<std::string>{"0", "1"}));
  EXPECT_TRUE(file.has("layers/conv2d"));
  EXPECT_FALSE(file.has("layers/conv2d/vars/2"));
  EXPECT_FALSE(file.has("layers/conv2d/vars/0/below_a_dataset"));
  EXPECT_EQ(file.spec("layers/conv2d/vars/0"), (TensorSpec{{2, 3}, DType::float32}));
  EXPECT_EQ(file.read("layers/conv2d/vars/0").values<float>()[5], 6);
  EXPECT_EQ(file.read("layers/conv2d/vars/1").values<double>()[0], 0.1);
  EXPECT_EQ(file.read("optimizer/vars/0").spec(), (TensorSpec{{}, DType::int64}));
  EXPECT_EQ(file.read("optimizer/vars/0").values<std::int64_t>()[0], 7);
  EXPECT_EQ(file.read("optimizer/vars/1").values<std::int32_t>()[0], -5);
  EXPECT_EQ(file.read("empty").shape(), (Shape{0, 4}));
}

TEST(Hdf5, ListsOfTextsAreCutIntoAttributesThatFit) {
  using Texts = std::vector<std::string>;
  Hdf5Writer writer;
  writer.make_group("names");
  Texts many;
  for (int i = 0; i < 3000; ++i) many.push_back(std::string(20, 'x') + std::to_string(i));
  writer.set_texts("names", "many", many);
  writer.set_texts("names", "few", {"a", "", "longer"});
  writer.set_texts("names", "none", {});
  EXPECT_TRUE(contains(error_of([&] { writer.set_texts("names", "long", {std::string(64513, 'x')}); }),
                       "a text of 64513 bytes; at most 64512 can be written"));
  const std::string bytes(std::string_view(writer.finish()));
  const Hdf5Reader file(bytes);
  EXPECT_EQ(file.texts("names", "few"), (Texts{"a", "", "longer"}));
  EXPECT_EQ(file.texts("names", "none"), Texts{});
  EXPECT_FALSE(file.texts("names", "many"));
  Texts found;
  for (int part = 0; file.texts("names", "many" + std::to_string(part)); ++part) {
    const Texts texts = *file.texts("names", "many" + std::to_string(part));
    found.insert(found.end(), texts.begin(), texts.end());
  }
  EXPECT_EQ(found, many);
}

TEST(Hdf5, TheSameContentHasTheSameBytes) { EXPECT_EQ(small_file(), small_file()); }

TEST(Hdf5, GroupsOfManyMembers) {
  Hdf5Writer writer;
  for (int i = 0; i < 500; ++i) writer.write("many/" + std::to_string(i), Tensor::of<std::int32_t>({}, {i}));
  const std::string bytes(std::string_view(writer.finish()));
  const Hdf5Reader file(bytes);
  EXPECT_EQ(file.children("many").size(), 500u);
  for (int i = 0; i < 500; ++i)
    EXPECT_EQ(file.read("many/" + std::to_string(i)).values<std::int32_t>()[0], i);
}

/// Files of h5py, in the formats from the earliest to the latest.
class Hdf5Formats : public ::testing::TestWithParam<const char*> {
 protected:
  const std::string bytes_ = read_bytes(made_file(std::string(GetParam()) + ".h5"));
  const Hdf5Reader file_{bytes_};
};

TEST_P(Hdf5Formats, HaveTheirNumbersRead) {
  for (const char* name : {"<f4", ">f4", "<f8", ">f8", "<i4", ">i4", "<i8", ">i8", "u1"}) {
    const Tensor values = file_.read(std::string("numbers/") + name).astype(DType::float64);
    ASSERT_EQ(values.shape(), (Shape{2, 3})) << name;
    for (int i = 0; i < 6; ++i) EXPECT_EQ(values.data<double>()[i], i) << name;
  }
  EXPECT_EQ(file_.spec("numbers/>f8").dtype, DType::float64);
  EXPECT_EQ(file_.spec("numbers/u1").dtype, DType::uint8);
  EXPECT_EQ(file_.read("numbers/scalar").values<float>()[0], 2.5F);
  EXPECT_EQ(file_.read("numbers/none").shape(), (Shape{0, 3}));
  EXPECT_EQ(file_.read("numbers/compact").values<float>()[1], 8);
}

TEST_P(Hdf5Formats, HaveGroupsOfManyMembersRead) {
  const std::size_t count = std::string(GetParam()) == "earliest" ? 20 : 60;
  EXPECT_EQ(file_.children("many").size(), count);
  for (std::size_t i = 0; i < count; ++i) EXPECT_TRUE(file_.has("many/member_" + std::to_string(i))) << i;
  EXPECT_FALSE(file_.has("many/member_60"));
}

TEST_P(Hdf5Formats, AreRefusedWhereTheyHoldWhatIsNotNeeded) {
  const std::pair<const char*, const char*> cases[] = {
      {"float16", "floating point numbers of 16 bits"},
      {"int16", "signed whole numbers of 16 bits"},
      {"uint32", "unsigned whole numbers of 32 bits"},
      {"text", "holds no numbers"},
      {"bool", "holds no numbers"},
      {"null", "is empty"},
      {"unwritten", "was never written"},
      {"compressed", "stored in chunks"},
      {"chunked", "stored in chunks"},
      {"outside", "keeps its data in other files"},
      {"soft", "soft or external link"},
      {"external", "soft or external link"},
      {"missing", "is not in the file"},
  };
  for (const auto& [name, message] : cases) {
    const std::string place = std::string("odd/") + name;
    const std::string error = error_of([&] { file_.read(place); });
    EXPECT_TRUE(contains(error, "'" + place + "': ")) << name;
    EXPECT_TRUE(contains(error, message)) << name;
  }
  EXPECT_TRUE(contains(error_of([&] { file_.read("numbers"); }), "'numbers': is a group"));
  EXPECT_TRUE(contains(error_of([&] { file_.children("numbers/u1"); }), "'numbers/u1': is no group"));
  EXPECT_TRUE(contains(error_of([&] { file_.read("odd/soft/scalar"); }), "soft or external link"));
  if (file_.has("odd/virtual")) {
    EXPECT_TRUE(contains(error_of([&] { file_.read("odd/virtual"); }), "put together from others"));
  }
}

/// Looks at everything in a file.
void read_all(const Hdf5Reader& file, const std::string& path, int& budget) {
  static const std::vector<const char*> few{"fixed", "variable", "fixed_list", "variable_list"};
  static const std::vector<const char*> more{"large", "names3"}, others{"name"};
  for (const char* name : path == "few" ? few : path == "more" ? more : others) {
    try {
      file.texts(path, name);
    } catch (const Error&) {
    }
  }
  for (const std::string& name : file.children(path)) {
    if (--budget < 0) return;
    const std::string below = path.empty() ? name : path + "/" + name;
    try {
      file.read(below);
    } catch (const Error&) {
      try {
        read_all(file, below, budget);
      } catch (const Error&) {
      }
    }
  }
}

void read_damaged(const std::string& bytes) {
  // At its end nothing follows that could be read.
  const std::vector<char> exact(bytes.begin(), bytes.end());
  try {
    int budget = 60;
    read_all(Hdf5Reader({exact.data(), exact.size()}), "", budget);
  } catch (const Error&) {
  }
}

void survive_flipped_bytes(std::string bytes) {
  std::mt19937 random(1);
  for (int i = 0; i < 3000; ++i) {
    const std::size_t at = random() % bytes.size();
    const char before = bytes[at];
    bytes[at] = static_cast<char>(random());
    read_damaged(bytes);
    bytes[at] = before;
  }
}

void survive_cuts_and_moves(const std::string& original) {
  std::mt19937 random(2);
  for (int i = 0; i < 300; ++i) read_damaged(original.substr(0, random() % original.size()));
  for (int i = 0; i < 1000; ++i) {
    std::string bytes = original;
    for (unsigned j = random() % 4; j < 4; ++j) {
      // Eight bytes, an address perhaps, become another one.
      const std::size_t to = random() % (bytes.size() / 8) * 8, from = random() % (bytes.size() / 8) * 8;
      bytes.replace(to, 8, original, from, 8);
    }
    read_damaged(bytes);
  }
}

TEST_P(Hdf5Formats, SurviveFlippedBytes) { survive_flipped_bytes(bytes_); }
TEST_P(Hdf5Formats, SurviveBeingCutShortAndRearranged) { survive_cuts_and_moves(bytes_); }

INSTANTIATE_TEST_SUITE_P(Of, Hdf5Formats, ::testing::Values("earliest", "v108", "latest"),
                         [](const auto& test) { return std::string(test.param); });

/// Attributes that h5py wrote, in the same formats.
class Hdf5Attributes : public ::testing::TestWithParam<const char*> {
 protected:
  using Texts = std::vector<std::string>;
  std::string error_of_odd(const std::string& name) const {
    return error_of([&] { file_.texts("odd", name); });
  }
  const std::string bytes_ = read_bytes(made_file("attributes_" + std::string(GetParam()) + ".h5"));
  const Hdf5Reader file_{bytes_};
};

TEST_P(Hdf5Attributes, HaveTheirTextsRead) {
  EXPECT_EQ(file_.texts("few", "fixed"), Texts{"fixed length"});
  EXPECT_EQ(file_.texts("few", "variable"), Texts{"of variable length, größer"});
  EXPECT_EQ(file_.texts("few", "empty"), Texts{""});
  EXPECT_EQ(file_.texts("few", "fixed_list"), (Texts{"a", "longer", ""}));
  std::string long_text;
  for (int i = 0; i < 50; ++i) long_text += "yy";
  EXPECT_EQ(file_.texts("few", "variable_list"), (Texts{"x", "", long_text}));
  EXPECT_EQ(file_.texts("few", "none"), Texts{});
  EXPECT_EQ(file_.texts("odd/dataset", "unit"), Texts{"m"});
  EXPECT_FALSE(file_.texts("few", "other"));
  EXPECT_FALSE(file_.texts("", "fixed"));
  EXPECT_TRUE(contains(error_of([&] { file_.texts("other", "fixed"); }), "'other': is not in the file"));
}

TEST_P(Hdf5Attributes, HaveManyAndLargeOnesRead) {
  for (int i = 0; i < 12; ++i) {
    const auto texts = file_.texts("more", "names" + std::to_string(i));
    ASSERT_TRUE(texts) << i;
    ASSERT_EQ(texts->size(), static_cast<std::size_t>(i + 1));
    EXPECT_EQ(texts->back(), std::to_string(i) + "_" + std::to_string(i));
  }
  ASSERT_EQ(file_.texts("more", "large")->size(), 1200u);
  EXPECT_EQ(file_.texts("more", "large")->back(), "01199");
  if (std::string(GetParam()) == "earliest") return;
  for (int i = 0; i < 400; ++i)
    EXPECT_EQ(file_.texts("many", "number_" + std::to_string(i)), Texts{std::to_string(i)});
}

TEST_P(Hdf5Attributes, AreRefusedWhereTheyHoldNoTexts) {
  EXPECT_EQ(error_of_odd("number"), "'odd': its attribute 'number' holds no text (HDF5's class 0)");
  EXPECT_EQ(error_of_odd("numbers"), "'odd': its attribute 'numbers' holds no text (HDF5's class 1)");
  EXPECT_TRUE(contains(error_of_odd("table"), "'table' has 2 dimensions"));
  EXPECT_TRUE(contains(error_of_odd("null"), "'null' is empty"));
}

TEST_P(Hdf5Attributes, SurviveFlippedBytes) { survive_flipped_bytes(bytes_); }
TEST_P(Hdf5Attributes, SurviveBeingCutShortAndRearranged) { survive_cuts_and_moves(bytes_); }

INSTANTIATE_TEST_SUITE_P(Of, Hdf5Attributes, ::testing::Values("earliest", "v108", "latest"),
                         [](const auto& test) { return std::string(test.param); });

TEST(Hdf5, TextsAreNotLongerThanTheFile) {
  const std::string original = read_bytes(made_file("attributes_earliest.h5"));
  const std::size_t text = original.find("of variable length"), heap = original.rfind("GCOL", text);
  ASSERT_NE(heap, std::string::npos);
  std::string address(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) address[i] = static_cast<char>(heap >> (8 * i));
  std::size_t changed = 0;
  for (std::size_t at = original.find(address); at != std::string::npos;
       at = original.find(address, at + 1)) {
    std::string bytes = original;
    bytes[at - 2] = 1;  // of four bytes that say the length
    const Hdf5Reader file(bytes);
    for (const char* name : {"variable", "variable_list"}) {
      const std::string error = error_of([&] { file.texts("few", name); });
      if (error == "") continue;
      EXPECT_TRUE(contains(error, "is longer than its place"));
      ++changed;
    }
  }
  EXPECT_EQ(changed, 4u);  // one, and a list of three
}

/// Of 8 bytes.
std::uint64_t number_at(const std::string& bytes, std::size_t at) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

TEST(Hdf5, MembersThatShareOneLongNameTakeNoMoreMemoryThanTheFile) {
  constexpr std::size_t kMembers = 200;
  const std::string long_name(4000, 'z');
  Hdf5Writer writer;
  for (std::size_t i = 0; i + 1 < kMembers; ++i) writer.make_group("all/" + std::to_string(i));
  writer.make_group("all/" + long_name);
  std::string bytes(std::string_view(writer.finish()));
  ASSERT_EQ(Hdf5Reader(bytes).children("all").size(), kMembers);
  const std::size_t name = bytes.find(long_name);
  // Its place is counted from where its heap's data begins: that of the heap in front of it which is nearest.
  std::uint64_t data = 0;
  for (std::size_t heap = bytes.find("HEAP"); heap != std::string::npos;
       heap = bytes.find("HEAP", heap + 1)) {
    const std::uint64_t begin = number_at(bytes, heap + 24), size = number_at(bytes, heap + 8);
    if (begin <= name && name < begin + size) data = begin;
  }
  ASSERT_NE(data, 0u);
  const std::uint64_t offset = name - data;
  for (std::size_t node = bytes.find("SNOD"); node != std::string::npos;
       node = bytes.find("SNOD", node + 1)) {
    std::uint16_t count = 0;
    std::memcpy(&count, bytes.data() + node + 6, sizeof count);
    if (count == 1) continue;  // the root's
    for (std::uint16_t i = 0; i < count; ++i) std::memcpy(bytes.data() + node + 8 + 40 * i, &offset, 8);
  }
  const Hdf5Reader file(bytes);
  EXPECT_TRUE(contains(error_of([&] { file.children("all"); }), "more members than the file can hold"));
}

class Hdf5OnDisk : public WithFolder {};

TEST_F(Hdf5OnDisk, AFileThatIsCutShortMeanwhileIsAnError) {
  const std::string bytes = small_file();
  write_bytes(path("weights.h5"), bytes);
  const FileBytes source(path("weights.h5"));
  const Hdf5Reader file(source);
  EXPECT_EQ(file.read("layers/conv2d/vars/0").values<float>()[5], 6);
  write_bytes(path("weights.h5"), bytes.substr(0, 600));
  EXPECT_TRUE(contains(error_of([&] { file.read("layers/conv2d/vars/0"); }), "was cut short"));
}

TEST(Hdf5, OtherFilesAreNotOpened) {
  EXPECT_TRUE(contains(error_of([] { Hdf5Reader(""); }), "is no HDF5 file"));
  EXPECT_TRUE(contains(error_of([] { Hdf5Reader(std::string(1000, 'x')); }), "is no HDF5 file"));
  std::string bytes = small_file();
  bytes[8] = 9;
  EXPECT_TRUE(contains(error_of([&] { Hdf5Reader reader(bytes); }), "superblock version 9"));
}

TEST(Hdf5, EveryByteOfASmallFileMayBeWrong) {
  std::string bytes = small_file();
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    // Most of the file is room that is not used.
    if (bytes[at] == 0 && at % 16 != 0) continue;
    for (const int flip : {0x01, 0x80, 0xFF}) {
      bytes[at] = static_cast<char>(bytes[at] ^ flip);
      read_damaged(bytes);
      bytes[at] = static_cast<char>(bytes[at] ^ flip);
    }
  }
}

}  // namespace
}  // namespace fovea::testing
