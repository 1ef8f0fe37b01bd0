// Short training runs on the embedded tiny model. Entry point: ShortRun.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/program.h"

namespace graft::test {

class ShortRun : public testing::Test {
 protected:
  ShortRun();

  // MODEL DATA -o OUT and the options of a run of six steps, unless `more` has
  // them.
  std::vector<std::string> words(
      const std::filesystem::path& output,
      const std::vector<std::string>& more = {}) const;
  Outcome train(const std::filesystem::path& output,
                const std::vector<std::string>& more = {}) const;

  // Rows of metrics.jsonl that have `key`.
  static std::vector<nlohmann::json> metrics(const std::filesystem::path& run,
                                             const std::string& key);
  static std::string adapter_bytes(const std::filesystem::path& run);

  std::filesystem::path path(const std::string& name) const {
    return directory_.path() / name;
  }

  TemporaryDirectory directory_;
  std::filesystem::path data_;  // 24 rows of the example
};

}  // namespace graft::test
