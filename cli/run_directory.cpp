// Keeps a training run on disk. Entry point: RunDirectory.
#include "run_directory.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "graft/base/error.h"
#include "graft/checkpoint/resume_state.h"
#include "graft/io/atomic_output.h"

namespace graft::cli {
namespace {

namespace fs = std::filesystem;

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

// What a run leaves that was killed before its recipe.yaml, the last file of
// its start, was there: nothing of it is anybody's work.
bool is_begun(const fs::path& path) {
  if (!fs::is_directory(path / "checkpoints")) return false;
  return std::ranges::all_of(
      fs::directory_iterator(path), [](const fs::directory_entry& entry) {
        const std::string name = entry.path().filename().string();
        const bool temporary =
            name.starts_with(".") && name.find(".graft-tmp-") != name.npos;
        return temporary || name == "environment.json" ||
               (name == "checkpoints" && fs::is_empty(entry.path())) ||
               (name == "metrics.jsonl" && fs::is_empty(entry.path()));
      });
}

// Only what a run wrote is ever removed, in an order that leaves a run, or one
// that has begun, whenever the process dies.
void clear_run(const fs::path& path) {
  for (const char* name : {"adapter", "model", "metrics.jsonl"}) {
    fs::remove_all(path / name);
  }
  if (fs::exists(path / "checkpoints")) {
    for (const auto& entry : fs::directory_iterator(path / "checkpoints")) {
      fs::remove_all(entry.path());
    }
  }
  for (const char* name : {"recipe.yaml", "environment.json"}) {
    fs::remove(path / name);
  }
}

// `place` or, in a folder of links, something that lies in it.
bool lies_inside(const fs::path& place, const fs::path& folder) {
  const fs::path outer = fs::weakly_canonical(folder);
  const auto inside = [&outer](const fs::path& path) {
    const fs::path inner = fs::weakly_canonical(path);
    return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end())
               .first == outer.end();
  };
  std::error_code error;
  if (inside(place)) return true;
  if (!fs::is_directory(place, error)) return false;
  return std::ranges::any_of(
      fs::directory_iterator(place),
      [&](const fs::directory_entry& entry) { return inside(entry.path()); });
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

void check_overwrite(const fs::path& output,
                     const std::vector<fs::path>& inputs) {
  std::error_code error;
  if (!fs::exists(output, error)) return;
  for (const fs::path& input : inputs) {
    if (input.empty() || !fs::exists(input, error)) continue;
    if (!lies_inside(input, output)) continue;
    refuse(output,
           "would be overwritten, but holds " + input.string() +
               ", which the run reads",
           "Choose another output, or move the input");
  }
}

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
  lock_.emplace(path_, "train");
  if (!fs::is_empty(path_) && !is_begun(path_)) check_content(mode);
  if (mode == OutputMode::kOverwrite) clear_run(path_);
  fs::create_directories(path_ / "checkpoints");
}

void RunDirectory::check_content(OutputMode mode) const {
  if (mode == OutputMode::kNew) {
    refuse(path_, "is not empty",
           "Choose another output, or give --resume or --overwrite");
  }
  if (is_run(path_)) return;
  if (mode == OutputMode::kOverwrite) {
    refuse(path_, "is not empty and holds no run of graft",
           "Choose another output");
  }
  refuse(path_, "holds no run of graft", "There is nothing to resume");
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
