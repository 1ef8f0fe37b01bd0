// Shuffles rows of tokens, splits them into micro batches and pads or joins
// them. Entry point: RowBatches.
#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "graft/base/error.h"
#include "graft/train/batch.h"
#include "train/row_packing_internal.h"
#include "train/shuffle_internal.h"

namespace graft {

std::int64_t count_labels(const at::Tensor& labels) {
  if (labels.size(1) < 2) return 0;
  return labels.narrow(1, 1, labels.size(1) - 1)
      .ne(kIgnoredLabel)
      .sum()
      .item<std::int64_t>();
}

std::int64_t rounded_length(std::int64_t tokens) {
  constexpr std::int64_t kShort = 512;
  const std::int64_t grain = tokens < kShort ? 16 : 64;
  return (tokens + grain - 1) / grain * grain;
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
  packed_ = options_.packing == Packing::kOn;
  if (options_.packing == Packing::kAuto) {
    const double padded = padded_utilisation().ratio();
    packed_ = padded < kPackBelow && padded < utilisation_of(true).ratio();
  }
}

std::int64_t RowBatches::length_of(std::int64_t row) const {
  return static_cast<std::int64_t>(
      rows_[static_cast<std::size_t>(row)].ids.size());
}

std::int64_t RowBatches::padded_length(std::int64_t tokens) const {
  return options_.round_lengths ? rounded_length(tokens) : tokens;
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

std::vector<RowBatches::Group> RowBatches::groups_of(
    const std::vector<std::int64_t>& order, std::int64_t step,
    bool packed) const {
  const std::int64_t begin = step * options_.batch_size;
  const std::int64_t end = std::min(begin + options_.batch_size, row_count());
  Group rows(order.begin() + begin, order.begin() + end);
  return packed ? split_packed(std::move(rows)) : split(std::move(rows));
}

std::vector<MicroBatch> RowBatches::step_batches(std::int64_t step) const {
  const std::int64_t per_epoch = steps_per_epoch();
  std::vector<MicroBatch> out;
  for (const Group& group :
       groups_of(epoch_order(step / per_epoch), step % per_epoch, packed_)) {
    out.push_back(packed_ ? join(group) : pad(group));
  }
  return out;
}

std::vector<std::vector<BatchShape>> RowBatches::epoch_shapes(
    std::int64_t epoch, bool packed) const {
  const std::vector<std::int64_t> order = epoch_order(epoch);
  std::vector<std::vector<BatchShape>> out;
  for (std::int64_t step = 0; step < steps_per_epoch(); ++step) {
    out.emplace_back();
    for (const Group& group : groups_of(order, step, packed)) {
      out.back().push_back(shape_of(group, packed));
    }
  }
  return out;
}

std::vector<RowBatches::Group> RowBatches::split(Group rows) const {
  const bool is_auto = !options_.micro_batch_size;
  if (is_auto) {
    std::ranges::stable_sort(
        rows, {}, [this](std::int64_t row) { return length_of(row); });
  }
  std::vector<Group> out;
  Group group;
  for (const std::int64_t row : rows) {
    const auto count = static_cast<std::int64_t>(group.size());
    const bool full = is_auto ? (count + 1) * padded_length(length_of(row)) >
                                    micro_batch_tokens_
                              : count == *options_.micro_batch_size;
    if (full && !group.empty()) out.push_back(std::exchange(group, {}));
    group.push_back(row);
  }
  out.push_back(std::move(group));
  return out;
}

std::vector<RowBatches::Group> RowBatches::split_packed(Group rows) const {
  const bool is_limited =
      !options_.micro_batch_size && micro_batch_tokens_ < kMicroBatchTokens;
  const auto packs = training::pack_rows(
      std::move(rows), [this](std::int64_t row) { return length_of(row); },
      is_limited ? std::min(options_.pack_length, micro_batch_tokens_)
                 : options_.pack_length);
  std::vector<Group> out;
  std::int64_t count = 0;   // packs in the last group
  std::int64_t tokens = 0;  // in the last group
  for (const Group& pack : packs) {
    const std::int64_t size = shape_of(pack, true).real;
    const bool full = options_.micro_batch_size
                          ? count == *options_.micro_batch_size
                          : tokens + size > micro_batch_tokens_;
    if (out.empty() || full) {
      out.emplace_back();
      count = tokens = 0;
    }
    out.back().insert(out.back().end(), pack.begin(), pack.end());
    ++count;
    tokens += size;
  }
  return out;
}

BatchShape RowBatches::shape_of(const Group& rows, bool packed) const {
  BatchShape out;
  out.rows = static_cast<std::int64_t>(rows.size());
  for (const std::int64_t row : rows) {
    out.longest_row = std::max(out.longest_row, length_of(row));
    out.real += length_of(row);
  }
  out.computed = packed ? rounded_length(out.real)
                        : out.rows * padded_length(out.longest_row);
  return out;
}

Utilisation RowBatches::utilisation_of(bool packed) const {
  Utilisation out;
  for (const std::vector<BatchShape>& step : epoch_shapes(0, packed)) {
    for (const BatchShape& shape : step) {
      out.real += shape.real;
      out.computed += shape.computed;
    }
  }
  return out;
}

MicroBatch RowBatches::pad(const Group& rows) const {
  const BatchShape shape = shape_of(rows, false);
  const std::int64_t longest = padded_length(shape.longest_row);
  MicroBatch out;
  out.input_ids = at::zeros({shape.rows, longest}, at::kLong);
  out.labels = at::full({shape.rows, longest}, kIgnoredLabel, at::kLong);
  at::Tensor mask = at::zeros({shape.rows, longest}, at::kLong);
  std::int64_t start = 0;
  for (const std::int64_t index : rows) {
    const DataRow& row = rows_[static_cast<std::size_t>(index)];
    std::ranges::copy(row.ids,
                      out.input_ids.mutable_data_ptr<std::int64_t>() + start);
    std::ranges::copy(row.labels(),
                      out.labels.mutable_data_ptr<std::int64_t>() + start);
    std::fill_n(mask.mutable_data_ptr<std::int64_t>() + start, row.ids.size(),
                1);
    out.rows.push_back(static_cast<std::int64_t>(row.raw_index));
    start += longest;
  }
  if (shape.real != shape.computed) out.attention_mask = mask;
  out.label_count = count_labels(out.labels);
  out.token_count = shape.real;
  return out;
}

MicroBatch RowBatches::join(const Group& rows) const {
  const BatchShape shape = shape_of(rows, true);
  MicroBatch out;
  out.input_ids = at::zeros({1, shape.computed}, at::kLong);
  out.labels = at::full({1, shape.computed}, kIgnoredLabel, at::kLong);
  auto* ids = out.input_ids.mutable_data_ptr<std::int64_t>();
  auto* labels = out.labels.mutable_data_ptr<std::int64_t>();
  for (const std::int64_t index : rows) {
    const DataRow& row = rows_[static_cast<std::size_t>(index)];
    std::ranges::copy(row.ids, ids);
    std::ranges::copy(row.labels(), labels);
    // The row before must not be taught to start this one.
    *labels = kIgnoredLabel;
    ids += row.ids.size();
    labels += row.ids.size();
    out.rows.push_back(static_cast<std::int64_t>(row.raw_index));
    out.segments.push_back(static_cast<std::int64_t>(row.ids.size()));
  }
  const std::int64_t padding = shape.computed - shape.real;
  if (padding > 0) out.segments.push_back(padding);
  if (out.segments.size() == 1) out.segments.clear();
  out.label_count = count_labels(out.labels);
  out.token_count = shape.real;
  return out;
}

}  // namespace graft
