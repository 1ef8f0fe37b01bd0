// Finds the weight files of a directory and checks the index against them.
// Entry point: ShardedSafetensors::open.
#include "graft/io/sharded_safetensors.h"

#include <algorithm>
#include <set>
#include <utility>

#include "graft/base/error.h"
#include "io/json_file_internal.h"

namespace graft {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kOperation = "safetensors";
constexpr std::string_view kSingleName = "model.safetensors";
constexpr std::string_view kAdapterName = "adapter_model.safetensors";
constexpr std::string_view kIndexEnding = ".safetensors.index.json";
constexpr std::string_view kWeightEnding = ".safetensors";
constexpr std::size_t kSampleCount = 3;

using WeightMap = std::map<std::string, std::string>;  // tensor -> shard

[[noreturn]] void refuse(const fs::path& path, const std::string& what,
                         const std::string& hint = {}) {
  throw FileError(ErrorText{.operation = std::string(kOperation),
                            .what = path.string() + ": " + what,
                            .hint = hint});
}

std::vector<fs::path> files_ending(const fs::path& directory,
                                   std::string_view ending) {
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    // Names that begin with a dot are temporary or not weights.
    if (!name.ends_with(ending) || name.starts_with('.')) continue;
    out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::string sample(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < std::min(names.size(), kSampleCount); ++i) {
    out += (i == 0 ? "" : ", ") + printable(names[i]);
  }
  if (names.size() > kSampleCount) {
    out += " and " + std::to_string(names.size() - kSampleCount) + " more";
  }
  return out;
}

// A shard is a plain file name: nothing may lead out of the directory.
bool is_plain_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == name.npos;
}

WeightMap read_index(const fs::path& path) {
  const nlohmann::json index = parse_json_file(path, kOperation);
  const bool has_map = index.is_object() && index.contains("weight_map") &&
                       index["weight_map"].is_object();
  if (!has_map) refuse(path, "no weight_map object");
  WeightMap map;
  for (const auto& [tensor, shard] : index["weight_map"].items()) {
    if (!shard.is_string()) {
      refuse(path,
             "tensor '" + printable(tensor) + "': shard is not a file name");
    }
    const auto& name = shard.get_ref<const std::string&>();
    if (!is_plain_name(name)) {
      refuse(path, "tensor '" + printable(tensor) + "': shard '" +
                       printable(name) +
                       "' is not a plain file name in the same directory");
    }
    map.emplace(tensor, name);
  }
  if (map.empty()) refuse(path, "weight_map is empty");
  return map;
}

fs::path find_single_file(const fs::path& directory) {
  const fs::path usual = directory / kSingleName;
  if (fs::exists(usual)) return usual;
  std::vector<fs::path> files = files_ending(directory, kWeightEnding);
  const bool is_adapter = std::any_of(
      files.begin(), files.end(),
      [](const fs::path& file) { return file.filename() == kAdapterName; });
  if (is_adapter) {
    refuse(directory, "an adapter, not a model",
           "Name the model that the adapter was made for");
  }
  if (files.empty()) refuse(directory, "no model.safetensors and no index");
  if (files.size() > 1) {
    refuse(directory, std::to_string(files.size()) +
                          " .safetensors files but no "
                          "model.safetensors.index.json that lists them");
  }
  return files.front();
}

// The index to follow, if any. As in transformers, a model.safetensors wins
// over an index that does not list it.
std::optional<fs::path> find_index(const fs::path& directory) {
  const std::vector<fs::path> found = files_ending(directory, kIndexEnding);
  if (found.empty()) return std::nullopt;
  const fs::path usual = directory / "model.safetensors.index.json";
  if (std::find(found.begin(), found.end(), usual) != found.end()) {
    return usual;
  }
  if (found.size() > 1) refuse(directory, "more than one index file");
  return found.front();
}

// Both ways: the index names what the shard lacks, or lacks what it holds.
void check_shard(const fs::path& index, const SafetensorsFile& shard,
                 const WeightMap& map) {
  const std::string shard_name = shard.path().filename().string();
  std::vector<std::string> missing;
  for (const auto& [tensor, name] : map) {
    if (name == shard_name && shard.find_or_null(tensor) == nullptr) {
      missing.push_back(tensor);
    }
  }
  if (!missing.empty()) {
    refuse(index, shard_name + " lacks tensors that the index places there: " +
                      sample(missing));
  }
  std::vector<std::string> unlisted;
  for (const TensorEntry& entry : shard.entries()) {
    const auto found = map.find(entry.name);
    if (found == map.end() || found->second != shard_name) {
      unlisted.push_back(entry.name);
    }
  }
  if (!unlisted.empty()) {
    refuse(index, shard_name +
                      " holds tensors that the index does not place "
                      "there: " +
                      sample(unlisted));
  }
}

}  // namespace

ShardedSafetensors ShardedSafetensors::open(const fs::path& path) {
  ShardedSafetensors out;
  std::vector<fs::path> files{path};
  WeightMap map;
  if (fs::is_directory(path)) {
    out.index_path_ = find_index(path);
    if (out.index_path_) map = read_index(*out.index_path_);
    std::set<std::string> names;
    for (const auto& [tensor, shard] : map) names.insert(shard);
    const fs::path usual = path / kSingleName;
    if (!names.contains(std::string(kSingleName)) && fs::exists(usual)) {
      out.index_path_.reset();
    }
    files.clear();
    if (out.index_path_) {
      for (const std::string& name : names) files.push_back(path / name);
    } else {
      files.push_back(find_single_file(path));
    }
  }
  for (const fs::path& file : files) {
    out.shards_.push_back(SafetensorsFile::open(file));
    const SafetensorsFile& shard = out.shards_.back();
    if (out.index_path_) check_shard(*out.index_path_, shard, map);
    for (const TensorEntry& entry : shard.entries()) {
      out.shard_of_.emplace(entry.name, out.shards_.size() - 1);
    }
  }
  return out;
}

bool ShardedSafetensors::contains(std::string_view name) const {
  return shard_of_.find(name) != shard_of_.end();
}

const TensorEntry* ShardedSafetensors::find_or_null(
    std::string_view name) const {
  const auto found = shard_of_.find(name);
  if (found == shard_of_.end()) return nullptr;
  return shards_[found->second].find_or_null(name);
}

HostTensor ShardedSafetensors::tensor(std::string_view name) const {
  const auto found = shard_of_.find(name);
  if (found == shard_of_.end()) {
    const std::string place =
        shards_.empty() ? std::string() : shards_.front().path().string();
    throw FileError(
        ErrorText{.operation = std::string(kOperation),
                  .what = place + ": no tensor '" + std::string(name) + "'"});
  }
  const SafetensorsFile& shard = shards_[found->second];
  return shard.tensor(*shard.find_or_null(name));
}

std::vector<std::string> ShardedSafetensors::names() const {
  std::vector<std::string> out;
  for (const auto& [name, shard] : shard_of_) out.push_back(name);
  return out;
}

}  // namespace graft
