// Everything a training run needs before its first step. Entry points:
// make_train_setup, make_train_options, make_identity.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graft/checkpoint/base_model.h"
#include "graft/match/plan.h"
#include "graft/recipe/recipe.h"
#include "graft/train/train.h"
#include "run_directory.h"
#include "token_data.h"

namespace graft::cli {

struct TrainSetup {
  Recipe recipe;  // paths absolute
  BaseModel base;
  Plan plan;  // empty with method: full
  DataCounts train_counts;
  DataCounts eval_counts;
  std::unique_ptr<RowBatches> train_data;
  std::unique_ptr<RowBatches> eval_data;  // null: none
  std::int64_t steps = 0;
  int threads = 1;  // already set
};

// Loads model and data and selects the sites; attaches nothing. Warnings go to
// the log.
TrainSetup make_train_setup(Recipe recipe);

// Attaches the plan's adapters, or makes the base trainable.
void attach_trained_parts(TrainSetup& setup);

TrainOptions make_train_options(const TrainSetup& setup);

// What a resumed run must share with the one that was saved.
RunIdentity make_identity(const TrainSetup& setup);

// The words of compute.* that loading reads.
ComputeOptions make_compute_options(const ComputeText& compute);

// Sets LibTorch's threads; returns their number.
int set_threads(const ComputeText& compute);

}  // namespace graft::cli
