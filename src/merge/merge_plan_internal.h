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
#include "graft/formats/adapter_record.h"
#include "graft/io/sharded_safetensors.h"
#include "merge/delta_internal.h"

namespace graft {

// One tensor of the output.
struct OutputTensor {
  std::string name;
  HostTensor base;  // what it is made from; a view of the base's file
  const SafetensorsFile* source = nullptr;
  std::vector<LoraPart> parts;  // empty: copied
  std::uint64_t begin = 0;      // in its output file
};

struct OutputShard {
  std::filesystem::path source;       // the base's file
  std::string header;                 // bytes before the data
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

// `base` must outlive the plan. Throws FileError with all problems of the
// adapted tensors: absent, of another shape, quantised.
MergePlan plan_merge(const ShardedSafetensors& base, const AdapterFile& adapter,
                     const std::optional<TiedHead>& tied);

// The tied head of a checkpoint directory, if it has one.
std::optional<TiedHead> find_tied_head(const std::filesystem::path& base);

}  // namespace graft
