// Shuffles, splits and pads rows of tokens. Entry point: RowBatches.
#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "graft/base/error.h"
#include "graft/train/batch.h"
#include "train/shuffle_internal.h"

namespace graft {
namespace {

std::int64_t length_of(const DataRow& row) {
  return static_cast<std::int64_t>(row.ids.size());
}

}  // namespace

std::int64_t count_labels(const at::Tensor& labels) {
  if (labels.size(1) < 2) return 0;
  return labels.narrow(1, 1, labels.size(1) - 1)
      .ne(kIgnoredLabel)
      .sum()
      .item<std::int64_t>();
}

RowBatches::RowBatches(std::vector<DataRow> rows, const BatchOptions& options)
    : rows_(std::move(rows)), options_(options) {
  if (rows_.empty()) {
    throw ConfigError(ErrorText{.operation = "train",
                                .what = "the data hold no rows to learn from"});
  }
  for (const DataRow& row : rows_) {
    if (row.ids.empty()) {
      throw ConfigError(ErrorText{.operation = "train",
                                  .what = "a row of the data holds no token"});
    }
  }
}

std::int64_t RowBatches::steps_per_epoch() const {
  return (row_count() + options_.batch_size - 1) / options_.batch_size;
}

std::vector<std::int64_t> RowBatches::epoch_order(std::int64_t epoch) const {
  std::vector<std::int64_t> order(rows_.size());
  std::iota(order.begin(), order.end(), 0);
  if (options_.shuffle) {
    training::shuffle(order, options_.seed, static_cast<std::uint64_t>(epoch));
  }
  return order;
}

std::vector<MicroBatch> RowBatches::step_batches(std::int64_t step) const {
  const std::int64_t per_epoch = steps_per_epoch();
  const std::vector<std::int64_t> order = epoch_order(step / per_epoch);
  const std::int64_t begin = step % per_epoch * options_.batch_size;
  const std::int64_t end = std::min(begin + options_.batch_size, row_count());
  return split({order.begin() + begin, order.begin() + end});
}

std::vector<MicroBatch> RowBatches::split(
    std::vector<std::int64_t> rows) const {
  const bool is_auto = !options_.micro_batch_size;
  if (is_auto) {
    std::ranges::stable_sort(rows, {}, [this](std::int64_t row) {
      return rows_[static_cast<std::size_t>(row)].ids.size();
    });
  }
  std::vector<MicroBatch> out;
  std::vector<std::int64_t> group;
  for (const std::int64_t row : rows) {
    const auto count = static_cast<std::int64_t>(group.size());
    const std::int64_t length = length_of(rows_[static_cast<std::size_t>(row)]);
    const bool full = is_auto ? (count + 1) * length > kMicroBatchTokens
                              : count == *options_.micro_batch_size;
    if (full && !group.empty()) out.push_back(pad(std::exchange(group, {})));
    group.push_back(row);
  }
  out.push_back(pad(group));
  return out;
}

MicroBatch RowBatches::pad(const std::vector<std::int64_t>& rows) const {
  std::int64_t longest = 0;
  std::int64_t tokens = 0;
  for (const std::int64_t row : rows) {
    const std::int64_t length = length_of(rows_[static_cast<std::size_t>(row)]);
    longest = std::max(longest, length);
    tokens += length;
  }
  const auto count = static_cast<std::int64_t>(rows.size());
  MicroBatch out;
  out.input_ids = at::zeros({count, longest}, at::kLong);
  out.labels = at::full({count, longest}, kIgnoredLabel, at::kLong);
  at::Tensor mask = at::zeros({count, longest}, at::kLong);
  for (std::int64_t i = 0; i < count; ++i) {
    const DataRow& row = rows_[static_cast<std::size_t>(rows[i])];
    const std::int64_t start = i * longest;
    std::ranges::copy(row.ids,
                      out.input_ids.mutable_data_ptr<std::int64_t>() + start);
    std::ranges::copy(row.labels(),
                      out.labels.mutable_data_ptr<std::int64_t>() + start);
    out.rows.push_back(static_cast<std::int64_t>(row.raw_index));
    std::fill_n(mask.mutable_data_ptr<std::int64_t>() + start, row.ids.size(),
                1);
  }
  if (tokens != count * longest) out.attention_mask = mask;
  out.label_count = count_labels(out.labels);
  out.token_count = tokens;
  return out;
}

}  // namespace graft
