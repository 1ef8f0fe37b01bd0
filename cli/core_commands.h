// The commands, by program. Entry points: core_commands,
// torch_command_names.
#pragma once

#include <span>
#include <string_view>

#include "command.h"

namespace graft::cli {

// Run inside `graft`, without LibTorch.
std::span<const Command> core_commands();

// Run by `graft-torch`.
struct TorchCommand {
  std::string_view name;
  std::string_view summary;
};
std::span<const TorchCommand> torch_command_names();

}  // namespace graft::cli
