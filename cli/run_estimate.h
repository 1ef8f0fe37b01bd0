// What a training run will take: memory by counting, time by measuring a short
// piece of it. Entry points: plan_memory, memory_text, measure_time, time_text.
// Design: docs/design/09-memory.md.
#pragma once

#include <cstdint>
#include <string>

#include "graft/models/gpt_memory.h"
#include "train_setup.h"

namespace graft::cli {

// Bytes of resident memory, as peak_rss_mb of metrics.jsonl counts them.
struct RunMemory {
  std::int64_t present = 0;  // program, tokenizer, data, weights read so far
  std::int64_t weights = 0;  // mapped weights that the run will read
  std::int64_t trained = 0;  // trained values, their gradients and moments
  std::int64_t activations = 0;  // of the largest micro batch, to backward
  std::int64_t work = 0;         // the loss or one block's backward, buffers
  std::int64_t tokens = 0;       // computed at once, at most
  bool recompute = false;

  std::int64_t peak() const { return present + added(); }
  std::int64_t added() const { return weights + trained + activations + work; }
};

// Counts, decides compute.checkpoint_activations: auto, and sets it on the
// model. Call before attach_trained_parts. Throws SystemError with settings
// that would fit when the memory that is there does not suffice.
RunMemory plan_memory(TrainSetup& setup);
// A line for each: memory, and what recomputes.
std::string memory_text(const RunMemory& memory);

struct RunTime {
  double seconds = 0.0;       // of the run
  double measured = 0.0;      // seconds that the measurement took
  std::int64_t computed = 0;  // tokens of all steps, padding included
  double tokens_per_s = 0.0;  // of training
  std::int64_t evaluations = 0;
};

// Trains on a piece of the run's data for a few seconds and throws the result
// away: the trained parts are attached here and are of no use afterwards.
RunTime measure_time(TrainSetup& setup);
std::string time_text(const RunTime& time);

}  // namespace graft::cli
