// The one catch of the program: error kinds become exit codes.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <iostream>
#include <new>
#include <string>
#include <system_error>

#include "command.h"
#include "graft/base/error.h"
#include "graft/base/logger.h"
#include "visible_text.h"

namespace graft::cli {
namespace {

constexpr int kFailure = 1;
constexpr int kUsage = 2;
constexpr int kBadFile = 3;
constexpr int kSystem = 4;

int report(int code, const std::string& message) {
  std::cout.flush();
  std::cerr << "error: " << visible_text(message) << std::endl;
  return code;
}

void print_log(LogLevel level, std::string_view, std::string_view message) {
  std::cerr << (level == LogLevel::kWarning ? "warning: " : "")
            << visible_text(message) << std::endl;
}

// Without LibTorch's stack of calls, which names no file and no tensor.
std::string first_part(std::string_view what) {
  return std::string(what.substr(0, what.find("\nException raised from ")));
}

int run_guarded(const Command& command, const std::vector<std::string>& rest) {
  const std::string prefix = std::string(command.name) + ": ";
  try {
    const int code = command.run(rest);
    std::cout.flush();
    const bool written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
    if (!std::cout || !written) {
      return report(kSystem, prefix + "cannot write the output");
    }
    return code;
  } catch (const CLI::Success&) {
    return 0;  // --help was printed by the command
  } catch (const CLI::ParseError& error) {
    return report(kUsage, prefix + error.what() + ". Try: graft " +
                              std::string(command.name) + " --help");
  } catch (const ConfigError& error) {
    return report(kUsage, error.what());
  } catch (const FileError& error) {
    return report(kBadFile, error.what());
  } catch (const SystemError& error) {
    return report(kSystem, error.what());
  } catch (const std::bad_alloc&) {
    return report(kSystem, prefix + "out of memory");
  } catch (const std::system_error& error) {
    return report(kSystem, prefix + error.what());
  } catch (const Error& error) {
    return report(kFailure, error.what());
  } catch (const std::exception& error) {
    return report(kFailure, prefix + first_part(error.what()));
  }
}

}  // namespace

int run_program(std::span<const Command> commands,
                const std::vector<std::string>& args) {
  const ScopedLogSink sink(print_log);
  for (const Command& command : commands) {
    if (!args.empty() && command.name == args.front()) {
      return run_guarded(command, {args.begin() + 1, args.end()});
    }
  }
  return report(kUsage, "graft: unknown command '" +
                            (args.empty() ? std::string() : args.front()) +
                            "'. Try: graft --help");
}

}  // namespace graft::cli
