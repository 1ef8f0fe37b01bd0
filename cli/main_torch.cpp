// The `graft-torch` program: the commands that link LibTorch.
#include <string>
#include <vector>

#include "graft/nn/cpu_memory.h"
#include "torch_commands.h"

int main(int argc, char** argv) {
  graft::nn::keep_cpu_memory();
  const std::vector<std::string> args(argv + 1, argv + argc);
  return graft::cli::run_program(graft::cli::torch_commands(), args);
}
