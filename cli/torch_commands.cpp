// One row a command; the function is in <name>_command.cpp.
#include "torch_commands.h"

#include <array>

namespace graft::cli {

std::span<const Command> torch_commands() {
  static const std::array<Command, 0> commands{};
  return commands;
}

}  // namespace graft::cli
