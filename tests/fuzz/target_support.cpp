// One folder a process, its files rewritten for each input and removed at
// exit; the first refusal of several readers; broken promises.
#include <cstdio>
#include <cstdlib>

#include "fuzz/targets.h"
#include "graft/base/error.h"
#include "support/temporary_directory.h"

namespace graft::fuzz {

std::filesystem::path memory_file(std::string_view bytes,
                                  std::string_view name) {
  static const bool in_memory = [] {
    const bool found = std::filesystem::is_directory("/dev/shm");
    return found && setenv("TMPDIR", "/dev/shm", 1) == 0;
  }();
  (void)in_memory;
  static const test::TemporaryDirectory directory;
  return directory.write(name, bytes);
}

void Parts::run(const std::function<void()>& part) {
  try {
    part();
  } catch (const Error&) {
    if (!refusal_) refusal_ = std::current_exception();
  }
}

void Parts::throw_if_refused() const {
  if (refusal_) std::rethrow_exception(refusal_);
}

void expect(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

}  // namespace graft::fuzz
