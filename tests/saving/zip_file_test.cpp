#include "saving/zip_file.h"

#include <gtest/gtest.h>

#include "saving/files.h"

namespace fovea::testing {
namespace {

class ZipFile : public WithFolder {
 protected:
  static constexpr std::int64_t kNoLimit = std::int64_t{1} << 40;

  std::string written() {
    write_zip(path("a.zip"), {{"config.json", "{}"}, {"weights", "0123456789"}});
    return read_bytes(path("a.zip"));
  }
  std::string error_of_reading(const std::string& bytes, const std::string& member,
                               std::int64_t limit = kNoLimit) {
    write_bytes(path("b.zip"), bytes);
    return error_of([&] { ZipReader(path("b.zip")).read(member, limit); });
  }
};

TEST_F(ZipFile, MembersAreStoredAsTheyAre) {
  const std::string bytes = written();
  EXPECT_TRUE(contains(bytes, "0123456789"));
  const ZipReader zip(path("a.zip"));
  EXPECT_TRUE(zip.has("weights"));
  EXPECT_FALSE(zip.has("weight"));
  EXPECT_EQ(zip.read("weights", 10), "0123456789");
  EXPECT_EQ(zip.read("config.json", kNoLimit), "{}");
}

TEST_F(ZipFile, SayWhatIsMissingOrTooLarge) {
  const std::string bytes = written();
  EXPECT_EQ(error_of_reading(bytes, "metadata.json"), "has no member 'metadata.json'");
  EXPECT_EQ(error_of_reading(bytes, "weights", 9), "its member 'weights' has 10 bytes; at most 9 are read");
  EXPECT_TRUE(contains(error_of_reading("no zip", "weights"), "cannot be read as a zip archive"));
  EXPECT_TRUE(contains(error_of_reading("", "weights"), "cannot be read as a zip archive"));
}

TEST_F(ZipFile, AChecksumThatIsWrongIsAnError) {
  std::string bytes = written();
  bytes[bytes.find("0123456789")] = 'x';
  EXPECT_TRUE(contains(error_of_reading(bytes, "weights"), "its member 'weights' is damaged"));
}

TEST_F(ZipFile, SizesThatLieAreErrors) {
  const std::string bytes = written();
  // In the central directory, behind "PK\1\2": stored and plain size at 20 and 24.
  const std::size_t entry = bytes.find("PK\1\2", bytes.find("PK\1\2") + 1);
  ASSERT_NE(entry, std::string::npos);
  for (const std::size_t size : {std::size_t{20}, std::size_t{24}}) {
    for (const char claimed : {'\x05', '\x0B', '\x7F'}) {
      std::string lying = bytes;
      lying[entry + size] = claimed;
      EXPECT_NE(error_of_reading(lying, "weights"), "") << size << " " << static_cast<int>(claimed);
      lying[entry + size + 3] = '\x7F';  // 2 GB
      EXPECT_NE(error_of_reading(lying, "weights"), "") << size;
      lying[entry + (size == 20 ? 24 : 20)] = claimed;
      lying[entry + (size == 20 ? 27 : 23)] = '\x7F';
      EXPECT_NE(error_of_reading(lying, "weights"), "") << "both";
    }
  }
}

TEST_F(ZipFile, MembersThatSwellAreRefused) {
  const ZipReader bomb(made_file("bomb.zip"));
  EXPECT_TRUE(contains(error_of([&] { bomb.read("config.json", kNoLimit); }), "claims to be 20000000 bytes"));
  EXPECT_EQ(bomb.read("plain", kNoLimit).size(), 256u) << "packed, but within bounds";
}

TEST_F(ZipFile, MembersAreListedAndMayHaveAHead) {
  write_zip(path("a.zip"), {{"second", "content", "head "}, {"first", "", "alone"}, {"none", ""}});
  const ZipReader zip(path("a.zip"));
  EXPECT_EQ(zip.names(), (std::vector<std::string>{"second", "first", "none"}));
  EXPECT_EQ(zip.read("second", kNoLimit), "head content");
  EXPECT_EQ(zip.read("first", kNoLimit), "alone");
  EXPECT_EQ(zip.read("none", kNoLimit), "");
}

TEST_F(ZipFile, HowMuchAMemberMaySwellIsTheCallers) {
  const ZipReader bomb(made_file("bomb.zip"));
  EXPECT_EQ(bomb.read("config.json", kNoLimit, ZipReader::kLargestExpansion).size(), 20000000u);
  EXPECT_TRUE(contains(error_of([&] { bomb.read("config.json", 1000, ZipReader::kLargestExpansion); }),
                       "at most 1000 are read"));
}

TEST_F(ZipFile, CutShortOrFlippedItIsAnErrorOrTheSame) {
  const std::string bytes = written();
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_NE(error_of_reading(bytes.substr(0, size), "weights"), "") << size;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const int flip : {0x01, 0x80, 0xFF}) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ flip);
      write_bytes(path("b.zip"), damaged);
      std::string content = "0123456789";
      error_of([&] { content = ZipReader(path("b.zip")).read("weights", kNoLimit); });
      EXPECT_EQ(content, "0123456789") << at;
    }
  }
}

TEST_F(ZipFile, WritingSaysWhyItFails) {
  EXPECT_TRUE(contains(error_of([&] { write_zip(path("no/folder.zip"), {{"a", "b"}}); }), "No such file"));
}

}  // namespace
}  // namespace fovea::testing
