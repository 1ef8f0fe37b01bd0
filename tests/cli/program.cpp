// fork and exec with files in place of pipes, so that nothing can block.
#include "cli/program.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "support/shared_data.h"

namespace graft::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

constexpr int kCannotStart = 126;

// What the child needs, made before fork: nothing is allocated after it.
struct Start {
  std::string program, directory, in, out, err;
  std::vector<std::string> words;
  std::vector<std::string> variables;
  std::optional<std::uint64_t> largest_file;
  std::optional<std::uint64_t> largest_data;
};

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

std::vector<std::string> environment_of(const Invocation& invocation) {
  // Several programs run side by side: waiting threads must not spin.
  std::map<std::string, std::string> all{{"OMP_WAIT_POLICY", "PASSIVE"}};
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != text.npos) {
      all[text.substr(0, equals)] = text.substr(equals + 1);
    }
  }
  for (const auto& [name, value] : invocation.environment) all[name] = value;
  std::vector<std::string> out;
  for (const auto& [name, value] : all) out.push_back(name + "=" + value);
  return out;
}

bool redirect(const std::string& path, int flags, int descriptor) {
  const int file = ::open(path.c_str(), flags, 0600);
  return file >= 0 && ::dup2(file, descriptor) >= 0;
}

[[noreturn]] void run_child(const Start& start, char** words,
                            char** variables) {
  ::setpgid(0, 0);
  const int write = O_WRONLY | O_CREAT | O_TRUNC;
  if (!redirect(start.in, O_RDONLY, STDIN_FILENO) ||
      !redirect(start.out, write, STDOUT_FILENO) ||
      !redirect(start.err, write, STDERR_FILENO) ||
      ::chdir(start.directory.c_str()) != 0) {
    ::_exit(kCannotStart);
  }
  if (start.largest_file) {
    const rlimit limit{*start.largest_file, *start.largest_file};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    ::signal(SIGXFSZ, SIG_IGN);  // write() fails instead, as on a full disk
  }
  if (start.largest_data) {
    const rlimit limit{*start.largest_data, *start.largest_data};
    ::setrlimit(RLIMIT_DATA, &limit);
  }
  ::execve(start.program.c_str(), words, variables);
  ::_exit(kCannotStart);
}

}  // namespace

RunningProgram::RunningProgram(const Invocation& invocation)
    : timeout_(invocation.timeout) {
  Start start;
  start.program =
      invocation.program.empty() ? GRAFT_COMMAND : invocation.program.string();
  fs::create_directory(files_.path() / "here");
  start.directory = invocation.directory.empty()
                        ? (files_.path() / "here").string()
                        : invocation.directory.string();
  start.in = files_.write("in", invocation.input).string();
  start.out = invocation.output.empty() ? (files_.path() / "out").string()
                                        : invocation.output.string();
  start.err = (files_.path() / "err").string();
  start.words = invocation.args;
  start.words.insert(start.words.begin(), start.program);
  start.variables = environment_of(invocation);
  start.largest_file = invocation.largest_file;
  start.largest_data = invocation.largest_data;
  const std::vector<char*> words = pointers(start.words);
  const std::vector<char*> variables = pointers(start.variables);
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("cannot fork");
  if (pid_ == 0)
    run_child(start, const_cast<char**>(words.data()),
              const_cast<char**>(variables.data()));
}

RunningProgram::~RunningProgram() {
  if (ended_) return;
  send(SIGKILL);
  has_ended(true);
}

void RunningProgram::send(int signal) const {
  if (!ended_) ::kill(pid_, signal);
}

bool RunningProgram::has_ended(bool block) {
  if (ended_) return true;
  int status = 0;
  rusage usage{};
  if (::wait4(pid_, &status, block ? 0 : WNOHANG, &usage) != pid_) return false;
  ended_ = true;
  outcome_.code =
      WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  outcome_.peak_rss_kb = usage.ru_maxrss;
  return true;
}

bool RunningProgram::wait_until(const std::function<bool()>& reached) {
  const auto end = steady_clock::now() + timeout_;
  while (steady_clock::now() < end) {
    if (reached()) return true;
    if (has_ended(false)) return reached();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

Outcome RunningProgram::wait() {
  if (!wait_until([this] { return has_ended(false); })) {
    send(SIGKILL);
    has_ended(true);
    outcome_.timed_out = true;
    ADD_FAILURE() << "the program did not end in " << timeout_.count() << " s";
  }
  const fs::path out = files_.path() / "out";
  if (fs::exists(out)) outcome_.out = read_text(out);
  const fs::path err = files_.path() / "err";
  if (fs::exists(err)) outcome_.err = read_text(err);
  return outcome_;
}

Outcome run_program(const Invocation& invocation) {
  return RunningProgram(invocation).wait();
}

Outcome run_graft(std::vector<std::string> args, std::string input) {
  return run_program({.args = std::move(args), .input = std::move(input)});
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

std::vector<std::string> warnings_of(const Outcome& outcome) {
  std::vector<std::string> out;
  for (const std::string& line : lines_of(outcome.err)) {
    if (line.starts_with("warning:")) out.push_back(line);
  }
  return out;
}

void expect_error(const Outcome& outcome, int code,
                  const std::vector<std::string>& parts) {
  EXPECT_EQ(outcome.code, code) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  int errors = 0;
  for (const std::string& line : lines_of(outcome.err)) {
    errors += line.starts_with("error: ");
  }
  EXPECT_EQ(errors, 1) << outcome.err;
  for (const std::string& part : parts) {
    EXPECT_THAT(outcome.err, testing::HasSubstr(part));
  }
  // Traces of LibTorch's and the standard library's own failures.
  for (const char* trace :
       {"terminate called", "Exception raised from", "frame #",
        "c10::", "std::", "basic_string", "vector::", "json.exception"}) {
    EXPECT_THAT(outcome.err, testing::Not(testing::HasSubstr(trace)));
  }
}

void expect_quiet_success(const Outcome& outcome) {
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(warnings_of(outcome), testing::IsEmpty());
  EXPECT_THAT(outcome.err, testing::Not(testing::HasSubstr("error:")));
}

void expect_memory_below(const Outcome& outcome, long megabytes) {
#ifdef __SANITIZE_ADDRESS__
  static_cast<void>(outcome);
  static_cast<void>(megabytes);
#else
  EXPECT_LT(outcome.peak_rss_kb, megabytes * 1024);
#endif
}

}  // namespace graft::test
