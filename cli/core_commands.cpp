// The table of commands.
#include "core_commands.h"

#include <array>

#include "tokenize_command.h"

namespace graft::cli {

// One row a command; the function is in <name>_command.cpp.
std::span<const Command> core_commands() {
  static const std::array commands{
      Command{"tokenize", "text to token ids and back, JSON lines",
              tokenize_command}};
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
