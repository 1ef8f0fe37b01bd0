// Bytes that tensors on this thread take while it lives. Entry point:
// MemoryMeter. Needs LibTorch.
#pragma once

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>
#include <cstdint>
#include <memory>

namespace graft::test {

class MemoryMeter {
 public:
  MemoryMeter()
      : counts_(std::make_shared<Counts>()),
        guard_(c10::DebugInfoKind::PROFILER_STATE, counts_) {}

  // Largest number of bytes at once, beyond those at the start.
  std::int64_t peak() const { return counts_->peak; }
  std::int64_t current() const { return counts_->current; }

 private:
  struct Counts : public c10::MemoryReportingInfoBase {
    void reportMemoryUsage(void*, std::int64_t size, std::size_t, std::size_t,
                           c10::Device) override {
      current += size;
      peak = std::max(peak, current);
    }
    bool memoryProfilingEnabled() const override { return true; }
    std::int64_t current = 0;
    std::int64_t peak = 0;
  };

  std::shared_ptr<Counts> counts_;
  c10::DebugInfoGuard guard_;
};

}  // namespace graft::test
