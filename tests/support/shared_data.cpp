// Looks up the data folders and counts cases.
#include "support/shared_data.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

namespace graft::test {
namespace {

namespace fs = std::filesystem;

std::optional<fs::path> data_dir(const char* variable, const char* fallback) {
  if (const char* named = std::getenv(variable); named && *named) {
    const fs::path path(named);
    if (!fs::is_directory(path) || fs::is_empty(path)) {
      ADD_FAILURE() << variable << " names " << path
                    << ", which is missing or empty";
      return std::nullopt;
    }
    return path;
  }
  const fs::path path = fs::path(GRAFT_SOURCE_DIR) / fallback;
  if (!fs::is_directory(path)) return std::nullopt;
  return path;
}

template <typename Json>
Json parse_json(const fs::path& path) {
  std::ifstream in(path);
  if (!in) throw std::runtime_error("cannot read " + path.string());
  return Json::parse(in);
}

}  // namespace

std::optional<fs::path> goldens_dir() {
  return data_dir("GRAFT_GOLDENS_DIR", "../shared/goldens");
}

std::optional<fs::path> vectors_dir() {
  return data_dir("GRAFT_VECTORS_DIR", "../shared/vectors");
}

fs::path source_path(const std::string& relative) {
  return fs::path(GRAFT_SOURCE_DIR) / relative;
}

std::vector<fs::path> sub_directories(const fs::path& directory) {
  std::vector<fs::path> out;
  if (!fs::is_directory(directory)) return out;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.is_directory()) out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<fs::path> files_below(const fs::path& directory,
                                  const std::string& extension) {
  std::vector<fs::path> out;
  if (!fs::is_directory(directory)) return out;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file() && entry.path().extension() == extension) {
      out.push_back(entry.path());
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

nlohmann::json read_json(const fs::path& path) {
  return parse_json<nlohmann::json>(path);
}

nlohmann::ordered_json read_ordered_json(const fs::path& path) {
  return parse_json<nlohmann::ordered_json>(path);
}

std::string read_text(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path.string());
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

CaseCounter::~CaseCounter() {
  std::size_t total = 0;
  for (const auto& [reason, count] : skipped_) total += count;
  std::cout << name_ << ": " << ran_ << " cases ran, " << total << " skipped";
  for (const auto& [reason, count] : skipped_) {
    std::cout << " (" << reason << ": " << count << ")";
  }
  std::cout << std::endl;
}

}  // namespace graft::test
