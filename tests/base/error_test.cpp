// The sentence grammar of errors.
#include "graft/base/error.h"

#include <gtest/gtest.h>

namespace graft {
namespace {

struct Row {
  ErrorText text;
  const char* expected;
};

TEST(ErrorText, BuildsOneSentence) {
  const Row rows[] = {
      {{"load", "a.safetensors: 'w'", "F8", "F32", "Convert it"},
       "load: a.safetensors: 'w': got F8, expected F32. Convert it"},
      {{"load", "no such file", "", "", ""}, "load: no such file"},
      {{"load", "shape", "", "(2, 3)", ""}, "load: shape: expected (2, 3)"},
      {{"", "only this", "", "", "Try that."}, "only this. Try that."},
  };
  for (const Row& row : rows) EXPECT_EQ(row.text.str(), row.expected);
}

TEST(Error, KindsAreDistinct) {
  EXPECT_THROW(throw ConfigError("x"), Error);
  EXPECT_THROW(throw FileError("x"), Error);
  EXPECT_THROW(throw SystemError("x"), Error);
}

}  // namespace
}  // namespace graft
