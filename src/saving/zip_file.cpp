#include "saving/zip_file.h"

#include <zip.h>

#include <algorithm>
#include <array>
#include <mutex>

#include "core/format.h"

namespace fovea {
namespace {

/// A zip that is written: what is not closed is thrown away.
class Writer {
 public:
  explicit Writer(const std::string& path) {
    int code = 0;
    zip_ = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
    if (zip_ == nullptr) {
      zip_error_t error;
      zip_error_init_with_code(&error, code);
      const std::string text = zip_error_strerror(&error);
      zip_error_fini(&error);
      fail("{}", text);
    }
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() {
    if (zip_ != nullptr) zip_discard(zip_);
  }

  void add(const ZipMember& member) {
    // The library does not change what it is given.
    const auto piece = [](std::string_view text) {
      return zip_buffer_fragment_t{reinterpret_cast<zip_uint8_t*>(const_cast<char*>(text.data())),
                                   text.size()};
    };
    const std::array<zip_buffer_fragment_t, 2> pieces = {piece(member.head), piece(member.content)};
    const std::size_t first = member.head.empty() ? 1 : 0;
    zip_source_t* source = zip_source_buffer_fragment(zip_, pieces.data() + first, pieces.size() - first, 0);
    if (source == nullptr) failed();
    const zip_int64_t index = zip_file_add(zip_, member.name.c_str(), source, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
      zip_source_free(source);
      failed();
    }
    if (zip_set_file_compression(zip_, static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0) != 0) failed();
  }

  void close() {
    if (zip_close(zip_) != 0) failed();
    zip_ = nullptr;
  }

 private:
  [[noreturn]] void failed() { fail("{}", zip_strerror(zip_)); }

  zip_t* zip_ = nullptr;
};

using OpenedMember = std::unique_ptr<zip_file_t, int (*)(zip_file_t*)>;

OpenedMember open_member(zip_t* zip, const std::string& member) {
  OpenedMember file(zip_fopen(zip, member.c_str(), 0), zip_fclose);
  if (!file) fail("its member '{}' cannot be opened: {}", member, zip_strerror(zip));
  return file;
}

zip_stat_t stat_of(zip_t* zip, const std::string& member) {
  zip_stat_t status;
  zip_stat_init(&status);
  if (zip_stat(zip, member.c_str(), 0, &status) != 0) fail("has no member '{}'", member);
  return status;
}

}  // namespace

void write_zip(const std::string& path, const std::vector<ZipMember>& members) {
  Writer writer(path);
  for (const ZipMember& member : members) writer.add(member);
  writer.close();
}

struct ZipReader::State {
  std::unique_ptr<zip_t, void (*)(zip_t*)> zip{nullptr, zip_discard};
};

ZipReader::ZipReader(const std::string& path) : state_(std::make_unique<State>()) {
  int code = 0;
  state_->zip.reset(zip_open(path.c_str(), ZIP_RDONLY, &code));
  if (state_->zip) return;
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  const std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  fail("cannot be read as a zip archive: {}", text);
}

ZipReader::~ZipReader() = default;

bool ZipReader::has(const std::string& member) const {
  return zip_name_locate(state_->zip.get(), member.c_str(), 0) >= 0;
}

std::vector<std::string> ZipReader::names() const {
  std::vector<std::string> result;
  const zip_int64_t count = zip_get_num_entries(state_->zip.get(), 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    const char* name = zip_get_name(state_->zip.get(), static_cast<zip_uint64_t>(i), 0);
    if (name == nullptr) fail("its member {} has no name: {}", i, zip_strerror(state_->zip.get()));
    result.emplace_back(name);
  }
  return result;
}

std::string ZipReader::read(const std::string& member, std::int64_t limit, std::uint64_t expansion) const {
  constexpr zip_uint64_t kStep = zip_uint64_t{16} << 20;
  zip_t* zip = state_->zip.get();
  const zip_stat_t status = stat_of(zip, member);
  if ((status.valid & ZIP_STAT_SIZE) == 0 || (status.valid & ZIP_STAT_COMP_SIZE) == 0)
    fail("does not say how large its member '{}' is", member);
  const bool stored = (status.valid & ZIP_STAT_COMP_METHOD) != 0 && status.comp_method == ZIP_CM_STORE;
  if (status.size > static_cast<zip_uint64_t>(limit))
    fail("its member '{}' has {} bytes; at most {} are read", member, status.size, limit);
  if (stored ? status.size != status.comp_size : status.size / expansion > status.comp_size)
    fail("its member '{}' claims to be {} bytes, of which {} are stored", member, status.size,
         status.comp_size);

  const OpenedMember file = open_member(zip, member);
  // Memory is taken as bytes arrive, not as they are announced.
  std::string content;
  for (;;) {
    const std::size_t have = content.size();
    const zip_uint64_t wanted = std::min(kStep, status.size - have + 1);
    content.resize(have + wanted);
    const zip_int64_t got = zip_fread(file.get(), content.data() + have, wanted);
    if (got < 0) fail("its member '{}' is damaged: {}", member, zip_file_strerror(file.get()));
    content.resize(have + static_cast<std::size_t>(got));
    if (content.size() > status.size) fail("its member '{}' is larger than it claims", member);
    if (got == 0) break;
  }
  if (content.size() != status.size)
    fail("its member '{}' is cut short: {} of {} bytes", member, content.size(), status.size);
  return content;
}

void ZipReader::check(const std::string& member) const {
  zip_t* zip = state_->zip.get();
  const OpenedMember file = open_member(zip, member);
  std::vector<char> piece(std::size_t{1} << 18);
  for (;;) {
    const zip_int64_t got = zip_fread(file.get(), piece.data(), piece.size());
    if (got < 0) fail("its member '{}' is damaged: {}", member, zip_file_strerror(file.get()));
    if (got == 0) return;
  }
}

namespace {

class StoredMember final : public ByteSource {
 public:
  StoredMember(OpenedMember file, std::uint64_t size) : file_(std::move(file)), size_(size) {}
  std::uint64_t size() const override { return size_; }
  void read(std::uint64_t at, std::uint64_t count, char* target) const override {
    const std::lock_guard lock(mutex_);
    if (zip_fseek(file_.get(), static_cast<zip_int64_t>(at), SEEK_SET) != 0) failed();
    while (count > 0) {
      const zip_int64_t got = zip_fread(file_.get(), target, count);
      if (got < 0) failed();
      if (got == 0) fail("is cut short");
      count -= static_cast<std::uint64_t>(got);
      target += got;
    }
  }

 private:
  [[noreturn]] void failed() const { fail("is damaged: {}", zip_file_strerror(file_.get())); }

  OpenedMember file_;
  std::uint64_t size_;
  mutable std::mutex mutex_;  ///< of the place in the file
};

}  // namespace

std::unique_ptr<ByteSource> ZipReader::stored(const std::string& member) const {
  zip_t* zip = state_->zip.get();
  const zip_stat_t status = stat_of(zip, member);
  constexpr zip_uint64_t kNeeded =
      ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
  if ((status.valid & kNeeded) != kNeeded || status.comp_method != ZIP_CM_STORE ||
      status.encryption_method != ZIP_EM_NONE || status.size != status.comp_size)
    return nullptr;
  return std::make_unique<StoredMember>(open_member(zip, member), status.size);
}

}  // namespace fovea
