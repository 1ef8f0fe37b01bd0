// What one optimizer step computes on. Entry points: BatchSource (abstract),
// RowBatches (rows of tokens, shuffled, padded or packed).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "graft/text/tokenized_rows.h"

namespace graft {

// Rows padded on the right to the longest of them, or rows that lie end to end
// in one (B = 1, see segments). labels[t] is the id to be predicted at t - 1,
// or -100.
struct MicroBatch {
  at::Tensor input_ids;            // (B, T) int64
  at::Tensor labels;               // (B, T) int64
  at::Tensor attention_mask;       // (B, T) int64; undefined: no padding
  std::int64_t label_count = 0;    // labels in use after the shift by one
  std::int64_t token_count = 0;    // real tokens
  std::vector<std::int64_t> rows;  // DataRow::raw_index, for messages
  // nn::LmInput::segments; empty: every row is one sequence.
  std::vector<std::int64_t> segments;
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

// What a micro batch costs, known without its tensors.
struct BatchShape {
  std::int64_t rows = 0;         // of the data
  std::int64_t computed = 0;     // tokens, padding included
  std::int64_t real = 0;         // tokens of the data
  std::int64_t longest_row = 0;  // tokens
};

// Of tokens that are computed on, how many are real.
struct Utilisation {
  std::int64_t real = 0;
  std::int64_t computed = 0;
  double ratio() const {
    return computed > 0
               ? static_cast<double>(real) / static_cast<double>(computed)
               : 1.0;
  }
};

// kAuto: packed when padding would be more than a tenth of what is computed.
enum class Packing { kAuto, kOn, kOff };
inline constexpr double kPackBelow = 0.9;

struct BatchOptions {
  std::int64_t batch_size = 16;  // rows of the data a step, packed or not
  // Rows, or packs, that are computed at once. nullopt: as many, of similar
  // length, as fit kMicroBatchTokens.
  std::optional<std::int64_t> micro_batch_size;
  bool shuffle = true;
  std::uint64_t seed = 42;
  Packing packing = Packing::kOff;
  std::int64_t pack_length = 2048;  // tokens of a pack, at most
  // Pads rows to rounded_length too. For half types, whose kernels are compiled
  // for each shape and stay in memory.
  bool round_lengths = false;
};
inline constexpr std::int64_t kMicroBatchTokens = 4096;

// The next multiple of 64 tokens, or of 16 below 512. Packed micro batches end
// in a segment of padding up to it, so that few lengths occur: kernels that are
// made for a shape, and buffers of a size, are used again.
std::int64_t rounded_length(std::int64_t tokens);

// Every row once an epoch, in an order drawn from (seed, epoch); the last step
// of an epoch may be smaller. Packing changes no step: the rows of a step are
// the same, only how they lie in its micro batches differs.
class RowBatches : public BatchSource {
 public:
  // Throws ConfigError when there are no rows.
  RowBatches(std::vector<DataRow> rows, const BatchOptions& options);

  std::vector<MicroBatch> step_batches(std::int64_t step) const override;
  std::int64_t steps_per_epoch() const override;
  std::int64_t row_count() const {
    return static_cast<std::int64_t>(rows_.size());
  }

  // Tokens of an automatic micro batch, and of a pack in it; a longer row is
  // one of its own. It decides how the rows of a step lie, and no step. Not
  // while batches are taken.
  void limit_micro_batch(std::int64_t tokens) { micro_batch_tokens_ = tokens; }

  bool is_packed() const { return packed_; }
  // Shapes of the micro batches of each step of an epoch.
  std::vector<std::vector<BatchShape>> epoch_shapes(std::int64_t epoch) const {
    return epoch_shapes(epoch, packed_);
  }
  // Of the first epoch, as it is and as it would be padded.
  Utilisation utilisation() const { return utilisation_of(packed_); }
  Utilisation padded_utilisation() const { return utilisation_of(false); }

 private:
  using Group = std::vector<std::int64_t>;  // rows of one micro batch

  std::vector<std::int64_t> epoch_order(std::int64_t epoch) const;
  // Of the step with this number in the epoch whose order is given.
  std::vector<Group> groups_of(const std::vector<std::int64_t>& order,
                               std::int64_t step, bool packed) const;
  std::vector<Group> split(Group rows) const;
  std::vector<Group> split_packed(Group rows) const;
  std::vector<std::vector<BatchShape>> epoch_shapes(std::int64_t epoch,
                                                    bool packed) const;
  BatchShape shape_of(const Group& rows, bool packed) const;
  Utilisation utilisation_of(bool packed) const;
  MicroBatch pad(const Group& rows) const;
  MicroBatch join(const Group& rows) const;
  std::int64_t length_of(std::int64_t row) const;
  // Of a row that is padded to `tokens` in a batch.
  std::int64_t padded_length(std::int64_t tokens) const;

  std::vector<DataRow> rows_;
  BatchOptions options_;
  bool packed_ = false;
  std::int64_t micro_batch_tokens_ = kMicroBatchTokens;
};

}  // namespace graft
