// Recomputes a merge and compares it bit for bit. Entry point:
// verify_checkpoint.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <map>
#include <mutex>
#include <utility>

#include "graft/base/half.h"
#include "graft/io/sharded_safetensors.h"
#include "graft/merge/merge.h"
#include "merge/merge_base_internal.h"
#include "merge/tensor_stream_internal.h"

namespace graft {
namespace {

namespace fs = std::filesystem;

// Elements that differ in any bit, and the largest difference of values.
TensorDifference compare_bytes(DType dtype, std::span<const std::byte> expected,
                               std::span<const std::byte> found) {
  TensorDifference out;
  const std::size_t size = dtype_size(dtype);
  for (std::size_t i = 0; i + size <= expected.size(); i += size) {
    if (std::memcmp(&expected[i], &found[i], size) == 0) continue;
    ++out.elements;
    if (!is_computable(dtype)) continue;
    float a = 0;
    float b = 0;
    to_f32(dtype, &expected[i], 1, &a);
    to_f32(dtype, &found[i], 1, &b);
    out.max_difference =
        std::fmax(out.max_difference, std::fabs(static_cast<double>(a) - b));
  }
  return out;
}

class Verifier {
 public:
  Verifier(const MergePlan& plan, const ShardedSafetensors& merged)
      : plan_(plan), merged_(merged) {}

  void check_names() {
    std::map<std::string, const OutputTensor*> expected;
    for (const OutputShard& shard : plan_.shards) {
      for (const OutputTensor& tensor : shard.tensors) {
        expected.emplace(tensor.name, &tensor);
        ++(tensor.parts.empty() ? report_.copied_tensors
                                : report_.merged_tensors);
        check_header(tensor);
      }
    }
    for (const std::string& name : merged_.names()) {
      if (!expected.contains(name)) add_header_difference(name, "extra");
    }
  }

  void check_values(const MergeOptions& options) {
    ProgressMeter meter(options, plan_.bytes);
    for (const OutputShard& shard : plan_.shards) {
      stream_shard(shard, options, meter,
                   [this](const OutputTensor& tensor, std::uint64_t offset,
                          std::span<const std::byte> bytes) {
                     compare(tensor, offset, bytes);
                   });
    }
  }

  VerifyReport take_report() {
    for (auto& [name, difference] : differences_) {
      report_.differences.push_back(std::move(difference));
    }
    report_.bytes = plan_.bytes;
    return std::move(report_);
  }

 private:
  void add_header_difference(const std::string& name, const char* kind) {
    differences_[name] = {.name = name, .kind = kind};
  }

  void check_header(const OutputTensor& tensor) {
    const TensorEntry* entry = merged_.find_or_null(tensor.name);
    if (entry == nullptr) {
      add_header_difference(tensor.name, "missing");
    } else if (entry->dtype != tensor.base.dtype) {
      add_header_difference(tensor.name, "dtype");
    } else if (entry->shape != tensor.base.shape) {
      add_header_difference(tensor.name, "shape");
    } else {
      tensors_.emplace(tensor.name, merged_.tensor(tensor.name));
    }
  }

  void compare(const OutputTensor& tensor, std::uint64_t offset,
               std::span<const std::byte> bytes) {
    const auto found = tensors_.find(tensor.name);
    if (found == tensors_.end()) return;
    const auto stored = found->second.bytes.subspan(offset, bytes.size());
    const bool equal =
        std::memcmp(bytes.data(), stored.data(), bytes.size()) == 0;
    if (!equal) {
      add_values(tensor, compare_bytes(tensor.base.dtype, bytes, stored));
    }
    release(tensor.name, stored);
  }

  void add_values(const OutputTensor& tensor, const TensorDifference& part) {
    const std::lock_guard lock(mutex_);
    TensorDifference& sum = differences_[tensor.name];
    sum.name = tensor.name;
    sum.kind = tensor.parts.empty() ? "copied values" : "merged values";
    sum.elements += part.elements;
    sum.max_difference = std::max(sum.max_difference, part.max_difference);
  }

  void release(const std::string& name, std::span<const std::byte> bytes) {
    for (const SafetensorsFile& shard : merged_.shards()) {
      if (shard.find_or_null(name) != nullptr) shard.mapping().release(bytes);
    }
  }

  const MergePlan& plan_;
  const ShardedSafetensors& merged_;
  std::map<std::string, HostTensor> tensors_;
  std::mutex mutex_;
  std::map<std::string, TensorDifference> differences_;
  VerifyReport report_;
};

// What a GGUF base was written as: the type of the first tensor.
DType written_type(const ShardedSafetensors& merged) {
  for (const SafetensorsFile& shard : merged.shards()) {
    if (!shard.entries().empty()) return shard.entries().front().dtype;
  }
  return DType::kBF16;
}

}  // namespace

VerifyReport verify_checkpoint(const fs::path& base, const AdapterFile& adapter,
                               const fs::path& merged,
                               const MergeOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  const ShardedSafetensors result = ShardedSafetensors::open(merged);
  const MergeBase source(base, written_type(result));
  const MergePlan plan =
      plan_merge(source.shards(), adapter, source.tied_head());
  Verifier verifier(plan, result);
  verifier.check_names();
  verifier.check_values(options);
  VerifyReport report = verifier.take_report();
  if (plan.untied && !is_untied_config(merged / "config.json")) {
    report.problems.push_back(
        "config.json does not set tie_word_embeddings to false, so that the "
        "merged head is ignored");
  }
  const std::chrono::duration<double> elapsed =
      std::chrono::steady_clock::now() - start;
  report.seconds = elapsed.count();
  return report;
}

}  // namespace graft
