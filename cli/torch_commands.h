// The commands of `graft-torch`. Entry point: torch_commands.
#pragma once

#include <span>

#include "command.h"

namespace graft::cli {

std::span<const Command> torch_commands();

}  // namespace graft::cli
