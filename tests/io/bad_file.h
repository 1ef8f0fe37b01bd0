// Tables of damaged files and what their errors must say. Entry points:
// BadFile, error_of_file, expect_causes.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "graft/base/error.h"
#include "support/temporary_directory.h"

namespace graft::test {

struct BadFile {
  const char* name;
  std::string bytes;
  const char* cause;
};

// The text of the FileError that open(path) throws for a file of these bytes;
// "opened" when it throws none.
template <typename Open>
std::string error_of_file(const std::string& name, const std::string& bytes,
                          Open open) {
  const TemporaryDirectory directory;
  const auto path = directory.write(name, bytes);
  try {
    open(path);
  } catch (const FileError& error) {
    return error.what();
  }
  return "opened";
}

// `error_of(bytes)` names the file and the cause of every row.
template <typename ErrorOf>
void expect_causes(const std::string& file, const std::vector<BadFile>& rows,
                   ErrorOf error_of) {
  for (const BadFile& row : rows) {
    EXPECT_THAT(
        error_of(row.bytes),
        testing::AllOf(testing::HasSubstr(file), testing::HasSubstr(row.cause)))
        << row.name;
  }
}

}  // namespace graft::test
