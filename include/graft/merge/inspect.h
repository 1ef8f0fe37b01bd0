// What a checkpoint directory, one safetensors or GGUF file, a config.json
// without weights or an adapter directory holds, from headers alone. Entry
// points: inspect_path, inspection_to_text, inspection_to_json.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "graft/formats/model_summary.h"

namespace graft {

// Tensors whose names differ only in numbers, of one type and shape.
struct TensorGroup {
  std::string name;   // "model.layers.{0-31}.mlp.up_proj.weight"
  std::string dtype;  // "F32", "Q4_1", ...
  std::vector<std::int64_t> shape;
  std::size_t count = 0;
  std::uint64_t parameters = 0;
  std::uint64_t bytes = 0;
};

struct Inspection {
  std::filesystem::path path;
  // "checkpoint", "file", "gguf", "adapter", or "config": no weights, so the
  // tensors are those that the family has.
  std::string kind;
  std::vector<std::string> files;  // weight files
  // Of a checkpoint, a GGUF file or a configuration that names its family.
  std::optional<ModelSummary> model;
  // Fields of config.json or adapter_config.json that say something (not null,
  // false or empty), or a GGUF file's metadata; JSON text, in the file's order.
  std::vector<std::pair<std::string, std::string>> fields;
  std::map<std::string, std::string> metadata;  // of the first weight file
  std::vector<TensorGroup> groups;              // in natural order of names
  std::map<std::string, std::uint64_t> dtypes;  // parameters of each
  std::size_t tensors = 0;
  std::uint64_t parameters = 0;
  std::uint64_t bytes = 0;
};

// `fold` false: one group a tensor. Throws FileError.
Inspection inspect_path(const std::filesystem::path& path, bool fold = true);

std::string inspection_to_text(const Inspection& inspection);
// Schema "graft.inspect/1", with the fields of the structs.
std::string inspection_to_json(const Inspection& inspection);

}  // namespace graft
