#include "saving/npy_format.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>

#include "core/format.h"

namespace fovea {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
/// Arrays begin at a multiple of it.
constexpr std::size_t kAlignment = 64;

static_assert(std::endian::native == std::endian::little, "is_plain() and writing take the machine's order");

// ---- header ----

/// Reads the dictionary {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }, which is Python's text.
class DictionaryReader {
 public:
  DictionaryReader(std::string_view text, NpyHeader& header) : text_(text), header_(header) {}

  void read() {
    expect('{');
    bool has_type = false, has_order = false, has_shape = false;
    while (!take('}')) {
      const std::string_view key = string();
      expect(':');
      bool& seen = key == "descr" ? has_type : key == "fortran_order" ? has_order : has_shape;
      if (seen || (&seen == &has_shape && key != "shape")) bad();
      seen = true;
      if (key == "descr") {
        read_type();
      } else if (key == "fortran_order") {
        header_.fortran_order = truth();
      } else {
        read_shape();
      }
      if (!take(',')) {
        expect('}');
        break;
      }
    }
    skip_spaces();
    if (at_ != text_.size() || !has_type || !has_order || !has_shape) bad();
  }

 private:
  [[noreturn]] void bad() const {
    constexpr std::size_t kShown = 120;
    fail("is damaged: its header is not what NumPy writes. Received: {}", text_.substr(0, kShown));
  }
  void skip_spaces() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool take(char wanted) {
    skip_spaces();
    if (at_ == text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  void expect(char wanted) {
    if (!take(wanted)) bad();
  }
  std::string_view string() {
    skip_spaces();
    if (at_ == text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) bad();
    const std::size_t first = at_ + 1, end = text_.find(text_[at_], first);
    if (end == std::string_view::npos) bad();
    at_ = end + 1;
    return text_.substr(first, end - first);
  }
  bool truth() {
    skip_spaces();
    for (const std::string_view word : {std::string_view("True"), std::string_view("False")}) {
      if (text_.substr(at_, word.size()) != word) continue;
      at_ += word.size();
      return word == "True";
    }
    bad();
  }

  void read_shape() {
    expect('(');
    while (!take(')')) {
      skip_spaces();
      std::int64_t size = 0;
      const std::size_t first = at_;
      for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
        if (__builtin_mul_overflow(size, 10, &size) || __builtin_add_overflow(size, text_[at_] - '0', &size))
          bad();
      }
      if (at_ == first) bad();
      take('L');  // of Python 2
      if (header_.shape.rank() == Shape::max_rank)
        fail("has more than the {} dimensions that are read", Shape::max_rank);
      header_.shape.push_back(size);
      if (!take(',')) {
        expect(')');
        break;
      }
    }
  }

  /// A byte order, a kind and a width: "<f4", "|u1"; a list for structures.
  void read_type() {
    skip_spaces();
    if (at_ < text_.size() && (text_[at_] == '[' || text_[at_] == '('))
      fail("holds structures (a dtype with fields), which are not read; save each field as an array");
    const std::string_view type = string();
    const std::size_t first =
        !type.empty() && std::string_view("<>|=").find(type[0]) != std::string_view::npos;
    const std::string_view rest = type.substr(first);
    if (!rest.empty() && rest[0] == 'O')
      fail("holds Python objects (dtype object), which are pickled and never read; save an array of numbers");
    // Types that are read: kinds and their widths in bytes.
    static const std::map<std::string_view, std::pair<char, std::size_t>> types = {
        {"f2", {'f', 2}}, {"f4", {'f', 4}}, {"f8", {'f', 8}}, {"i1", {'i', 1}},
        {"i2", {'i', 2}}, {"i4", {'i', 4}}, {"i8", {'i', 8}}, {"u1", {'u', 1}},
        {"u2", {'u', 2}}, {"u4", {'u', 4}}, {"u8", {'u', 8}}, {"b1", {'b', 1}}};
    const auto found = types.find(rest);
    if (found == types.end()) {
      fail("has elements of NumPy's type '{}'; float16, 32 and 64, int8 to 64, uint8 to 64 and bool are read",
           type.substr(0, 40));
    }
    std::tie(header_.kind, header_.width) = found->second;
    header_.big_endian = type[0] == '>' && header_.width > 1;
  }

  std::string_view text_;
  NpyHeader& header_;
  std::size_t at_ = 0;
};

std::size_t little_endian(std::string_view bytes) {
  std::size_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

// ---- elements ----

/// In C order, from Fortran's: the first index moves fastest there.
void to_c_order(const char* source, char* target, const Shape& shape, std::size_t width) {
  const auto rank = static_cast<std::ptrdiff_t>(shape.rank());
  std::array<std::int64_t, Shape::max_rank> index{}, stride{};
  std::int64_t step = 1;
  for (std::ptrdiff_t axis = 0; axis < rank; ++axis) {
    stride[static_cast<std::size_t>(axis)] = step;
    step *= shape[axis];
  }
  const std::int64_t count = shape.elements();
  std::int64_t from = 0;
  for (std::int64_t to = 0; to < count; ++to) {
    std::memcpy(target + static_cast<std::size_t>(to) * width,
                source + static_cast<std::size_t>(from) * width, width);
    for (std::ptrdiff_t axis = rank - 1; axis >= 0; --axis) {
      const auto at = static_cast<std::size_t>(axis);
      from += stride[at];
      if (++index[at] < shape[axis]) break;
      from -= stride[at] * shape[axis];
      index[at] = 0;
    }
  }
}

/// Exact: every number of 16 bits is one of 32.
float float_from_half(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  const std::uint32_t exponent = half >> 10 & 0x1Fu, mantissa = half & 0x3FFu;
  if (exponent == 0) {  // zero or subnormal: a multiple of 2^-24
    const float value = static_cast<float>(mantissa) * 0x1p-24f;
    return sign != 0 ? -value : value;
  }
  const std::uint32_t wide = exponent == 0x1F ? 0xFFu : exponent + 112;
  return std::bit_cast<float>(sign | wide << 23 | mantissa << 13);
}

template <class From, class To, class Convert>
void convert(const std::string& bytes, Tensor& result, Convert&& one) {
  To* target = result.data<To>();
  for (std::int64_t i = 0; i < result.size(); ++i) {
    From value;
    std::memcpy(&value, bytes.data() + static_cast<std::size_t>(i) * sizeof value, sizeof value);
    target[i] = one(value);
  }
}

template <class From, class To>
void widen(const std::string& bytes, Tensor& result) {
  convert<From, To>(bytes, result, [](From value) { return static_cast<To>(value); });
}

std::int64_t signed_from(std::uint64_t value) {
  if (value > static_cast<std::uint64_t>(INT64_MAX))
    fail("holds the uint64 {}, which is above the largest int64, {}", value, INT64_MAX);
  return static_cast<std::int64_t>(value);
}

/// Elements of types that Tensor does not have, in the machine's byte order and in C order.
void convert_elements(const NpyHeader& header, const std::string& bytes, Tensor& result) {
  if (header.kind == 'f') return convert<std::uint16_t, float>(bytes, result, float_from_half);
  if (header.kind == 'b')
    return convert<std::uint8_t, std::uint8_t>(bytes, result, [](std::uint8_t value) { return value != 0; });
  const bool is_signed = header.kind == 'i';
  switch (header.width) {
    case 1:
      return widen<std::int8_t, std::int32_t>(bytes, result);
    case 2:
      return is_signed ? widen<std::int16_t, std::int32_t>(bytes, result)
                       : widen<std::uint16_t, std::int32_t>(bytes, result);
    case 4:
      return widen<std::uint32_t, std::int64_t>(bytes, result);
    default:
      return convert<std::uint64_t, std::int64_t>(bytes, result, signed_from);
  }
}

/// Does Tensor have the type?
bool is_native(const NpyHeader& header) {
  return (header.kind == 'f' && header.width >= 4) || (header.kind == 'i' && header.width >= 4) ||
         (header.kind == 'u' && header.width == 1);
}

}  // namespace

DType NpyHeader::dtype() const {
  if (kind == 'f') return width == 8 ? DType::float64 : DType::float32;
  if (kind == 'b') return DType::uint8;
  if (kind == 'i') return width == 8 ? DType::int64 : DType::int32;
  return width == 1 ? DType::uint8 : width == 2 ? DType::int32 : DType::int64;
}

bool NpyHeader::is_plain() const {
  return is_native(*this) && !big_endian && (!fortran_order || shape.rank() < 2);
}

NpyHeader read_npy_header(std::string_view start) {
  if (start.substr(0, kMagic.size()) != kMagic) fail("is no .npy file: it does not begin with \\x93NUMPY");
  const std::size_t after_version = kMagic.size() + 2;
  if (start.size() < after_version) fail("is cut short in its header");
  const auto version = static_cast<unsigned char>(start[kMagic.size()]);
  if (version < 1 || version > 3) fail("is of .npy format {}; formats 1 to 3 are read", version);
  const std::size_t length_bytes = version == 1 ? 2 : 4;
  if (start.size() < after_version + length_bytes) fail("is cut short in its header");
  const std::size_t length = little_endian(start.substr(after_version, length_bytes));
  NpyHeader header;
  header.size = after_version + length_bytes + length;
  if (header.size > kMaxNpyHeader)
    fail("has a header of {} bytes; at most {} are read", length,
         kMaxNpyHeader - after_version - length_bytes);
  if (header.size > start.size()) fail("is cut short in its header");
  DictionaryReader(start.substr(after_version + length_bytes, length), header).read();
  std::int64_t bytes = 0;
  if (__builtin_mul_overflow(header.shape.elements(), static_cast<std::int64_t>(header.width), &bytes))
    fail("has shape {}, whose bytes exceed 64 bits", header.shape.str());
  header.elements = bytes;
  return header;
}

Tensor read_npy_elements(const NpyHeader& header, std::string_view elements) {
  if (static_cast<std::int64_t>(elements.size()) != header.elements) {
    fail("{} bytes stand behind its header, and an array of shape {} takes {}", elements.size(),
         header.shape.str(), header.elements);
  }
  Tensor result(header.shape, header.dtype());
  if (elements.empty()) return result;
  if (header.is_plain()) {
    std::memcpy(result.raw(), elements.data(), elements.size());
    return result;
  }
  std::string bytes(elements.size(), '\0');
  if (header.fortran_order) {
    to_c_order(elements.data(), bytes.data(), header.shape, header.width);
  } else {
    bytes = elements;
  }
  if (header.big_endian) {
    for (auto at = bytes.begin(); at != bytes.end(); at += static_cast<std::ptrdiff_t>(header.width))
      std::reverse(at, at + static_cast<std::ptrdiff_t>(header.width));
  }
  if (is_native(header)) {
    std::memcpy(result.raw(), bytes.data(), bytes.size());
  } else {
    convert_elements(header, bytes, result);
  }
  return result;
}

std::string npy_header(const TensorSpec& spec) {
  const char* type = nullptr;
  switch (spec.dtype) {
    case DType::float32:
      type = "<f4";
      break;
    case DType::float64:
      type = "<f8";
      break;
    case DType::int32:
      type = "<i4";
      break;
    case DType::int64:
      type = "<i8";
      break;
    case DType::uint8:
      type = "|u1";
      break;
    case DType::bfloat16:
      fail("NumPy has no bfloat16");
  }
  std::string text =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}", type, spec.shape.str());
  // As NumPy does, room for the first size to grow to 21 digits.
  constexpr std::size_t kDigits = 21;
  if (spec.shape.rank() > 0) text.append(kDigits - std::to_string(spec.shape[0]).size(), ' ');
  const std::size_t before = kMagic.size() + 2 + 2;
  text.append(kAlignment - (before + text.size() + 1) % kAlignment, ' ');
  text += '\n';
  std::string header(kMagic);
  header += '\x01';
  header += '\0';
  header += static_cast<char>(text.size() & 0xFF);
  header += static_cast<char>(text.size() >> 8);
  return header + text;
}

}  // namespace fovea
