// What one optimizer step computes on. Entry points: BatchSource (abstract),
// RowBatches (rows of tokens, padded and shuffled).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "graft/text/tokenized_rows.h"

namespace graft {

// Rows padded on the right to the longest of them. labels[t] is the id to be
// predicted at t - 1, or -100.
struct MicroBatch {
  at::Tensor input_ids;            // (B, T) int64
  at::Tensor labels;               // (B, T) int64
  at::Tensor attention_mask;       // (B, T) int64; undefined: no padding
  std::int64_t label_count = 0;    // labels in use after the shift by one
  std::int64_t token_count = 0;    // real tokens
  std::vector<std::int64_t> rows;  // DataRow::raw_index, for messages
};

// Micro batches of each step as a pure function of the step: a resumed run
// needs no more than the step's number.
class BatchSource {
 public:
  virtual ~BatchSource() = default;
  virtual std::vector<MicroBatch> step_batches(std::int64_t step) const = 0;
  // Steps of one pass over the data.
  virtual std::int64_t steps_per_epoch() const = 0;
};

// Labels in use after the shift, of a (B, T) tensor.
std::int64_t count_labels(const at::Tensor& labels);

struct BatchOptions {
  std::int64_t batch_size = 16;
  // nullopt: as many rows, of similar length, as fit kMicroBatchTokens.
  std::optional<std::int64_t> micro_batch_size;
  bool shuffle = true;
  std::uint64_t seed = 42;
};
inline constexpr std::int64_t kMicroBatchTokens = 4096;

// Every row once an epoch, in an order drawn from (seed, epoch); the last step
// of an epoch may be smaller.
class RowBatches : public BatchSource {
 public:
  // Throws ConfigError when there are no rows.
  RowBatches(std::vector<DataRow> rows, const BatchOptions& options);

  std::vector<MicroBatch> step_batches(std::int64_t step) const override;
  std::int64_t steps_per_epoch() const override;
  std::int64_t row_count() const {
    return static_cast<std::int64_t>(rows_.size());
  }

 private:
  std::vector<std::int64_t> epoch_order(std::int64_t epoch) const;
  std::vector<MicroBatch> split(std::vector<std::int64_t> rows) const;
  MicroBatch pad(const std::vector<std::int64_t>& rows) const;

  std::vector<DataRow> rows_;
  BatchOptions options_;
};

}  // namespace graft
