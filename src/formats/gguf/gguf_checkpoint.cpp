// Metadata as configuration, the family's weight table under llama.cpp's
// names; rows, norms and experts put back as Hugging Face has them.
#include <algorithm>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/gguf/gguf_checkpoint_internal.h"
#include "formats/gguf/gguf_config_internal.h"
#include "formats/gguf/gguf_names_internal.h"
#include "formats/gguf/gguf_rope_internal.h"
#include "formats/hf/key_mismatch_internal.h"
#include "graft/base/error.h"
#include "graft/formats/hf/weight_table.h"
#include "graft/io/gguf.h"

namespace graft {
namespace {

// A vector in memory of its own: rows in order, without what is added to it.
StoredTensor plain_vector(const StoredTensor& tensor, const GgufPlace& place,
                          std::int64_t head_dim) {
  const std::int64_t size = tensor.columns();
  std::vector<float> stored(static_cast<std::size_t>(size));
  tensor.decode({0, 1}, stored.data());
  std::vector<float> out = stored;
  if (place.interleaved) {
    const std::vector<std::int64_t> rows = stored_head_rows(size, head_dim);
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = stored[static_cast<std::size_t>(rows[i])];
    }
  }
  if (place.shifted) {
    for (float& value : out) value -= 1.0F;
  }
  return StoredTensor::from_plain(HostTensor::from_floats({size}, out),
                                  "vector");
}

// The matrix of one expert out of (experts, rows, in).
StoredTensor slice_expert(const StoredTensor& merged, std::int64_t expert) {
  StoredTensor out = merged;
  out.shape = {merged.shape[1], merged.shape[2]};
  const std::size_t size =
      out.row_bytes() * static_cast<std::size_t>(out.rows());
  out.bytes =
      merged.bytes.subspan(static_cast<std::size_t>(expert) * size, size);
  return out;
}

// Names that must be told, each once.
struct Differences {
  std::set<std::string> missing, unknown, shapes;
  std::string text() const;
};

std::string Differences::text() const {
  std::string out;
  const auto append = [&out](const char* label,
                             const std::set<std::string>& names) {
    if (names.empty()) return;
    out += label + sample_names({names.begin(), names.end()});
  };
  append("; missing: ", missing);
  append("; unknown: ", unknown);
  append("; wrong shape: ", shapes);
  return out;
}

class GgufCheckpoint : public Checkpoint {
 public:
  explicit GgufCheckpoint(const std::filesystem::path& path)
      : file_(GgufFile::open(path)), config_(read_gguf_config(file_)) {
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

  // Under either name of a matrix of an expert; null when it is under none.
  const GgufEntry* find_or_null(const GgufPlace& place) const;

  GgufFile file_;
  ModelConfig config_;
};

const GgufEntry* GgufCheckpoint::find_or_null(const GgufPlace& place) const {
  const GgufEntry* entry = file_.find_or_null(place.name);
  if (entry != nullptr || !place.expert) return entry;
  return file_.find_or_null(place.own_name);
}

void GgufCheckpoint::check_tensors() const {
  Differences found;
  std::set<std::string, std::less<>> known;
  bool own_tensors = false;  // one for each expert, as expert 0 has it
  for (const WeightRow& row : make_weight_table(config_)) {
    const GgufPlace place = find_gguf_place(config_, row.hf_name);
    const GgufEntry* entry = find_or_null(place);
    const bool own = entry != nullptr && entry->name == place.own_name;
    if (place.expert == 0) own_tensors = own;
    if (entry == nullptr) {
      const bool told_by_own = place.expert && own_tensors;
      found.missing.insert(told_by_own ? place.own_name : place.name);
      continue;
    }
    known.insert(entry->name);
    std::vector<std::int64_t> shape = row.shape;
    if (place.expert && !own)
      shape.insert(shape.begin(), config_.experts.count);
    if (entry->shape == shape) continue;
    found.shapes.insert(entry->name + " is " + shape_text(entry->shape) +
                        " instead of " + shape_text(shape));
  }
  for (const GgufEntry& entry : file_.entries()) {
    if (!known.contains(entry.name) && !is_rope_tensor(entry.name)) {
      found.unknown.insert(entry.name);
    }
  }
  const std::string text = found.text();
  if (text.empty()) return;
  throw FileError(
      ErrorText{.operation = "gguf",
                .what = path().string() +
                        ": the tensors are not those that the metadata "
                        "describes" +
                        text});
}

// That of the first part; nullopt when it is quantised.
std::optional<DType> GgufCheckpoint::storage_of(
    const ModuleInfo& module) const {
  if (module.parts.empty()) return std::nullopt;
  std::string hf_name = module.parts.front().path + ".weight";
  if (module.output_head && config_.tied_embeddings) {
    hf_name = "model.embed_tokens.weight";
  }
  const GgufEntry* entry = find_or_null(find_gguf_place(config_, hf_name));
  return entry == nullptr ? std::nullopt : entry->format->dtype;
}

Inventory GgufCheckpoint::inventory() const {
  Inventory out = make_family_inventory(config_);
  out.source = path().string();
  for (ModuleInfo& module : out.modules) module.dtype = storage_of(module);
  return out;
}

StoredTensor GgufCheckpoint::tensor(const std::string& hf_name) const {
  const GgufPlace place = find_gguf_place(config_, hf_name);
  const GgufEntry* entry = find_or_null(place);
  if (entry == nullptr || entry->format->decode == nullptr) {
    throw FileError(ErrorText{
        .operation = "gguf",
        .what = path().string() + ": tensor '" + place.name + "'",
        .got = entry == nullptr ? "nothing" : std::string(entry->format->name),
        .expected = "a type that graft decodes: " +
                    std::string(decodable_block_formats())});
  }
  StoredTensor out = file_.tensor(*entry);
  if (place.expert && out.shape.size() == 3) {
    return slice_expert(out, *place.expert);
  }
  if (!place.interleaved && !place.shifted) return out;
  if (out.shape.size() < 2) return plain_vector(out, place, config_.head_dim);
  out.row_order = std::make_shared<const std::vector<std::int64_t>>(
      stored_head_rows(entry->shape[0], config_.head_dim));
  return out;
}

}  // namespace

std::unique_ptr<const Checkpoint> open_gguf_checkpoint(
    const std::filesystem::path& path) {
  return std::make_unique<GgufCheckpoint>(path);
}

}  // namespace graft
