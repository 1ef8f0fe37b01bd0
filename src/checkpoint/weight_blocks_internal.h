// The runtime model's tensors as row blocks over a checkpoint's files. Entry
// point: WeightBlocks. Private to checkpoint.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "graft/base/stored_tensor.h"
#include "graft/formats/checkpoint.h"
#include "graft/formats/hf/weight_table.h"
#include "graft/nn/frozen_weight.h"

namespace graft {

// What the matrices are stored as.
struct StorageKind {
  // The one type of all, F32 for mixed ones (they run in fp32 slot by slot).
  DType dtype = DType::kF32;
  // "Q4_1, Q8_0" when some must be decoded; empty otherwise.
  std::string quantised;
};

class WeightBlocks {
 public:
  // Throws FileError for a tensor that cannot be computed with. `checkpoint`
  // must outlive the object.
  WeightBlocks(const Checkpoint& checkpoint, const ModelConfig& config);

  const StorageKind& storage() const { return storage_; }
  // In row order; none for a name that the family does not have. Bytes stay in
  // the mapped file, except rows that kNative needs in another order.
  std::vector<nn::WeightBlock> find(const std::string& runtime_name,
                                    nn::ComputeMode mode) const;

 private:
  using Parts = std::vector<StoredTensor>;

  std::map<std::string, Parts> parts_;  // by runtime name
  StorageKind storage_;
};

}  // namespace graft
