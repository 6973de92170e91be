#include "fovea/numpy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "saving/files.h"
#include "saving/npy_format.h"
#include "saving/zip_file.h"

// Files of NumPy, which make_files.py made, and ours.

namespace fovea::testing {
namespace {

class NumpyFiles : public WithFolder {
 protected:
  /// Member `name` of a .npz file of NumPy, as a file of its own.
  std::string unpacked(const std::string& archive, const std::string& name) const {
    const ZipReader zip(made_file(archive));
    write_bytes(path("one.npy"), zip.read(name + ".npy", 1 << 20));
    return path("one.npy");
  }
  /// A version 1 file with this header.
  std::string error_with_header(const std::string& dictionary, const std::string& elements = "") const {
    std::string bytes("\x93NUMPY\x01\0", 8);
    bytes += static_cast<char>(dictionary.size() & 0xFF);
    bytes += static_cast<char>(dictionary.size() >> 8);
    write_bytes(path("x.npy"), bytes + dictionary + elements);
    const std::string error = error_of([&] { load_npy(path("x.npy")); });
    EXPECT_TRUE(error == "" || error.rfind("'" + path("x.npy") + "': ", 0) == 0) << error;
    return error;
  }
};

struct Kind {
  const char* name;
  DType dtype;
  std::int64_t least, largest;
};

constexpr Kind kKinds[] = {
    {"f2", DType::float32, 10, 11},
    {"f4", DType::float32, 10, 11},
    {"f8", DType::float64, 10, 11},
    {"i1", DType::int32, -128, 127},
    {"i2", DType::int32, -32768, 32767},
    {"i4", DType::int32, INT32_MIN, INT32_MAX},
    {"i8", DType::int64, INT64_MIN, INT64_MAX},
    {"u1", DType::uint8, 0, 255},
    {"u2", DType::int32, 0, 65535},
    {"u4", DType::int64, 0, UINT32_MAX},
    {"u8", DType::int64, 0, INT64_MAX},
    {"b1", DType::uint8, 1, 1},
};

/// np.arange(12).reshape(2, 3, 2) whose last two elements are the kind's ends.
void expect_numbers(const Tensor& array, const Kind& kind) {
  ASSERT_EQ(array.spec(), (TensorSpec{{2, 3, 2}, kind.dtype}));
  const Tensor whole = kind.dtype == DType::float32 || kind.dtype == DType::float64
                           ? array.astype(DType::int64)
                       : kind.dtype == DType::int64 ? array
                                                    : array.astype(DType::int64);
  const bool is_bool = kind.name[0] == 'b';
  for (std::int64_t i = 0; i < 12; ++i) {
    const std::int64_t expected = i == 10   ? kind.least
                                  : i == 11 ? kind.largest
                                  : is_bool ? std::min<std::int64_t>(i, 1)
                                            : i;
    EXPECT_EQ(whole.data<std::int64_t>()[i], expected) << i;
  }
}

TEST_F(NumpyFiles, EveryTypeInEveryOrderIsRead) {
  const NamedArrays arrays = load_npz(made_file("arrays.npz"));
  ASSERT_EQ(arrays.size(), std::size(kKinds) * 4);
  std::size_t at = 0;
  for (const Kind& kind : kKinds) {
    for (const char* order : {"<C", "<F", ">C", ">F"}) {
      const std::string name = std::string(kind.name) + order;
      SCOPED_TRACE(name);
      EXPECT_EQ(arrays[at].first, name);
      expect_numbers(arrays[at++].second, kind);
      expect_numbers(load_npy(unpacked("arrays.npz", name)), kind);
    }
  }
}

TEST_F(NumpyFiles, OfEveryVersionAreRead) {
  for (const char* name : {"plain_f8.npy", "version_2.npy", "version_3.npy"}) {
    const Tensor array = load_npy(made_file(name));
    ASSERT_EQ(array.spec(), (TensorSpec{{2, 3}, DType::float64})) << name;
    for (int i = 0; i < 6; ++i) EXPECT_EQ(array.data<double>()[i], i) << name;
  }
}

TEST_F(NumpyFiles, HalvesAreExact) {
  const Tensor array = load_npy(unpacked("arrays_odd.npz", "halves"));
  const auto values = array.values<float>();
  ASSERT_EQ(values.size(), 9u);
  EXPECT_EQ(values[0], 0.0F);
  EXPECT_FALSE(std::signbit(values[0]));
  EXPECT_TRUE(std::signbit(values[1]));
  EXPECT_EQ(values[2], 1.5F);
  EXPECT_EQ(values[3], -65504.0F);
  EXPECT_EQ(values[4], std::ldexp(1.0F, -24));
  EXPECT_EQ(values[5], std::ldexp(1.0F, -14));
  EXPECT_EQ(values[6], std::numeric_limits<float>::infinity());
  EXPECT_EQ(values[7], -std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(values[8]));
}

TEST_F(NumpyFiles, PackedArchivesAreReadHoweverMuchTheyShrink) {
  const NamedArrays arrays = load_npz(made_file("arrays_packed.npz"));
  ASSERT_EQ(arrays.size(), 2u);
  EXPECT_EQ(arrays[0].second.shape(), (Shape{500, 1000}));
  EXPECT_EQ(arrays[1].first, "a/b");
  EXPECT_EQ(arrays[1].second.shape(), Shape{});
  EXPECT_EQ(*arrays[1].second.data<double>(), 2.5);
}

TEST_F(NumpyFiles, WhatIsNoArrayOfNumbersIsRefused) {
  const auto error = [&](const char* name) {
    return error_of([&] { load_npy(unpacked("arrays_odd.npz", name)); });
  };
  EXPECT_TRUE(
      contains(error("objects"), "holds Python objects (dtype object), which are pickled and never read"));
  EXPECT_TRUE(contains(error("fields"), "holds structures (a dtype with fields), which are not read"));
  EXPECT_TRUE(contains(error("text"), "has elements of NumPy's type '<U1'"));
  EXPECT_TRUE(contains(error("complex"), "has elements of NumPy's type '<c8'"));
  EXPECT_TRUE(contains(error("dates"), "has elements of NumPy's type '<M8[s]'"));
  EXPECT_TRUE(
      contains(error("big"), "holds the uint64 9223372036854775808, which is above the largest int64"));
  EXPECT_TRUE(contains(error("nine"), "more than the 8 dimensions"));
  EXPECT_EQ(load_npy(unpacked("arrays_odd.npz", "none")).shape(), (Shape{0, 3}));
  EXPECT_TRUE(
      contains(error_of([&] { load_npz(made_file("arrays_odd.npz")); }), "arrays_odd.npz': array 'big': "));
  EXPECT_TRUE(contains(error_of([&] { load_npy(path("none.npy")); }), "none.npy': there is no such file"));
  EXPECT_TRUE(contains(error_of([&] { load_npy(path("")); }), "is no file"));
  EXPECT_TRUE(contains(error_of([&] { load_npy(made_file("bomb.zip")); }), "is no .npy file"));
  EXPECT_TRUE(contains(error_of([&] { load_npz(made_file("version_2.npy")); }), "zip"));
  EXPECT_TRUE(
      contains(error_of([&] { load_npz(made_file("bomb.zip")); }), "its member 'config.json' is no array"));
}

TEST_F(NumpyFiles, HeadersThatAreWrongAreErrors) {
  EXPECT_EQ(error_with_header("{'shape': (2,), 'fortran_order': True, 'descr': '|u1'}", "ab"), "");
  EXPECT_EQ(error_with_header("{\"descr\":\"|u1\",'fortran_order':False,'shape':(2L, 1L)}  \n", "ab"), "");
  EXPECT_TRUE(
      contains(error_with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "1234567"),
               "7 bytes stand behind its header, and an array of shape (2,) takes 8"));
  EXPECT_TRUE(
      contains(error_with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "123456789"),
               "9 bytes stand behind its header"));
  // Before memory is taken: a terabyte.
  EXPECT_TRUE(contains(
      error_with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (274877906944,), }", "1234"),
      "an array of shape (274877906944,) takes 1099511627776"));
  EXPECT_TRUE(contains(
      error_with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (2305843009213693952,), }"),
      "64 bits"));
  for (const char* dictionary :
       {"", "{}", "{'descr': '<f4'}", "{'descr': '<f4', 'fortran_order': 0, 'shape': (2,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2 3), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1}",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), } x", "{'descr: <f4"}) {
    EXPECT_TRUE(contains(error_with_header(dictionary, "12345678"), "its header is not what NumPy writes"))
        << dictionary;
  }
  EXPECT_TRUE(contains(error_with_header("{'descr': '', 'fortran_order': False, 'shape': (2,), }"),
                       "NumPy's type ''"));
  write_bytes(path("x.npy"), std::string("\x93NUMPY\x04\0", 8));
  EXPECT_TRUE(contains(error_of([&] { load_npy(path("x.npy")); }), "is of .npy format 4"));
  write_bytes(path("x.npy"), std::string("\x93NUMPY\x02\0\xFF\xFF\xFF\xFF", 12));
  EXPECT_TRUE(contains(error_of([&] { load_npy(path("x.npy")); }), "has a header of 4294967295 bytes"));
}

TEST_F(NumpyFiles, DamagedFilesAreErrorsOrArrays) {
  const std::string original = read_bytes(made_file("version_2.npy")),
                    zip = read_bytes(made_file("arrays_packed.npz"));
  std::mt19937 random(3);
  for (std::size_t size = 0; size < original.size(); ++size) {
    write_bytes(path("cut.npy"), original.substr(0, size));
    EXPECT_NE(error_of([&] { load_npy(path("cut.npy")); }), "") << size;
  }
  for (int i = 0; i < 1000; ++i) {
    std::string bytes = original, packed = zip;
    bytes[random() % 128] = static_cast<char>(random());
    write_bytes(path("bad.npy"), bytes);
    error_of([&] { load_npy(path("bad.npy")); });
    if (i % 10 != 0) continue;
    packed[random() % packed.size()] = static_cast<char>(random());
    write_bytes(path("bad.npz"), packed);
    error_of([&] { load_npz(path("bad.npz")); });
  }
}

/// The same bytes as numpy.save.
TEST_F(NumpyFiles, AreWrittenAsNumpyDoes) {
  const Tensor numbers = Tensor::of<double>({2, 3}, {0, 1, 2, 3, 4, 5});
  for (const auto& [kind, dtype] : std::vector<std::pair<std::string, DType>>{{"f4", DType::float32},
                                                                              {"f8", DType::float64},
                                                                              {"i4", DType::int32},
                                                                              {"i8", DType::int64},
                                                                              {"u1", DType::uint8}}) {
    save_npy(path("ours.npy"), numbers.astype(dtype));
    EXPECT_EQ(read_bytes(path("ours.npy")), read_bytes(made_file("plain_" + kind + ".npy"))) << kind;
  }
  save_npy(path("ours.npy"), Tensor::of<float>({}, {2.5F}));
  EXPECT_EQ(read_bytes(path("ours.npy")), read_bytes(made_file("plain_scalar.npy")));
  save_npy(path("ours.npy"), numbers.astype(DType::bfloat16));
  EXPECT_EQ(read_bytes(path("ours.npy")), read_bytes(made_file("plain_f4.npy")));
  EXPECT_EQ(files(), 1u) << "a file was left over";
}

TEST_F(NumpyFiles, ComeBackAsTheyWere) {
  const NamedArrays arrays = {{"second", Tensor::of<std::int64_t>({1, 2}, {-5, INT64_MAX})},
                              {"a/first", Tensor({0, 4})},
                              {"byte", Tensor::of<std::uint8_t>({}, {7})}};
  save_npz(path("a.npz"), arrays);
  const NamedArrays again = load_npz(path("a.npz"));
  ASSERT_EQ(again.size(), arrays.size());
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    EXPECT_EQ(again[i].first, arrays[i].first);
    ASSERT_EQ(again[i].second.spec(), arrays[i].second.spec());
    if (arrays[i].second.size() == 0) continue;
    EXPECT_EQ(std::memcmp(again[i].second.raw(), arrays[i].second.raw(),
                          static_cast<std::size_t>(arrays[i].second.bytes())),
              0);
  }
}

TEST_F(NumpyFiles, WhatCannotBeWrittenLeavesTheOldFile) {
  write_bytes(path("a.npz"), "old");
  for (const NamedArrays& arrays :
       {NamedArrays{}, NamedArrays{{"", Tensor({1})}}, NamedArrays{{"a", Tensor()}},
        NamedArrays{{"a", Tensor({1})}, {"a", Tensor({1})}}})
    EXPECT_TRUE(contains(error_of([&] { save_npz(path("a.npz"), arrays); }), "a.npz': "));
  EXPECT_TRUE(contains(error_of([&] { save_npy(path("a.npz"), Tensor()); }), "a.npz': is empty"));
  EXPECT_TRUE(contains(error_of([&] { save_npy(path("no/a.npy"), Tensor({1})); }), "no/a.npy"));
  EXPECT_EQ(read_bytes(path("a.npz")), "old");
  EXPECT_EQ(files(), 1u);
}

}  // namespace
}  // namespace fovea::testing
