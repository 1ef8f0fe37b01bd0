// Runs the built `graft` as a person would: words, standard input, exit code,
// both outputs. Entry points: run_graft, run_program, RunningProgram.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "support/temporary_directory.h"

namespace graft::test {

struct Invocation {
  std::vector<std::string> args;    // behind the program's name
  std::string input;                // standard input
  std::filesystem::path program;    // empty: the built graft
  std::filesystem::path directory;  // to run in; empty: a fresh one
  std::filesystem::path output;  // for standard output; empty: it is captured
  std::map<std::string, std::string> environment;  // beside the inherited one
  std::optional<std::uint64_t> largest_file;       // bytes: a disk that is full
  std::optional<std::uint64_t> largest_data;       // bytes: ulimit -d
  std::chrono::seconds timeout{120};
};

struct Outcome {
  int code = -1;  // exit code; 128 + number when a signal ended it
  bool timed_out = false;
  std::string out;
  std::string err;
  long peak_rss_kb = 0;
};

// One process in its own group, killed when the object goes.
class RunningProgram {
 public:
  explicit RunningProgram(const Invocation& invocation);
  ~RunningProgram();
  RunningProgram(const RunningProgram&) = delete;
  RunningProgram& operator=(const RunningProgram&) = delete;

  // Looks every millisecond; false when the program ended first.
  bool wait_until(const std::function<bool()>& reached);
  void send(int signal) const;
  Outcome wait();

 private:
  bool has_ended(bool block);

  TemporaryDirectory files_;  // in, out, err and the folder to run in
  std::chrono::seconds timeout_;
  pid_t pid_ = -1;
  bool ended_ = false;
  Outcome outcome_;
};

Outcome run_program(const Invocation& invocation);
Outcome run_graft(std::vector<std::string> args, std::string input = {});

std::vector<std::string> lines_of(const std::string& text);
std::vector<std::string> warnings_of(const Outcome& outcome);

// Exit code `code`, one "error: " line with every part, nothing on standard
// output, and no sign of an exception that nobody caught.
void expect_error(const Outcome& outcome, int code,
                  const std::vector<std::string>& parts);
// Exit code 0, neither error nor warning.
void expect_quiet_success(const Outcome& outcome);
// Without effect under ASAN, whose shadow memory counts.
void expect_memory_below(const Outcome& outcome, long megabytes);

}  // namespace graft::test
