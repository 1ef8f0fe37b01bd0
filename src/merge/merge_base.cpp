// Lists the tensors of either kind of base under their Hugging Face names.
#include "merge/merge_base_internal.h"

#include <algorithm>
#include <utility>

#include "formats/hf/model_config_writer_internal.h"
#include "graft/base/error.h"
#include "graft/formats/hf/weight_table.h"
#include "graft/io/atomic_output.h"
#include "graft/io/gguf.h"
#include "graft/io/safetensors_writer.h"

namespace graft {
namespace {

namespace fs = std::filesystem;

constexpr const char* kWeightFile = "model.safetensors";

OutputShard list_file(const SafetensorsFile& file) {
  OutputShard out{.source = file.path(), .metadata = file.metadata()};
  const auto header = file.mapping().bytes().first(file.data_offset());
  out.header.assign(reinterpret_cast<const char*>(header.data()),
                    header.size());
  for (const TensorEntry& entry : file.entries()) {
    out.tensors.push_back({.name = entry.name,
                           .base = file.tensor(entry),
                           .mapping = &file.mapping(),
                           .begin = file.data_offset() + entry.begin});
  }
  return out;
}

// Of the types that a model can be written in.
void check_dtype(DType dtype) {
  if (dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16) {
    return;
  }
  throw ConfigError(ErrorText{.operation = "convert",
                              .what = "dtype",
                              .got = std::string(dtype_name(dtype)),
                              .expected = "BF16, F16 or F32"});
}

}  // namespace

MergeBase::MergeBase(const fs::path& path, DType dtype)
    : path_(path), dtype_(dtype) {
  if (is_gguf_file(path)) {
    check_dtype(dtype);
    checkpoint_ = open_checkpoint(path);
    return;
  }
  if (!fs::is_directory(path)) {
    throw FileError(
        ErrorText{.operation = "merge",
                  .what = path.string(),
                  .expected = "a checkpoint directory or a GGUF file"});
  }
  weights_ = ShardedSafetensors::open(path);
}

std::vector<OutputShard> MergeBase::shards() const {
  std::vector<OutputShard> out;
  if (weights_) {
    for (const SafetensorsFile& file : weights_->shards()) {
      out.push_back(list_file(file));
    }
    return out;
  }
  OutputShard shard{.source = fs::path(path_).replace_filename(kWeightFile),
                    .metadata = {{"format", "pt"}}};
  for (const WeightRow& row : make_weight_table(checkpoint_->config())) {
    StoredTensor stored = checkpoint_->tensor(row.hf_name);
    shard.tensors.push_back({.name = row.hf_name,
                             .base = {dtype_, row.shape, {}, nullptr},
                             .stored = std::move(stored),
                             .mapping = checkpoint_->mapping_or_null()});
  }
  lay_out(shard);
  out.push_back(std::move(shard));
  return out;
}

std::optional<TiedHead> MergeBase::tied_head() const {
  return checkpoint_ ? find_tied_head(checkpoint_->inventory())
                     : find_tied_head(path_);
}

SideFiles MergeBase::write_side_files(const fs::path& output,
                                      const MergeOptions& options) const {
  if (weights_) return copy_side_files(*weights_, output);
  std::map<std::string, std::string> files = options.files;
  files["config.json"] = model_config_to_json(checkpoint_->config(), dtype_,
                                              checkpoint_->generation());
  files["generation_config.json"] =
      generation_config_to_json(checkpoint_->generation());
  SideFiles out;
  for (const auto& [name, text] : files) {
    write_file_atomically(output / name, text);
    out.copied.push_back(name);
  }
  return out;
}

std::optional<std::string> MergeBase::foreign_entry(
    const fs::path& output) const {
  return graft::foreign_entry(weights_ ? &*weights_ : nullptr, output);
}

std::optional<fs::path> MergeBase::index_path() const {
  return weights_ ? weights_->index_path() : std::nullopt;
}

void lay_out(OutputShard& shard) {
  std::vector<TensorLayout> layout;
  for (const OutputTensor& tensor : shard.tensors) {
    layout.push_back({tensor.name, tensor.base.dtype, tensor.base.shape});
  }
  shard.header = make_safetensors_header(layout, shard.metadata);
  std::uint64_t position = shard.header.size();
  for (OutputTensor& tensor : shard.tensors) {
    tensor.begin = position;
    position += tensor.byte_size();
  }
}

}  // namespace graft
