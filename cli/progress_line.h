// Progress of long work on standard error: one rewritten line on a terminal,
// plain lines now and then elsewhere. Entry point: ProgressLine.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace graft::cli {

class ProgressLine {
 public:
  // `done` of `total` steps lie before this run.
  ProgressLine(std::int64_t total, std::int64_t done);
  ~ProgressLine() { end_line(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // `text`: what to say beside the count, rate and time left.
  void show(std::int64_t done, const std::string& text);
  // A line that stays.
  void note(const std::string& text);

 private:
  using Clock = std::chrono::steady_clock;
  void end_line();

  std::int64_t total_;
  std::int64_t first_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point shown_{};
  bool terminal_;
  bool open_ = false;  // the cursor stands behind an unfinished line
};

// "1:02:03", "4:05".
std::string duration_text(double seconds);

}  // namespace graft::cli
