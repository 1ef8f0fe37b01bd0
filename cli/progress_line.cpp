// Prints progress with rate and time left. Entry point: ProgressLine.
#include "progress_line.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>

namespace graft::cli {
namespace {

constexpr std::int64_t kPlainLines = 20;  // about so many in a whole run

}  // namespace

std::string duration_text(double seconds) {
  const auto whole = static_cast<long long>(std::max(seconds, 0.0) + 0.5);
  char buffer[48];
  if (whole >= 3600) {
    std::snprintf(buffer, sizeof buffer, "%lld:%02lld:%02lld", whole / 3600,
                  whole / 60 % 60, whole % 60);
  } else {
    std::snprintf(buffer, sizeof buffer, "%lld:%02lld", whole / 60, whole % 60);
  }
  return buffer;
}

ProgressLine::ProgressLine(std::int64_t total, std::int64_t done)
    : total_(total), first_(done), terminal_(isatty(STDERR_FILENO) == 1) {}

void ProgressLine::show(std::int64_t done, const std::string& text) {
  using namespace std::chrono_literals;
  const Clock::time_point now = Clock::now();
  const std::int64_t every = std::max<std::int64_t>(total_ / kPlainLines, 1);
  const bool due =
      terminal_ ? now - shown_ > 100ms || done == total_
                : done % every == 0 || done == first_ + 1 || now - shown_ > 30s;
  if (!due) return;
  shown_ = now;
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  const double rate = static_cast<double>(done - first_) / elapsed;
  char numbers[96];
  std::snprintf(numbers, sizeof numbers, "step %lld/%lld  ",
                static_cast<long long>(done), static_cast<long long>(total_));
  char speed[64];
  std::snprintf(speed, sizeof speed, "  %.2f steps/s  ", rate);
  std::cerr << (terminal_ ? "\r" : "") << numbers << text << speed
            << duration_text(static_cast<double>(total_ - done) / rate)
            << " left" << (terminal_ ? "\x1b[K" : "\n") << std::flush;
  open_ = terminal_;
}

void ProgressLine::note(const std::string& text) {
  end_line();
  std::cerr << text << std::endl;
}

void ProgressLine::end_line() {
  if (open_) std::cerr << std::endl;
  open_ = false;
}

}  // namespace graft::cli
