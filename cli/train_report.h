// What `graft train` writes and prints about a run. Entry points:
// setup_text, setup_json, environment_json, TrainReport, finished_text.
#pragma once

#include <filesystem>
#include <string>

#include "graft/train/train.h"
#include "progress_line.h"
#include "run_directory.h"
#include "run_estimate.h"
#include "train_setup.h"

namespace graft::cli {

// Model, sites, data, compute choice, steps: a few lines.
std::string setup_text(const TrainSetup& setup);

// The same, the plan and the estimates as one JSON object, for --dry-run
// --json.
std::string setup_json(const TrainSetup& setup, const RunMemory& memory,
                       const RunTime& time);

// environment.json.
std::string environment_json(const TrainSetup& setup);

// Rows of metrics.jsonl and the progress line.
class TrainReport {
 public:
  TrainReport(const RunDirectory& directory, std::int64_t steps,
              std::int64_t done)
      : directory_(directory), steps_(steps), progress_(steps, done) {}

  void add_step(const StepMetrics& metrics);
  void add_eval(const EvalMetrics& metrics);

 private:
  const RunDirectory& directory_;
  std::int64_t steps_;
  ProgressLine progress_;
};

struct FinishedRun {
  TrainResult result;
  std::filesystem::path output;  // adapter/ or model/
  double seconds = 0.0;
};
std::string finished_text(const TrainSetup& setup, const FinishedRun& run);
std::string finished_json(const FinishedRun& run);

}  // namespace graft::cli
