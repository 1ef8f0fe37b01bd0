// Splits tensors into blocks and hands them to worker threads in file order,
// so that only a few blocks are in memory. Entry point: stream_shard.
#include "merge/tensor_stream_internal.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>
#include <thread>
#include <utility>

#include "graft/base/error.h"
#include "io/json_file_internal.h"

namespace graft {
namespace {

constexpr std::int64_t kMergedElements = std::int64_t{1} << 18;
constexpr std::uint64_t kCopiedBytes = std::uint64_t{8} << 20;

struct Block {
  std::size_t tensor = 0;
  RowSet units;  // rows of a merged tensor, bytes of a copied one
};

// Elements of a row; a vector is one row.
std::int64_t width(const OutputTensor& tensor) {
  return tensor.is_stored() ? tensor.stored.columns() : row_width(tensor.base);
}

std::int64_t row_count(const OutputTensor& tensor) {
  return tensor.is_stored() ? tensor.stored.rows() : row_count(tensor.base);
}

std::vector<Block> split(const std::vector<OutputTensor>& tensors) {
  std::vector<Block> out;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    auto total = static_cast<std::int64_t>(tensors[i].byte_size());
    auto step = static_cast<std::int64_t>(kCopiedBytes);
    if (!tensors[i].is_copied() && total != 0) {
      total = row_count(tensors[i]);
      step = std::max<std::int64_t>(1, kMergedElements / width(tensors[i]));
    }
    for (std::int64_t begin = 0; begin < total; begin += step) {
      out.push_back({i, {begin, std::min(begin + step, total)}});
    }
  }
  return out;
}

// Decodes a tensor's adapter when its first block comes, and frees it with its
// last.
class MergerSlot {
 public:
  void expect_block() { ++blocks_left_; }

  const BlockMerger& get(const OutputTensor& tensor) {
    std::call_once(once_, [&] {
      merger_ = std::make_unique<BlockMerger>(tensor.base, tensor.stored,
                                              tensor.parts);
    });
    return *merger_;
  }

  void finish_block() {
    if (--blocks_left_ == 0) merger_.reset();
  }

 private:
  std::once_flag once_;
  std::atomic<std::size_t> blocks_left_{0};
  std::unique_ptr<BlockMerger> merger_;
};

class ShardStream {
 public:
  ShardStream(const OutputShard& shard, const MergeOptions& options,
              ProgressMeter& meter, const BlockSink& sink)
      : shard_(shard),
        options_(options),
        meter_(meter),
        sink_(sink),
        blocks_(split(shard.tensors)),
        statistics_(blocks_.size()),
        mergers_(shard.tensors.size()) {
    for (const Block& block : blocks_) mergers_[block.tensor].expect_block();
  }

  std::vector<BlockStatistics> run() {
    const auto count = std::min<std::size_t>(thread_count(), blocks_.size());
    std::vector<std::thread> threads;
    for (std::size_t i = 1; i < count; ++i) {
      threads.emplace_back([this] { work(); });
    }
    work();
    for (std::thread& thread : threads) thread.join();
    if (failure_) std::rethrow_exception(failure_);
    std::vector<BlockStatistics> out(shard_.tensors.size());
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      out[blocks_[i].tensor].add(statistics_[i]);
    }
    return out;
  }

 private:
  std::size_t thread_count() const {
    if (options_.threads > 0) return static_cast<std::size_t>(options_.threads);
    return std::max(1u, std::thread::hardware_concurrency());
  }

  void work() {
    std::vector<std::byte> buffer;
    try {
      for (std::size_t i = next_++; i < blocks_.size(); i = next_++) {
        if (stop_) return;
        if (options_.cancellation.is_cancelled()) {
          throw Error(
              ErrorText{.operation = "merge", .what = "stopped on request"});
        }
        produce(i, buffer);
      }
    } catch (...) {
      const std::lock_guard lock(failure_mutex_);
      if (!failure_) failure_ = std::current_exception();
      stop_ = true;
    }
  }

  void produce(std::size_t index, std::vector<std::byte>& buffer) {
    const Block& block = blocks_[index];
    const OutputTensor& tensor = shard_.tensors[block.tensor];
    const std::size_t unit = tensor.is_copied()
                                 ? 1
                                 : static_cast<std::size_t>(width(tensor)) *
                                       dtype_size(tensor.base.dtype);
    const std::size_t offset =
        static_cast<std::size_t>(block.units.begin) * unit;
    const std::size_t size =
        static_cast<std::size_t>(block.units.size()) * unit;
    if (tensor.is_copied()) {
      sink_(tensor, offset, tensor.base.bytes.subspan(offset, size));
    } else {
      buffer.resize(size);
      statistics_[index] = merge(block, buffer);
      sink_(tensor, offset, buffer);
    }
    release(tensor, block.units, unit);
    meter_.add(tensor, size);
  }

  // Gives the pages of rows (or bytes) `units` back. Rows in another order lie
  // near their place: what a later block still needs is read again.
  static void release(const OutputTensor& tensor, RowSet units,
                      std::size_t unit) {
    const bool stored = tensor.is_stored();
    // Small reordered vectors lie in memory of their own, not in the file.
    if (tensor.mapping == nullptr ||
        (stored && tensor.stored.owner.get() != tensor.mapping)) {
      return;
    }
    const std::size_t size = stored ? tensor.stored.row_bytes() : unit;
    const auto bytes = stored ? tensor.stored.bytes : tensor.base.bytes;
    tensor.mapping->release(
        bytes.subspan(static_cast<std::size_t>(units.begin) * size,
                      static_cast<std::size_t>(units.size()) * size));
  }

  BlockStatistics merge(const Block& block, std::span<std::byte> target) {
    const OutputTensor& tensor = shard_.tensors[block.tensor];
    MergerSlot& slot = mergers_[block.tensor];
    const BlockStatistics out = slot.get(tensor).merge(block.units, target);
    slot.finish_block();
    if (!out.finite) {
      throw FileError(ErrorText{
          .operation = "merge",
          .what = shard_.source.string() + ": tensor " + printable(tensor.name),
          .got = "NaN or infinity in rows " +
                 std::to_string(block.units.begin) + " to " +
                 std::to_string(block.units.end - 1) + " of the result",
          .expected = "finite numbers that " +
                      std::string(dtype_name(tensor.base.dtype)) +
                      " can hold"});
    }
    return out;
  }

  const OutputShard& shard_;
  const MergeOptions& options_;
  ProgressMeter& meter_;
  const BlockSink& sink_;
  std::vector<Block> blocks_;
  std::vector<BlockStatistics> statistics_;  // by block
  std::vector<MergerSlot> mergers_;          // by tensor
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> stop_{false};
  std::mutex failure_mutex_;
  std::exception_ptr failure_;
};

}  // namespace

void ProgressMeter::add(const OutputTensor& tensor, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  state_.bytes_done += bytes;
  if (!report_) return;
  state_.tensor = tensor.name;
  report_(state_);
}

std::vector<BlockStatistics> stream_shard(const OutputShard& shard,
                                          const MergeOptions& options,
                                          ProgressMeter& meter,
                                          const BlockSink& sink) {
  return ShardStream(shard, options, meter, sink).run();
}

}  // namespace graft
