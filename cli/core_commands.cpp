// The table of commands.
#include "core_commands.h"

#include <array>

#include "convert_command.h"
#include "data_command.h"
#include "inspect_command.h"
#include "match_command.h"
#include "merge_command.h"
#include "plan_command.h"
#include "tokenize_command.h"
#include "verify_command.h"

namespace graft::cli {

// One row a command; the function is in <name>_command.cpp.
std::span<const Command> core_commands() {
  static const std::array commands{
      Command{"plan", "which modules would be adapted, and with what",
              plan_command},
      Command{"match", "try patterns on names", match_command},
      Command{"inspect", "what a checkpoint, file or adapter holds",
              inspect_command},
      Command{"merge", "write an adapter into its base", merge_command},
      Command{"verify", "recompute a merge and compare it", verify_command},
      Command{"convert",
              "GGUF model to Hugging Face directory, adapter to GGUF",
              convert_command},
      Command{"data", "training rows token by token, and their mistakes",
              data_command},
      Command{"tokenize", "text and chats to token ids and back, JSON lines",
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
