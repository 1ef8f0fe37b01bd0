// The `graft-torch` program: the commands that link LibTorch.
#include <malloc.h>

#include <string>
#include <vector>

#include "torch_commands.h"

int main(int argc, char** argv) {
  // A training step frees and takes the same large buffers again: keep them
  // instead of mapping fresh pages each time. 32 MiB is glibc's limit.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  const std::vector<std::string> args(argv + 1, argv + argc);
  return graft::cli::run_program(graft::cli::torch_commands(), args);
}
