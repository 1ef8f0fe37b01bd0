// Which tensors of a checkpoint change and what the output files look like: a
// pure function of headers and adapter. Entry point: plan_merge.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "graft/base/host_tensor.h"
#include "graft/base/stored_tensor.h"
#include "graft/formats/adapter_record.h"
#include "graft/io/mapped_file.h"
#include "graft/match/module_info.h"
#include "merge/delta_internal.h"

namespace graft {

// One tensor of the output.
struct OutputTensor {
  std::string name;
  // Type and shape of the output; its bytes are the base's, in a mapped file,
  // unless they come from `stored`.
  HostTensor base;
  StoredTensor stored;  // with a format: decoded, and rounded to base.dtype
  const MappedFile* mapping = nullptr;  // of the bytes
  std::vector<LoraPart> parts;          // of the adapter
  std::uint64_t begin = 0;              // in its output file

  bool is_stored() const { return stored.format != nullptr; }
  bool is_copied() const { return parts.empty() && !is_stored(); }
  std::uint64_t byte_size() const;
};

struct OutputShard {
  std::filesystem::path source;  // the base's file; its name is kept
  std::string header;            // bytes before the data
  std::map<std::string, std::string> metadata;
  std::vector<OutputTensor> tensors;  // in file order
};

// A head without a tensor of its own, and the tensor that it shares.
struct TiedHead {
  std::string head_tensor;       // "lm_head.weight"
  std::string embedding_tensor;  // "model.embed_tokens.weight"
};

struct MergePlan {
  std::vector<OutputShard> shards;
  bool untied = false;  // the head is a tensor of its own in the output
  std::uint64_t bytes = 0;
};

// `shards` are those of the base, which must outlive the plan. Throws FileError
// with all problems of the adapted tensors: absent, of another shape,
// quantised.
MergePlan plan_merge(std::vector<OutputShard> shards,
                     const AdapterFile& adapter,
                     const std::optional<TiedHead>& tied);

// The shards as they are: nothing is merged.
MergePlan plan_copy(std::vector<OutputShard> shards);

// The tied head of a checkpoint directory or inventory, if it has one.
std::optional<TiedHead> find_tied_head(const std::filesystem::path& base);
std::optional<TiedHead> find_tied_head(const Inventory& inventory);

}  // namespace graft
