// A folder that lives as long as the object. Entry point: TemporaryDirectory.
#pragma once

#include <filesystem>
#include <string_view>

namespace graft::test {

class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // Writes `bytes` to `name` inside and returns its path.
  std::filesystem::path write(const std::filesystem::path& name,
                              std::string_view bytes) const;

 private:
  std::filesystem::path path_;
};

}  // namespace graft::test
