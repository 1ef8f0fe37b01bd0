// The table of commands.
#include "core_commands.h"

#include <array>

namespace graft::cli {

// One row a command; the function is in <name>_command.cpp.
std::span<const Command> core_commands() {
  static const std::array<Command, 0> commands{};
  return commands;
}

std::span<const TorchCommand> torch_command_names() {
  static constexpr std::array commands{
      TorchCommand{"train", "train an adapter, or the whole model"},
      TorchCommand{"eval", "loss, perplexity and exact match on data"},
      TorchCommand{"generate", "continue a prompt"},
      TorchCommand{"logits", "raw logits of token ids, for comparison"},
      TorchCommand{"env", "versions, CPU features, devices, compute path"}};
  return commands;
}

}  // namespace graft::cli
