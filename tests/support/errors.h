#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "fovea/error.h"

namespace fovea {

/// The message of the Error that `call` throws, "" when it throws none.
inline std::string error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace fovea

/// That the expression throws an Error of which the message holds `part`.
#define EXPECT_MESSAGE(expression, part)                                                   \
  do {                                                                                     \
    const std::string message = ::fovea::error_of([&] { static_cast<void>(expression); }); \
    EXPECT_NE(message.find(part), std::string::npos) << "the message is: " << message;     \
  } while (false)
