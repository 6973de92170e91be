#include <gtest/gtest.h>

#include "callbacks/python_text.h"
#include "callbacks/support.h"

namespace fovea::test {
namespace {

std::string written(const CSVLoggerOptions& options, Logs logs) {
  const ScratchFolder folder;
  CSVLogger callback(folder.path("log.csv"), options);
  callback.on_train_begin({});
  callback.on_epoch_end(0, logs);
  callback.on_train_end({});
  return read_file(folder.path("log.csv"));
}

TEST(CSVLogger, QuotesAsPythonsCsv) {
  EXPECT_EQ(written({}, {{"a,b", 1}, {"c\"d", 2}, {"val_e", 3}}),
            "epoch,\"a,b\",\"c\"\"d\",val_e\r\n0,1.0,2.0,3.0\r\n");
  EXPECT_EQ(written({.separator = "."}, {{"a", 1.5}, {"val_b", 2}}),
            "epoch.a.val_b\r\n0.\"1.5\".\"2.0\"\r\n");
  EXPECT_EQ(written({.separator = "\t"}, {{"a", 1}, {"val_b", 2}}), "epoch\ta\tval_b\r\n0\t1.0\t2.0\r\n");
}

TEST(CSVLogger, AnEpochIsThereBeforeTheNext) {
  const ScratchFolder folder;
  CSVLogger callback(folder.path("log.csv"));
  callback.on_train_begin({});
  Logs logs{{"val_a", 0.5}};
  callback.on_epoch_end(7, logs);
  EXPECT_EQ(read_file(folder.path("log.csv")), "epoch,val_a\r\n7,0.5\r\n");
}

TEST(CSVLogger, AppendsAHeaderToAnEmptyFileOnly) {
  const ScratchFolder folder;
  write_file(folder.path("log.csv"), "");
  for (int run = 0; run < 2; ++run) {
    CSVLogger callback(folder.path("log.csv"), {.append = true});
    callback.on_train_begin({});
    Logs logs{{"val_a", 0.5}};
    callback.on_epoch_end(run, logs);
    callback.on_train_end({});
  }
  EXPECT_EQ(read_file(folder.path("log.csv")), "epoch,val_a\r\n0,0.5\r\n1,0.5\r\n");
}

TEST(CSVLogger, OneObjectServesSeveralFits) {
  const ScratchFolder folder;
  CSVLogger callback(folder.path("log.csv"));
  for (const char* name : {"val_a", "val_b"}) {
    callback.on_train_begin({});
    Logs logs{{name, 0.5}};
    callback.on_epoch_end(0, logs);
    callback.on_train_end({});
  }
  EXPECT_EQ(read_file(folder.path("log.csv")), "epoch,val_b\r\n0,0.5\r\n");
}

TEST(CSVLogger, ErrorsNameTheFileAndTheReason) {
  const ScratchFolder folder;
  const std::string path = folder.path("missing/log.csv");
  const std::string error = error_of([&] { CSVLogger(path).on_train_begin({}); });
  EXPECT_NE(error.find(path), std::string::npos) << error;
  EXPECT_NE(error.find("No such file or directory"), std::string::npos) << error;

  CSVLogger full("/dev/full");
  full.on_train_begin({});
  Logs logs{{"val_a", 0.5}};
  EXPECT_NE(error_of([&] { full.on_epoch_end(0, logs); }).find("'/dev/full': No space left on device"),
            std::string::npos);
}

TEST(CSVLogger, RefusesSeparatorsThatCannotBeReadBack) {
  for (const char* separator : {"", ", ", "\n", "\""}) {
    EXPECT_NE(error_of([&] { CSVLogger("log.csv", {.separator = separator}); }), "") << separator;
  }
}

TEST(PythonText, IsWhatReprPrints) {
  EXPECT_EQ(python_text(0.1 + 0.2), "0.30000000000000004");
  EXPECT_EQ(python_text(1), "1.0");
  EXPECT_EQ(python_text(-0.0), "-0.0");
  EXPECT_EQ(python_text(0.0001), "0.0001");
  EXPECT_EQ(python_text(0.00001), "1e-05");
  EXPECT_EQ(python_text(1e15), "1000000000000000.0");
  EXPECT_EQ(python_text(1e16), "1e+16");
  EXPECT_EQ(python_text(1.5e300), "1.5e+300");
  EXPECT_EQ(python_text(5e-324), "5e-324");
  EXPECT_EQ(python_text(-std::nan("")), "nan");
  EXPECT_EQ(python_text(-HUGE_VAL), "-inf");
}

}  // namespace
}  // namespace fovea::test
