#pragma once

#include <gtest/gtest.h>

#include <cctype>
#include <string>
#include <tuple>

namespace fovea::testing {

/// As gtest's test names allow: everything but letters and digits becomes '_'.
inline std::string test_name(std::string text) {
  for (char& c : text) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return text;
}

/// Names the tests of a suite after its parameter: a case, or a backend and a case.
struct CaseName {
  std::string operator()(const ::testing::TestParamInfo<std::string>& test) const {
    return test_name(test.param);
  }
  std::string operator()(const ::testing::TestParamInfo<std::tuple<const char*, std::string>>& test) const {
    return test_name(std::string(std::get<0>(test.param)) + "_" + std::get<1>(test.param));
  }
};

/// The backends that every conformance test runs on.
inline const auto kBackends = ::testing::Values("reference", "cpu");

}  // namespace fovea::testing
