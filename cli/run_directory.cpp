// Keeps a training run on disk. Entry point: RunDirectory.
#include "run_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "graft/base/error.h"
#include "graft/checkpoint/resume_state.h"
#include "graft/io/atomic_output.h"

namespace graft::cli {
namespace {

namespace fs = std::filesystem;

const std::set<std::string> kOwnNames = {"recipe.yaml",   "environment.json",
                                         "metrics.jsonl", "checkpoints",
                                         "adapter",       "model"};

[[noreturn]] void refuse(const fs::path& path, const std::string& what,
                         const std::string& hint) {
  throw ConfigError(ErrorText{
      .operation = "train", .what = path.string() + " " + what, .hint = hint});
}

// A project may hold a recipe.yaml and a model of its own; only a run has all.
bool is_run(const fs::path& path) {
  return fs::exists(path / "recipe.yaml") && fs::exists(path / "checkpoints") &&
         fs::exists(path / "environment.json");
}

// Held until the object goes or the process ends, however it ends.
std::shared_ptr<const void> lock_folder(const fs::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) refuse(path, "is no folder", "Choose another output");
  std::shared_ptr<const void> out(nullptr,
                                  [file](const void*) { ::close(file); });
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    refuse(path, "is in use by another run of graft",
           "Wait until it has ended, or choose another output");
  }
  return out;
}

// Only what a run wrote is ever removed.
void clear_run(const fs::path& path) {
  if (!is_run(path)) {
    refuse(path, "is not empty and holds no run of graft",
           "Choose another output");
  }
  for (const std::string& name : kOwnNames) fs::remove_all(path / name);
}

std::string texts_key(const std::string& field) { return "run/" + field; }

void compare(const RunIdentity& now, const nn::NamedState& state) {
  std::string problems;
  for (const auto& [field, value] : now) {
    const auto saved = state.texts.find(texts_key(field));
    const std::string old =
        saved == state.texts.end() ? "nothing" : saved->second;
    if (old == value) continue;
    problems += "\n  " + field + ": got " + value + ", expected " + old;
  }
  for (const auto& [key, value] : state.texts) {
    if (!key.starts_with("run/") || now.contains(key.substr(4))) continue;
    problems += "\n  " + key.substr(4) + ": got nothing, expected " + value;
  }
  if (problems.empty()) return;
  throw ConfigError(
      "train: --resume: this is not the run that was saved:" + problems +
      "\nGive the same values, or start anew with --overwrite");
}

}  // namespace

RunDirectory::RunDirectory(fs::path path, OutputMode mode)
    : path_(std::move(path)) {
  if (path_.empty()) {
    throw ConfigError(
        ErrorText{.operation = "train",
                  .what = "output is missing",
                  .hint = "Give output: in the recipe, or -o FOLDER"});
  }
  std::error_code error;
  fs::create_directories(path_, error);
  if (error && !fs::exists(path_)) {
    throw SystemError(ErrorText{
        .operation = "train",
        .what = "cannot create " + path_.string() + ": " + error.message()});
  }
  lock_ = lock_folder(path_);
  if (!fs::is_empty(path_)) {
    if (mode == OutputMode::kNew) {
      refuse(path_, "is not empty",
             "Choose another output, or give --resume or --overwrite");
    }
    if (mode == OutputMode::kOverwrite) clear_run(path_);
    if (mode == OutputMode::kResume && !is_run(path_)) {
      refuse(path_, "holds no run of graft", "There is nothing to resume");
    }
  }
  fs::create_directories(path_ / "checkpoints");
}

std::optional<nn::NamedState> RunDirectory::newest_state(
    const RunIdentity& identity) const {
  const std::vector<std::int64_t> steps = saved_steps(path_);
  if (steps.empty()) return std::nullopt;
  nn::NamedState state =
      load_resume_state(resume_directory(path_, steps.back()));
  compare(identity, state);
  return state;
}

void RunDirectory::save(const SavePoint& point, const RunIdentity& identity,
                        const std::string& keep) const {
  nn::NamedState state = point.state;
  for (const auto& [field, value] : identity) {
    state.texts[texts_key(field)] = value;
  }
  save_resume_state(state, resume_directory(path_, point.step));
  if (keep == "all") return;
  const std::int64_t best =
      keep == "best" ? state.integers.at("best/step") : point.step;
  for (const auto& entry : fs::directory_iterator(path_ / "checkpoints")) {
    if (entry.path() != resume_directory(path_, point.step) &&
        entry.path() != resume_directory(path_, best)) {
      fs::remove_all(entry.path());
    }
  }
}

void RunDirectory::write_text(const std::string& name,
                              const std::string& text) const {
  write_file_atomically(path_ / name, text);
}

void RunDirectory::cut_metrics(std::int64_t step) const {
  std::ifstream in(metrics_path());
  std::string kept;
  std::string line;
  while (std::getline(in, line)) {
    const auto row = nlohmann::json::parse(line, nullptr, false);
    if (row.is_object() && row.value("step", std::int64_t{0}) <= step &&
        row.value("step", std::int64_t{0}) > 0) {
      kept += line + "\n";
    }
  }
  write_file_atomically(metrics_path(), kept);
}

void RunDirectory::append_metrics(const std::string& json_line) const {
  std::ofstream out(metrics_path(), std::ios::app);
  if (!(out << json_line << '\n' << std::flush)) {
    throw SystemError(
        ErrorText{.operation = "train",
                  .what = "cannot write " + metrics_path().string()});
  }
}

}  // namespace graft::cli
