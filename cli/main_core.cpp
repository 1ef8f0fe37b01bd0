// The `graft` program: commands that need no LibTorch run here, the others in
// `graft-torch`, found beside this program or in libexec/graft.
#include <unistd.h>

#include <array>
#include <filesystem>
#include <iostream>
#include <string>
#include <system_error>
#include <vector>

#include "core_commands.h"

namespace graft::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kVersion = "graft 0.1.0\n";

void print_help() {
  std::cout << "graft: parameter-efficient fine-tuning for C++ on LibTorch\n\n"
               "Usage: graft COMMAND [OPTIONS]\n\nCommands:\n";
  for (const Command& command : core_commands()) {
    std::cout << "  " << command.name
              << std::string(12 - command.name.size(), ' ') << command.summary
              << '\n';
  }
  for (const TorchCommand& command : torch_command_names()) {
    std::cout << "  " << command.name
              << std::string(12 - command.name.size(), ' ') << command.summary
              << '\n';
  }
  std::cout << "\nEvery command has --help. Exit codes: 0 done, 2 usage or "
               "configuration,\n3 bad input file, 4 the system, 1 anything "
               "else.\n";
}

fs::path find_torch_program() {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  const fs::path folder = self.parent_path();
  for (const fs::path& candidate :
       {folder / "graft-torch",
        folder.parent_path() / "libexec" / "graft" / "graft-torch"}) {
    if (fs::exists(candidate, error)) return candidate;
  }
  return {};
}

int run_torch_program(int argc, char** argv) {
  const fs::path program = find_torch_program();
  if (program.empty()) {
    std::cerr << "error: " << argv[1]
              << ": graft-torch is not beside graft nor in libexec/graft. "
                 "Build it, or reinstall graft with LibTorch\n";
    return 4;
  }
  std::vector<char*> words(argv, argv + argc);
  std::string name = program.string();
  words[0] = name.data();
  words.push_back(nullptr);
  execv(name.c_str(), words.data());
  std::cerr << "error: " << argv[1] << ": cannot start " << name << ": "
            << std::generic_category().message(errno) << '\n';
  return 4;
}

int run(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (args.empty() || args[0] == "--help" || args[0] == "-h" ||
      args[0] == "help") {
    print_help();
    return args.empty() ? 2 : 0;
  }
  if (args[0] == "--version") {
    std::cout << kVersion;
    return 0;
  }
  for (const TorchCommand& command : torch_command_names()) {
    if (command.name == args[0]) return run_torch_program(argc, argv);
  }
  return run_program(core_commands(), args);
}

}  // namespace
}  // namespace graft::cli

int main(int argc, char** argv) { return graft::cli::run(argc, argv); }
