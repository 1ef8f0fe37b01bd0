// Copies what is not weights and edits config.json and the index where the
// head became a tensor of its own.
#include "merge/side_file_internal.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <system_error>

#include "graft/base/error.h"
#include "graft/io/atomic_output.h"
#include "io/json_file_internal.h"

namespace graft {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOperation = "merge";
constexpr const char* kTied = "tie_word_embeddings";
constexpr std::string_view kIndexEnding = ".index.json";
constexpr std::string_view kWeightEnding = ".safetensors";
constexpr std::array<std::string_view, 11> kWeightEndings{
    ".safetensors", ".bin", ".pt",   ".pth", ".ckpt",   ".gguf",
    ".ggml",        ".h5",  ".onnx", ".npz", ".msgpack"};

bool is_weight_file(const std::string& name) {
  return name.ends_with(kIndexEnding) ||
         std::any_of(
             kWeightEndings.begin(), kWeightEndings.end(),
             [&](std::string_view ending) { return name.ends_with(ending); });
}

// "model.safetensors", "model-00001-of-00002.safetensors", and the index.
bool is_model_weight(std::string_view name) {
  if (!name.starts_with("model")) return false;
  name.remove_prefix(5);
  if (name == kWeightEnding || name == ".safetensors.index.json") return true;
  if (!name.ends_with(kWeightEnding)) return false;
  name.remove_suffix(kWeightEnding.size());
  return name.starts_with('-') && name.find("-of-") != name.npos &&
         name.find_first_not_of("-of0123456789") == name.npos;
}

// What model directories hold beside weights.
bool is_model_file(std::string_view name) {
  static constexpr std::array<std::string_view, 17> kNames{
      "config.json",
      "generation_config.json",
      "tokenizer.json",
      "tokenizer_config.json",
      "tokenizer.model",
      "special_tokens_map.json",
      "added_tokens.json",
      "vocab.json",
      "vocab.txt",
      "merges.txt",
      "chat_template.jinja",
      "chat_template.json",
      "preprocessor_config.json",
      "README.md",
      "LICENSE",
      "LICENSE.txt",
      ".gitattributes"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

void copy_one(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::copy_file(from, to, error);
  if (error) {
    throw SystemError(ErrorText{.operation = kOperation,
                                .what = "copy " + from.string(),
                                .got = error.message()});
  }
}

}  // namespace

std::optional<std::string> foreign_entry(const ShardedSafetensors* base,
                                         const fs::path& output) {
  fs::path own;
  std::optional<fs::path> index;
  std::set<std::string> shards;
  if (base != nullptr) {
    own = base->shards().front().path().parent_path();
    index = base->index_path();
    for (const SafetensorsFile& shard : base->shards()) {
      shards.insert(shard.path().filename().string());
    }
  }
  std::set<std::string> foreign;
  std::set<std::string> all;
  bool has_weights = false;
  for (const auto& entry : fs::directory_iterator(output)) {
    const std::string name = entry.path().filename().string();
    // What the merge of this base would write.
    const bool shared =
        base != nullptr && (shards.contains(name) || index == own / name ||
                            (!is_weight_file(name) && !name.starts_with('.') &&
                             fs::is_regular_file(own / name)));
    const bool file = entry.is_regular_file();
    all.insert(name);
    has_weights |= file && (is_model_weight(name) || shards.contains(name));
    if (!file || !(shared || is_model_weight(name) || is_model_file(name))) {
      foreign.insert(name);
    }
  }
  if (!has_weights) foreign = all;
  if (foreign.empty()) return std::nullopt;
  return *foreign.begin();
}

SideFiles copy_side_files(const ShardedSafetensors& base,
                          const fs::path& output) {
  SideFiles out;
  std::vector<std::string> shards;
  for (const SafetensorsFile& shard : base.shards()) {
    shards.push_back(shard.path().filename().string());
  }
  const fs::path directory = base.shards().front().path().parent_path();
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    const bool is_shard =
        std::find(shards.begin(), shards.end(), name) != shards.end();
    if (!entry.is_regular_file() || name.starts_with('.') || is_shard) continue;
    const bool is_index = base.index_path() == entry.path();
    if (is_weight_file(name) && !is_index) {
      out.skipped.push_back(name);
    } else {
      copy_one(entry.path(), output / name);
      out.copied.push_back(name);
    }
  }
  std::sort(out.copied.begin(), out.copied.end());
  std::sort(out.skipped.begin(), out.skipped.end());
  return out;
}

void untie_config(const fs::path& config_json) {
  auto config = parse_ordered_json_file(config_json, kOperation);
  if (!config.is_object()) {
    throw FileError(ErrorText{.operation = kOperation,
                              .what = config_json.string(),
                              .expected = "a JSON object"});
  }
  config[kTied] = false;
  write_file_atomically(config_json, config.dump(2) + "\n");
}

bool is_untied_config(const fs::path& config_json) {
  if (!fs::exists(config_json)) return false;
  const auto config = parse_json_file(config_json, kOperation);
  return config.is_object() && config.contains(kTied) && config[kTied] == false;
}

void update_index(const MergePlan& plan, const fs::path& index) {
  auto json = parse_ordered_json_file(index, kOperation);
  nlohmann::ordered_json& map = json["weight_map"];
  for (const OutputShard& shard : plan.shards) {
    for (const OutputTensor& tensor : shard.tensors) {
      const std::string file = shard.source.filename().string();
      if (!map.contains(tensor.name) || map[tensor.name] != file) {
        map[tensor.name] = file;
      }
    }
  }
  if (json.contains("metadata") && json["metadata"].is_object()) {
    json["metadata"]["total_size"] = plan.bytes;
  }
  write_file_atomically(index, json.dump(2) + "\n");
}

}  // namespace graft
