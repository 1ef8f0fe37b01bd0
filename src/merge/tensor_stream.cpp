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

std::vector<Block> split(const std::vector<OutputTensor>& tensors) {
  std::vector<Block> out;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const HostTensor& base = tensors[i].base;
    auto total = static_cast<std::int64_t>(base.bytes.size());
    auto step = static_cast<std::int64_t>(kCopiedBytes);
    if (!tensors[i].parts.empty() && total != 0) {
      total = base.shape[0];
      step = std::max<std::int64_t>(1, kMergedElements / base.shape[1]);
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
      merger_ = std::make_unique<BlockMerger>(tensor.base, tensor.parts);
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
    const bool merged = !tensor.parts.empty();
    const std::size_t unit =
        merged ? static_cast<std::size_t>(tensor.base.shape[1]) *
                     dtype_size(tensor.base.dtype)
               : 1;
    const std::size_t offset =
        static_cast<std::size_t>(block.units.begin) * unit;
    const auto source = tensor.base.bytes.subspan(
        offset, static_cast<std::size_t>(block.units.size()) * unit);
    if (merged) {
      buffer.resize(source.size());
      statistics_[index] = merge(block, buffer);
      sink_(tensor, offset, buffer);
    } else {
      sink_(tensor, offset, source);
    }
    tensor.source->mapping().release(source);
    meter_.add(tensor, source.size());
  }

  BlockStatistics merge(const Block& block, std::span<std::byte> target) {
    const OutputTensor& tensor = shard_.tensors[block.tensor];
    MergerSlot& slot = mergers_[block.tensor];
    const BlockStatistics out = slot.get(tensor).merge(block.units, target);
    slot.finish_block();
    if (!out.finite) {
      throw FileError(ErrorText{
          .operation = "merge",
          .what = tensor.source->path().string() + ": tensor " +
                  printable(tensor.name),
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
