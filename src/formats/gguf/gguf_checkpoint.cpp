// Metadata as configuration, the family's weight table under llama.cpp's
// names, rows put back into Hugging Face order.
#include <algorithm>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/gguf/gguf_checkpoint_internal.h"
#include "formats/gguf/gguf_config_internal.h"
#include "formats/gguf/gguf_names_internal.h"
#include "formats/hf/key_mismatch_internal.h"
#include "graft/base/error.h"
#include "graft/formats/hf/weight_table.h"
#include "graft/io/gguf.h"

namespace graft {
namespace {

// Read into the configuration; no part of the model's tensors.
bool is_configuration(std::string_view name) {
  return name == "rope_freqs.weight";
}

// A vector in another row order as an owned one in order.
StoredTensor reordered_vector(const StoredTensor& tensor,
                              const std::vector<std::int64_t>& rows) {
  std::vector<float> stored(static_cast<std::size_t>(tensor.columns()));
  tensor.decode({0, 1}, stored.data());
  std::vector<float> out;
  for (const std::int64_t row : rows) {
    out.push_back(stored[static_cast<std::size_t>(row)]);
  }
  return StoredTensor::from_plain(
      HostTensor::from_floats({tensor.columns()}, out), "bias");
}

class GgufCheckpoint : public Checkpoint {
 public:
  explicit GgufCheckpoint(const std::filesystem::path& path)
      : file_(GgufFile::open(path)),
        architecture_(find_gguf_architecture(file_.metadata())),
        config_(read_gguf_config(file_)) {
    check_tensors();
  }

  const std::filesystem::path& path() const override { return file_.path(); }
  ModelConfig config() const override { return config_; }
  GenerationConfig generation() const override {
    return read_gguf_generation(file_.metadata());
  }
  Inventory inventory() const override;
  StoredTensor tensor(const std::string& hf_name) const override;
  std::vector<std::filesystem::path> weight_files() const override {
    return {file_.path()};
  }
  const MappedFile* mapping_or_null() const override {
    return &file_.mapping();
  }

 private:
  // Every tensor of the family is there in its shape, and no other.
  void check_tensors() const;
  std::optional<DType> storage_of(const ModuleInfo& module) const;

  GgufFile file_;
  const GgufArchitecture& architecture_;
  ModelConfig config_;
};

void GgufCheckpoint::check_tensors() const {
  std::vector<std::string> missing, unknown, shapes;
  std::set<std::string, std::less<>> known;
  for (const WeightRow& row : make_weight_table(config_)) {
    const std::string name = gguf_tensor_name(architecture_, row.hf_name).name;
    const GgufEntry* entry = file_.find_or_null(name);
    if (entry == nullptr) {
      missing.push_back(name);
    } else if (entry->shape != row.shape) {
      shapes.push_back(name + " is " + shape_text(entry->shape) +
                       " instead of " + shape_text(row.shape));
    }
    known.insert(name);
  }
  for (const GgufEntry& entry : file_.entries()) {
    if (!known.contains(entry.name) && !is_configuration(entry.name)) {
      unknown.push_back(entry.name);
    }
  }
  if (missing.empty() && unknown.empty() && shapes.empty()) return;
  std::string what = path().string() +
                     ": the tensors are not those that the metadata describes";
  const auto append = [&what](const char* label,
                              const std::vector<std::string>& names) {
    if (!names.empty()) what += label + sample_names(names);
  };
  append("; missing: ", missing);
  append("; unknown: ", unknown);
  append("; wrong shape: ", shapes);
  throw FileError(ErrorText{.operation = "gguf", .what = what});
}

// That of the first part; nullopt when it is quantised.
std::optional<DType> GgufCheckpoint::storage_of(
    const ModuleInfo& module) const {
  if (module.parts.empty()) return std::nullopt;
  std::string hf_name = module.parts.front().path + ".weight";
  if (module.output_head && config_.tied_embeddings) {
    hf_name = "model.embed_tokens.weight";
  }
  const GgufEntry* entry =
      file_.find_or_null(gguf_tensor_name(architecture_, hf_name).name);
  return entry == nullptr ? std::nullopt : entry->format->dtype;
}

Inventory GgufCheckpoint::inventory() const {
  Inventory out = make_family_inventory(config_);
  out.source = path().string();
  for (ModuleInfo& module : out.modules) module.dtype = storage_of(module);
  return out;
}

StoredTensor GgufCheckpoint::tensor(const std::string& hf_name) const {
  const GgufTensorName place = gguf_tensor_name(architecture_, hf_name);
  const GgufEntry* entry = file_.find_or_null(place.name);
  if (entry == nullptr || entry->format->decode == nullptr) {
    throw FileError(ErrorText{
        .operation = "gguf",
        .what = path().string() + ": tensor '" + place.name + "'",
        .got = entry == nullptr ? "nothing" : std::string(entry->format->name),
        .expected = "a type that graft decodes: " +
                    std::string(decodable_block_formats())});
  }
  StoredTensor out = file_.tensor(*entry);
  if (place.transform == RowTransform::kNone) return out;
  auto order = stored_head_rows(entry->shape[0], config_.head_dim);
  if (out.shape.size() < 2) return reordered_vector(out, order);
  out.row_order =
      std::make_shared<const std::vector<std::int64_t>>(std::move(order));
  return out;
}

}  // namespace

std::unique_ptr<const Checkpoint> open_gguf_checkpoint(
    const std::filesystem::path& path) {
  return std::make_unique<GgufCheckpoint>(path);
}

}  // namespace graft
