// Where tests find data made with the reference programs, and an honest count
// of what ran. Entry points: goldens_dir, vectors_dir, source_path,
// CaseCounter.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace graft::test {

// GRAFT_GOLDENS_DIR, else ../shared/goldens beside the source tree; nullopt
// when that default does not exist. A folder that is named but missing or
// empty fails the test.
std::optional<std::filesystem::path> goldens_dir();
// The same for GRAFT_VECTORS_DIR and ../shared/vectors.
std::optional<std::filesystem::path> vectors_dir();

// A path inside the source tree ("tests/golden/...").
std::filesystem::path source_path(const std::string& relative);

// Sub-folders (or files with `extension`) of `directory`, sorted by name;
// recursive for files.
std::vector<std::filesystem::path> sub_directories(
    const std::filesystem::path& directory);
std::vector<std::filesystem::path> files_below(
    const std::filesystem::path& directory, const std::string& extension);

nlohmann::json read_json(const std::filesystem::path& path);
nlohmann::ordered_json read_ordered_json(const std::filesystem::path& path);
std::string read_text(const std::filesystem::path& path);

// Counts cases and prints "NAME: N cases ran, M skipped (reason: count)" when
// it goes out of scope.
class CaseCounter {
 public:
  explicit CaseCounter(std::string name) : name_(std::move(name)) {}
  ~CaseCounter();
  CaseCounter(const CaseCounter&) = delete;
  CaseCounter& operator=(const CaseCounter&) = delete;
  void ran() { ++ran_; }
  void skipped(const std::string& reason) { ++skipped_[reason]; }
  std::size_t ran_count() const { return ran_; }
  const std::map<std::string, std::size_t>& skips() const { return skipped_; }

 private:
  std::string name_;
  std::size_t ran_ = 0;
  std::map<std::string, std::size_t> skipped_;
};

}  // namespace graft::test
