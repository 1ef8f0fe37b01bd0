// Signal handlers of the program. Entry point: ScopedInterrupt.
#include "interrupt.h"

#include <csignal>

namespace graft::cli {
namespace {

const CancellationToken* current = nullptr;

void on_signal(int number) {
  if (current) current->cancel();
  std::signal(number, SIG_DFL);
}

}  // namespace

ScopedInterrupt::ScopedInterrupt() {
  current = &token_;
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
}

ScopedInterrupt::~ScopedInterrupt() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  current = nullptr;
}

}  // namespace graft::cli
