#include "callbacks/path_template.h"

#include <gtest/gtest.h>

#include "callbacks/support.h"

namespace fovea::test {
namespace {

std::string formatted(const PythonNumber& number, const char* spec) {
  return format_number(number, parse_format_spec(spec));
}

std::string filled(const char* path, std::optional<std::int64_t> batch = {}, const Logs& logs = {}) {
  return PathTemplate(path).fill(4, batch, logs);
}

// What Python's format(number, spec) gives.
TEST(FormatSpec, FloatsAsPython) {
  const std::vector<std::tuple<double, const char*, const char*>> cases{
      {0.65432, "", "0.65432"},
      {1, "", "1.0"},
      {1e-5, "", "1e-05"},
      {0.65432, ".2f", "0.65"},
      {2.5, ".0f", "2"},
      {0.65432, "f", "0.654320"},
      {0.65432, "e", "6.543200e-01"},
      {0.65432, ".1E", "6.5E-01"},
      {0.65432, ".2g", "0.65"},
      {1234567, "g", "1.23457e+06"},
      {1234567, "G", "1.23457E+06"},
      {0.65432, "%", "65.432000%"},
      {0.65432, ".0%", "65%"},
      {1, "08.3f", "0001.000"},
      {-1, "08.3f", "-001.000"},
      {1, "+.1f", "+1.0"},
      {1, " .1f", " 1.0"},
      {0.4, "_>8.2f", "____0.40"},
      {0.7, "^9.1f", "   0.7   "},
      {0.7, "<6.1f", "0.7   "},
      {-0.7, "*=6.1f", "-**0.7"},
      {0.7, "<06.1f", "0.7000"},
      {123, ".3", "1.23e+02"},
      {12, ".3", "12.0"},
      {0.5, ".0", "0.5"},
      {100, ".1", "1e+02"},
      {0.65432, "8", " 0.65432"},
      {std::nan(""), "06.1f", "000nan"},
      {-HUGE_VAL, "06.1F", "-00INF"},
      {-0.0, ".1f", "-0.0"},
  };
  for (const auto& [value, spec, expected] : cases) EXPECT_EQ(formatted(value, spec), expected) << spec;
}

TEST(FormatSpec, IntegersAsPython) {
  const std::vector<std::tuple<std::int64_t, const char*, const char*>> cases{
      {5, "", "5"},       {5, "02d", "05"},         {5, "03", "005"},        {5, "<3", "5  "},
      {5, "3d", "  5"},   {-5, "04d", "-005"},      {5, "+d", "+5"},         {5, "x^5d", "xx5xx"},
      {5, ".2f", "5.00"}, {5, "e", "5.000000e+00"}, {5, "%", "500.000000%"}, {123, "02d", "123"},
  };
  for (const auto& [value, spec, expected] : cases) EXPECT_EQ(formatted(value, spec), expected) << spec;
}

TEST(FormatSpec, RefusesWhatPythonRefusesOrAFileNameDoesNotNeed) {
  for (const char* spec :
       {"q", ".f", ".", "2.", "dd", "0x", ",", "_d", "#g", "s", "9999", ".9999f", "02d "}) {
    const std::string error = error_of([&] { parse_format_spec(spec); });
    EXPECT_NE(error, "") << spec;
  }
  EXPECT_NE(error_of([] { formatted(0.5, "d"); }), "");
  EXPECT_NE(error_of([] { formatted(std::int64_t{5}, ".2d"); }), "");
  EXPECT_NE(error_of([] { formatted(std::int64_t{5}, ".2"); }), "");
}

TEST(PathTemplate, FillsFieldsAndKeepsBraces) {
  const Logs logs{{"loss", 0.25}, {"val_acc", 0.5}};
  EXPECT_EQ(filled("runs/{epoch:02d}-{val_acc:.2f}.keras", {}, logs), "runs/05-0.50.keras");
  EXPECT_EQ(filled("{epoch}{batch:03d}", 8), "5009");
  EXPECT_EQ(filled("{{epoch}}-{{{epoch}}}"), "{epoch}-{5}");
  EXPECT_EQ(filled("plain.keras"), "plain.keras");
  EXPECT_EQ(filled("{epoch:}"), "5");
  EXPECT_EQ(filled("{batch:.1f}", 8, {{"batch", 0.5}}), "0.5");
}

TEST(PathTemplate, NamesAMissingField) {
  const std::string error = error_of([] { filled("{epoch}-{val_f1:.2f}.keras", {}, {{"loss", 1}}); });
  EXPECT_NE(error.find("'{epoch}-{val_f1:.2f}.keras'"), std::string::npos) << error;
  EXPECT_NE(error.find("'val_f1'"), std::string::npos) << error;
  EXPECT_NE(error.find("There are: epoch, loss"), std::string::npos) << error;
  EXPECT_NE(error_of([] { filled("{batch}"); }), "");
}

TEST(PathTemplate, RefusesFieldsThatCannotBeReadAtOnce) {
  for (const char* path : {"{", "}", "{epoch", "epoch}", "{epoch:{width}}", "{}", "{:02d}", "{epoch!r}",
                           "{epoch:02q}", "{val_loss:02d}", "{epoch:.2d}", "a{{b}"}) {
    const std::string error = error_of([&] { PathTemplate{path}; });
    EXPECT_NE(error.find(path), std::string::npos) << path << ": " << error;
  }
}

}  // namespace
}  // namespace fovea::test
