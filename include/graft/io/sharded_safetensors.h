// The weights of one directory: model.safetensors, or the shards that
// *.safetensors.index.json lists. Entry point: ShardedSafetensors::open.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graft/base/host_tensor.h"
#include "graft/io/safetensors.h"

namespace graft {

class ShardedSafetensors {
 public:
  // `path` is a directory or one .safetensors file. With an index, every
  // tensor of the index must be in the shard it names, and every tensor of
  // a shard in the index. Throws FileError.
  static ShardedSafetensors open(const std::filesystem::path& path);

  // Shards in file-name order.
  const std::vector<SafetensorsFile>& shards() const { return shards_; }
  // The index file, when there is one.
  const std::optional<std::filesystem::path>& index_path() const {
    return index_path_;
  }
  bool contains(std::string_view name) const;
  // nullptr when absent.
  const TensorEntry* find_or_null(std::string_view name) const;
  // Throws FileError when absent.
  HostTensor tensor(std::string_view name) const;
  // All names, sorted.
  std::vector<std::string> names() const;

 private:
  std::vector<SafetensorsFile> shards_;
  std::map<std::string, std::size_t, std::less<>> shard_of_;
  std::optional<std::filesystem::path> index_path_;
};

}  // namespace graft
