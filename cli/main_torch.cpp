// The `graft-torch` program: the commands that link LibTorch.
#include <malloc.h>

#include <string>
#include <vector>

#include "torch_commands.h"

int main(int argc, char** argv) {
  // A training step frees and takes the same large buffers again: keep them
  // instead of mapping fresh pages each time, and grow in large steps. Above
  // 32 MiB a fresh mapping is cheap beside the work on it, and gives back.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_TOP_PAD, 64 << 20);
  const std::vector<std::string> args(argv + 1, argv + argc);
  return graft::cli::run_program(graft::cli::torch_commands(), args);
}
