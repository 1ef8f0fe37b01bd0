// Produces the bytes of an output shard block by block on several threads.
// Entry point: stream_shard.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <vector>

#include "graft/merge/merge.h"
#include "merge/merge_plan_internal.h"

namespace graft {

// `offset` counts from the tensor's first byte. Called from several threads.
using BlockSink =
    std::function<void(const OutputTensor& tensor, std::uint64_t offset,
                       std::span<const std::byte> bytes)>;

// Counts bytes over all shards and tells the caller, one call at a time.
class ProgressMeter {
 public:
  ProgressMeter(const MergeOptions& options, std::uint64_t total)
      : report_(options.progress), state_{.bytes_total = total} {}

  void add(const OutputTensor& tensor, std::uint64_t bytes);

 private:
  const std::function<void(const MergeProgress&)>& report_;
  std::mutex mutex_;
  MergeProgress state_;
};

// Statistics of each tensor of the shard (empty for copied ones). The blocks,
// and with them every bit of the result, do not depend on the thread count.
// Throws FileError when a merged value is not finite, Error when cancelled,
// and whatever the sink throws.
std::vector<BlockStatistics> stream_shard(const OutputShard& shard,
                                          const MergeOptions& options,
                                          ProgressMeter& meter,
                                          const BlockSink& sink);

}  // namespace graft
