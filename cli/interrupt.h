// Ctrl-C asks long work to stop at the next good moment. Entry point:
// ScopedInterrupt.
#pragma once

#include "graft/base/cancellation.h"

namespace graft::cli {

// While it lives, SIGINT and SIGTERM cancel the token; a second one ends the
// process as usual. One at a time.
class ScopedInterrupt {
 public:
  ScopedInterrupt();
  ~ScopedInterrupt();
  ScopedInterrupt(const ScopedInterrupt&) = delete;
  ScopedInterrupt& operator=(const ScopedInterrupt&) = delete;

  const CancellationToken& token() const { return token_; }

 private:
  CancellationToken token_;
};

}  // namespace graft::cli
