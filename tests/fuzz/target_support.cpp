// One file a process, rewritten for each input and removed at exit.
#include <cstdlib>

#include "fuzz/targets.h"
#include "support/temporary_directory.h"

namespace graft::fuzz {

std::filesystem::path memory_file(std::string_view bytes) {
  static const bool in_memory = [] {
    const bool found = std::filesystem::is_directory("/dev/shm");
    return found && setenv("TMPDIR", "/dev/shm", 1) == 0;
  }();
  (void)in_memory;
  static const test::TemporaryDirectory directory;
  return directory.write("input", bytes);
}

}  // namespace graft::fuzz
