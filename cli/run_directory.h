// The folder of a training run: recipe.yaml, environment.json, metrics.jsonl,
// checkpoints/step-N/, adapter/. Entry points: RunDirectory,
// check_overwrite.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "graft/io/folder_lock.h"
#include "graft/nn/named_state.h"
#include "graft/train/train.h"

namespace graft::cli {

enum class OutputMode { kNew, kResume, kOverwrite };

// What must be the same when a run goes on: field -> value.
using RunIdentity = std::map<std::string, std::string>;

// For --overwrite, before anything is touched: throws ConfigError when one of
// `inputs` lies in `output`.
void check_overwrite(const std::filesystem::path& output,
                     const std::vector<std::filesystem::path>& inputs);

class RunDirectory {
 public:
  // Throws ConfigError when the folder holds something and `mode` is kNew, or
  // something that is no run and would be lost, or when another process trains
  // into it.
  RunDirectory(std::filesystem::path path, OutputMode mode);

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path metrics_path() const { return path_ / "metrics.jsonl"; }

  // The newest saved state; nullopt when there is none. Throws ConfigError that
  // names every field of `identity` that differs.
  std::optional<nn::NamedState> newest_state(const RunIdentity& identity) const;

  // Writes the state and removes those that `keep` does not want.
  void save(const SavePoint& point, const RunIdentity& identity,
            const std::string& keep) const;

  void write_text(const std::string& name, const std::string& text) const;
  // Drops rows of metrics.jsonl after `step`: a resumed run writes them again.
  void cut_metrics(std::int64_t step) const;
  void append_metrics(const std::string& json_line) const;

 private:
  void check_content(OutputMode mode) const;

  std::filesystem::path path_;
  std::optional<FolderLock> lock_;
};

}  // namespace graft::cli
