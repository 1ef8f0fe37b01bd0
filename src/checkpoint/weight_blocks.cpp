// Plain tensors become views; quantised and reordered ones are decoded by the
// model when it needs their rows.
#include "checkpoint/weight_blocks_internal.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <set>
#include <utility>

#include "checkpoint/tensor_bridge_internal.h"
#include "graft/io/mapped_file.h"

namespace graft {
namespace {

StorageKind storage_of(const std::vector<StoredTensor>& matrices) {
  std::set<std::string> quantised;
  std::set<DType> plain;
  for (const StoredTensor& matrix : matrices) {
    if (matrix.format->dtype) {
      plain.insert(*matrix.format->dtype);
    } else {
      quantised.insert(std::string(matrix.format->name));
    }
  }
  StorageKind out;
  if (plain.size() == 1) out.dtype = *plain.begin();
  for (const std::string& name : quantised) {
    out.quantised += (out.quantised.empty() ? "" : ", ") + name;
  }
  return out;
}

// The same elements, rows in order, in memory of their own.
HostTensor reordered(const StoredTensor& tensor) {
  std::vector<std::byte> bytes;
  bytes.reserve(tensor.bytes.size());
  for (std::int64_t i = 0; i < tensor.rows(); ++i) {
    const auto row = tensor.row(i);
    bytes.insert(bytes.end(), row.begin(), row.end());
  }
  return HostTensor::make_owned(*tensor.format->dtype, tensor.shape,
                                std::move(bytes));
}

at::Tensor decoded(const StoredTensor& tensor) {
  at::Tensor out = at::empty(tensor.shape, at::kFloat);
  tensor.decode({0, tensor.rows()}, out.mutable_data_ptr<float>());
  return out;
}

// A row that the file holds as it is used.
nn::WeightBlock file_block(const StoredTensor& part) {
  nn::WeightBlock out;
  out.stored = part;
  out.give_back = [bytes = part.bytes, owner = part.owner] {
    release_mapped_bytes(bytes);
  };
  return out;
}

nn::WeightBlock make_block(const StoredTensor& part, nn::ComputeMode mode) {
  if (const auto plain = part.plain_or_null()) {
    const at::Tensor weight = map_tensor(*plain);
    if (weight.const_data_ptr() != part.bytes.data()) return {weight, nullptr};
    nn::WeightBlock out = file_block(part);
    out.stored = {};
    out.weight = weight;
    return out;
  }
  // Vectors are small, and read once.
  if (part.shape.size() < 2) return {decoded(part), nullptr};
  if (mode == nn::ComputeMode::kNative && part.format->dtype) {
    return {map_tensor(reordered(part)), nullptr};
  }
  return file_block(part);
}

}  // namespace

WeightBlocks::WeightBlocks(const Checkpoint& checkpoint,
                           const ModelConfig& config) {
  std::vector<StoredTensor> matrices;
  for (const WeightRow& row : make_weight_table(config)) {
    StoredTensor tensor = checkpoint.tensor(row.hf_name);
    if (row.shape.size() == 3) {  // experts one after another
      tensor.shape = {row.shape[0] * row.shape[1], row.shape[2]};
    }
    if (row.shape.size() > 1) matrices.push_back(tensor);
    parts_[row.runtime_name].push_back(std::move(tensor));
  }
  storage_ = storage_of(matrices);
}

std::vector<nn::WeightBlock> WeightBlocks::find(const std::string& runtime_name,
                                                nn::ComputeMode mode) const {
  std::vector<nn::WeightBlock> out;
  const auto found = parts_.find(runtime_name);
  if (found == parts_.end()) return out;
  const Parts& parts = found->second;
  for (const StoredTensor& part : parts) out.push_back(make_block(part, mode));
  // Blocks of one weight that are tensors must share their type.
  const bool mixed = std::ranges::any_of(parts, [&](const StoredTensor& part) {
    return part.format != parts.front().format;
  });
  if (!mixed || parts.front().shape.size() < 2) return out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    out[i] = file_block(parts[i]);
  }
  return out;
}

}  // namespace graft
