#include "plan/measured_kernels.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "fovea/error.h"

namespace fovea {
namespace {

namespace fs = std::filesystem;

class MeasuredFile : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / ("fovea-measured-" + std::to_string(::getpid()));
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string folder() const { return (folder_ / "deep").string(); }
  static std::string read(const std::string& path) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  static void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }
  /// A file with one entry; its path.
  std::string saved() const {
    MeasuredKernels kernels(folder(), machine);
    kernels.add("a", {"kernel", 1.5});
    EXPECT_EQ(kernels.save(), 1U);
    return kernels.path();
  }

  const MeasuredMachine machine{"Some CPU @ 3 GHz", "avx2", 7, 4};
  fs::path folder_;
};

TEST_F(MeasuredFile, IsReadAgain) {
  const std::string path = saved();
  EXPECT_EQ(fs::path(path).filename(), "kernels-Some-CPU-3-GHz-avx2-v7-4-threads.json");
  const MeasuredKernels again(folder(), machine);
  EXPECT_EQ(again.problem(), "");
  ASSERT_TRUE(again.find("a"));
  EXPECT_EQ(again.find("a")->kernel, "kernel");
  EXPECT_EQ(again.find("a")->milliseconds, 1.5);
  EXPECT_FALSE(again.find("b"));
}

TEST_F(MeasuredFile, IsOneForEachMachine) {
  saved();
  for (const MeasuredMachine& other :
       {MeasuredMachine{"Other", "avx2", 7, 4}, MeasuredMachine{"Some CPU @ 3 GHz", "avx512", 7, 4},
        MeasuredMachine{"Some CPU @ 3 GHz", "avx2", 8, 4},
        MeasuredMachine{"Some CPU @ 3 GHz", "avx2", 7, 2}}) {
    const MeasuredKernels kernels(folder(), other);
    EXPECT_EQ(kernels.problem(), "");
    EXPECT_FALSE(kernels.find("a"));
  }
}

TEST_F(MeasuredFile, KeepsWhatOthersWroteMeanwhile) {
  MeasuredKernels one(folder(), machine), two(folder(), machine);
  one.add("a", {"one", 1});
  one.add("both", {"one", 1});
  two.add("b", {"two", 2});
  two.add("both", {"two", 2});
  EXPECT_EQ(one.save(), 2U);
  EXPECT_EQ(two.save(), 2U);
  EXPECT_EQ(two.save(), 0U);
  const MeasuredKernels all(folder(), machine);
  EXPECT_EQ(all.find("a")->kernel, "one");
  EXPECT_EQ(all.find("b")->kernel, "two");
  EXPECT_EQ(all.find("both")->kernel, "two");
}

TEST_F(MeasuredFile, ThatIsNoneIsLeftAlone) {
  const std::string path = saved(), good = read(path);
  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    return text.replace(text.find(from), from.size(), to);
  };
  const std::pair<std::string, const char*> cases[] = {
      {"", "damaged"},
      {"no JSON", "damaged"},
      {good.substr(0, good.size() / 2), "damaged"},
      {"[1, 2]", "damaged"},
      {R"({"format": 1, "machine": {}})", "damaged"},
      {R"({"format": 1, "machine": {}, "measured": [1]})", "damaged"},
      {replaced("\"format\": 1", "\"format\": 2"), "another version"},
      {replaced("avx2", "avx9"), "another machine"},
      {replaced("1.5", "\"1.5\""), "damaged"},
      {replaced("\"kernel\": \"kernel\"", "\"kernel\": 3"), "damaged"},
      {replaced("\"kernel\": \"kernel\",", ""), "damaged"},
      {R"({"format": 1, "machine": )" +
           good.substr(good.find("{", 2), good.find("}") - good.find("{", 2) + 1) +
           R"(, "measured": {"a": 3}})",
       "damaged"},
  };
  for (const auto& [text, reason] : cases) {
    SCOPED_TRACE(text);
    write(path, text);
    MeasuredKernels kernels(folder(), machine);
    EXPECT_NE(kernels.problem().find(path), std::string::npos) << kernels.problem();
    EXPECT_NE(kernels.problem().find(reason), std::string::npos) << kernels.problem();
    EXPECT_FALSE(kernels.find("a"));
    kernels.add("b", {"kernel", 1});
    EXPECT_TRUE(kernels.find("b"));
    EXPECT_EQ(kernels.save(), 0U);
    EXPECT_EQ(read(path), text);
  }
  fs::remove(path);
  fs::create_directory(path);
  EXPECT_NE(MeasuredKernels(folder(), machine).problem().find("cannot be read"), std::string::npos);
}

TEST_F(MeasuredFile, ThatCannotBeWrittenIsAnError) {
  fs::create_directories(folder_);
  write(folder(), "a file where the folder should be");
  MeasuredKernels kernels(folder(), machine);
  kernels.add("a", {"kernel", 1});
  try {
    kernels.save();
    FAIL() << "saved";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(folder()), std::string::npos) << error.what();
  }
}

TEST(MeasuredKernels, WithoutAFileIsKeptInMemory) {
  MeasuredKernels kernels;
  kernels.add("a", {"kernel", 1});
  EXPECT_TRUE(kernels.find("a"));
  EXPECT_EQ(kernels.save(), 0U);
  EXPECT_EQ(kernels.path(), "");
}

TEST(CpuModel, IsKnown) { EXPECT_FALSE(cpu_model().empty()); }

}  // namespace
}  // namespace fovea
