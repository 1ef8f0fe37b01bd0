// One row a command; the function is in <name>_command.cpp.
#include "torch_commands.h"

#include <array>

#include "env_command.h"
#include "eval_command.h"
#include "generate_command.h"
#include "logits_command.h"
#include "train_command.h"

namespace graft::cli {

std::span<const Command> torch_commands() {
  static const std::array commands{
      Command{"train", "train an adapter, or the whole model", train_command},
      Command{"eval", "loss, perplexity and exact match on data", eval_command},
      Command{"generate", "continue a prompt", generate_command},
      Command{"logits", "raw logits of token ids, for comparison",
              logits_command},
      Command{"env", "versions, CPU features, devices, compute path",
              env_command}};
  return commands;
}

}  // namespace graft::cli
