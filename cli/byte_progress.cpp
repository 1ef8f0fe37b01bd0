// Rate and time left from the bytes done so far.
#include "byte_progress.h"

#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <utility>

namespace graft::cli {
namespace {

constexpr std::chrono::milliseconds kFirst{1000};
constexpr std::chrono::milliseconds kInterval{200};

}  // namespace

ByteProgress::ByteProgress(std::string label)
    : label_(std::move(label)),
      terminal_(isatty(STDERR_FILENO) == 1),
      start_(Clock::now()),
      next_(start_ + kFirst) {}

ByteProgress::~ByteProgress() {
  if (terminal_ && shown_) std::cerr << std::endl;
}

void ByteProgress::update(std::uint64_t done, std::uint64_t total) {
  const Clock::time_point now = Clock::now();
  if (now < next_ || done == 0 || total == 0) return;
  next_ = now + kInterval;
  const int tenth = static_cast<int>(10 * done / total);
  if (!terminal_ && tenth == last_tenth_) return;
  last_tenth_ = tenth;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double rate = static_cast<double>(done) / seconds;
  char text[96];
  std::snprintf(text, sizeof(text), "%3d %% of %.1f MB, %.0f MB/s, %.0f s left",
                static_cast<int>(100 * done / total),
                static_cast<double>(total) / 1e6, rate / 1e6,
                static_cast<double>(total - done) / rate);
  std::cerr << (terminal_ ? "\r" : "") << label_ << ": " << text
            << (terminal_ ? "   " : "\n") << std::flush;
  shown_ = true;
}

}  // namespace graft::cli
