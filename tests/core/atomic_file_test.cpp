#include "core/atomic_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "fovea/error.h"
#include "support/errors.h"

namespace fovea {
namespace {

namespace fs = std::filesystem;

class AtomicFile : public testing::Test {
 protected:
  AtomicFile() { fs::create_directories(folder_); }
  ~AtomicFile() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  static std::string content(const std::string& file) {
    std::ostringstream text;
    text << std::ifstream(file, std::ios::binary).rdbuf();
    return text.str();
  }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }
  fs::path folder_ =
      fs::path(testing::TempDir()) /
      ("atomic_file_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
};

TEST_F(AtomicFile, WritesAndReplaces) {
  write_atomically(path("a"), "first");
  EXPECT_EQ(content(path("a")), "first");
  write_atomically(path("a"), std::string_view("second\0more", 11));
  EXPECT_EQ(content(path("a")), std::string("second\0more", 11));
  EXPECT_EQ(files(), 1u);
}

TEST_F(AtomicFile, PiecesStandOneBehindTheOther) {
  write_atomically(path("a"), std::vector<std::string_view>{"first", "", " and second"});
  EXPECT_EQ(content(path("a")), "first and second");
}

TEST_F(AtomicFile, AWriterThatThrowsLeavesTheOldFileAndNothingElse) {
  write_atomically(path("a"), "old");
  EXPECT_EQ(error_of([&] {
              write_atomically(path("a"), [](const std::string& temporary) {
                std::ofstream(temporary) << "half";
                throw Error("the disk is tired");
              });
            }),
            "the disk is tired");
  EXPECT_EQ(content(path("a")), "old");
  EXPECT_EQ(files(), 1u);
}

TEST_F(AtomicFile, ADiskThatIsFullLeavesTheOldFileAndNothingElse) {
  write_atomically(path("a"), "old");
  const auto previous_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{}, small{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  small = limit;
  small.rlim_cur = 1000;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string error = error_of([&] { write_atomically(path("a"), std::string(5000, 'x')); });
  setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, previous_handler);
  EXPECT_NE(error.find(path("a")), std::string::npos) << error;
  EXPECT_NE(error.find("File too large"), std::string::npos) << error;
  EXPECT_EQ(content(path("a")), "old");
  EXPECT_EQ(files(), 1u);
}

TEST_F(AtomicFile, ErrorsNameTheFileAndTheReason) {
  EXPECT_EQ(error_of([&] { write_atomically(path("no/such/folder/a"), "x"); }),
            "Cannot write '" + path("no/such/folder/a") + "': No such file or directory");
  fs::create_directory(path("folder"));
  EXPECT_EQ(error_of([&] { write_atomically(path("folder"), "x"); }),
            "Cannot write '" + path("folder") + "': Is a directory");
  EXPECT_EQ(files(), 1u);
}

TEST_F(AtomicFile, KeepsPermissionsAndSymbolicLinks) {
  write_atomically(path("a"), "old");
  struct stat status {};
  ASSERT_EQ(stat(path("a").c_str(), &status), 0);
  const mode_t mask = umask(0);
  umask(mask);
  EXPECT_EQ(status.st_mode & 0777, 0666 & ~mask);

  ASSERT_EQ(chmod(path("a").c_str(), 0640), 0);
  fs::create_symlink("a", path("link"));
  write_atomically(path("link"), "new");
  EXPECT_TRUE(fs::is_symlink(path("link")));
  EXPECT_EQ(content(path("a")), "new");
  ASSERT_EQ(stat(path("a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640u);
}

}  // namespace
}  // namespace fovea
