// Shows how far a long pass over bytes is, on standard error. Entry point:
// ByteProgress.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace graft::cli {

// On a terminal one line that is rewritten, with rate and time left; elsewhere
// a plain line every tenth of the way. Nothing for work below a second.
class ByteProgress {
 public:
  explicit ByteProgress(std::string label);
  // Ends the rewritten line.
  ~ByteProgress();
  ByteProgress(const ByteProgress&) = delete;
  ByteProgress& operator=(const ByteProgress&) = delete;

  void update(std::uint64_t done, std::uint64_t total);

 private:
  using Clock = std::chrono::steady_clock;

  std::string label_;
  bool terminal_ = false;
  bool shown_ = false;
  int last_tenth_ = 0;
  Clock::time_point start_;
  Clock::time_point next_;
};

}  // namespace graft::cli
