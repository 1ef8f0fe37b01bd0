// A flag by which the caller asks a long operation to stop early. Entry point:
// CancellationToken. Copies share the flag; thread- and signal-safe.
#pragma once

#include <atomic>
#include <memory>

namespace graft {

class CancellationToken {
 public:
  CancellationToken() : flag_(std::make_shared<std::atomic<bool>>(false)) {}
  void cancel() const { flag_->store(true, std::memory_order_relaxed); }
  bool is_cancelled() const { return flag_->load(std::memory_order_relaxed); }

 private:
  std::shared_ptr<std::atomic<bool>> flag_;
};

}  // namespace graft
