// Decodes, adds the delta, encodes once. Entry points: add_delta, BlockMerger.
// DoRA's row scaling belongs in merge_group, where a row is whole.
#include "merge/delta_internal.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>

#include "graft/base/half.h"
#include "merge/row_kernel_internal.h"

namespace graft {
namespace {

// Rows that are decoded at a time: a few hundred kilobytes, which stay in the
// cache.
constexpr std::int64_t kGroupRows = 8;

template <typename T>
void decode(DType dtype, const std::byte* source, std::size_t count,
            T* target) {
  if constexpr (std::is_same_v<T, float>) {
    to_f32(dtype, source, count, target);
  } else if (dtype == DType::kF64) {
    if (count != 0) std::memcpy(target, source, count * sizeof(double));
  } else {
    std::vector<float> values(count);
    to_f32(dtype, source, count, values.data());
    std::copy(values.begin(), values.end(), target);
  }
}

template <typename T>
void encode(DType dtype, const T* source, std::size_t count,
            std::byte* target) {
  if constexpr (std::is_same_v<T, float>) {
    from_f32(dtype, source, count, target);
  } else {
    if (count != 0) std::memcpy(target, source, count * sizeof(double));
  }
}

template <typename T>
std::vector<T> decode_all(const HostTensor& tensor) {
  std::vector<T> out(static_cast<std::size_t>(tensor.element_count()));
  decode(tensor.dtype, tensor.bytes.data(), out.size(), out.data());
  return out;
}

template <typename T>
LoraOperands<T> decode_part(const LoraPart& part) {
  HostTensor b = part.b;
  const std::size_t row_bytes =
      static_cast<std::size_t>(b.shape[1]) * dtype_size(b.dtype);
  b.bytes =
      b.bytes.subspan(static_cast<std::size_t>(part.b_row_begin) * row_bytes,
                      static_cast<std::size_t>(part.rows.size()) * row_bytes);
  return {.rows = part.rows,
          .rank = part.a.shape[0],
          .in = part.a.shape[1],
          .scale = static_cast<T>(part.scale),
          .a = decode_all<T>(part.a),
          .b = decode_all<T>(b)};
}

template <typename T>
struct Scratch {
  explicit Scratch(std::size_t count) : base(count), delta(count) {}
  std::vector<T> base;
  std::vector<T> delta;
  std::vector<std::byte> before;  // encoded, without the adapter
};

// One tensor and what is added to it.
template <typename T>
struct MergeInput {
  const HostTensor& base;
  const StoredTensor& stored;
  std::span<const LoraOperands<T>> parts;
  std::int64_t in;  // elements of a row
};

// Rows of the base, and in `target` what they are without the adapter.
template <typename T>
void read_rows(const MergeInput<T>& input, RowSet rows, T* values,
               std::byte* target) {
  const auto count = static_cast<std::size_t>(rows.size() * input.in);
  const DType dtype = input.base.dtype;
  if (input.stored.format == nullptr) {
    const std::size_t size = dtype_size(dtype);
    const std::byte* source =
        input.base.bytes.data() +
        static_cast<std::size_t>(rows.begin * input.in) * size;
    decode(dtype, source, count, values);
    std::memcpy(target, source, count * size);
    return;
  }
  if constexpr (std::is_same_v<T, float>) {
    input.stored.decode(rows, values);
    encode(dtype, values, count, target);
  }
}

template <typename T>
BlockStatistics merge_group(const MergeInput<T>& input, RowSet rows,
                            Scratch<T>& scratch, std::byte* target) {
  const auto count = static_cast<std::size_t>(rows.size() * input.in);
  const auto signed_count = static_cast<std::int64_t>(count);
  const DType dtype = input.base.dtype;
  const std::size_t size = dtype_size(dtype);
  read_rows(input, rows, scratch.base.data(), target);
  BlockStatistics out;
  if (!input.parts.empty()) {
    scratch.before.assign(target, target + count * size);
    std::fill_n(scratch.delta.begin(), count, T{0});
    for (const LoraOperands<T>& part : input.parts) {
      add_delta(part, rows, scratch.delta.data());
    }
    const auto squares = row_kernel<T>().add_delta(
        scratch.delta.data(), signed_count, scratch.base.data());
    encode(dtype, scratch.base.data(), count, target);
    out = {.base_squares = squares.base,
           .delta_squares = squares.delta,
           .finite = squares.finite,
           .changed =
               std::memcmp(scratch.before.data(), target, count * size) != 0};
  }
  if (size < sizeof(T)) {
    decode(dtype, target, count, scratch.delta.data());
    const Rounding rounding = row_kernel<T>().compare(
        scratch.delta.data(), scratch.base.data(), signed_count);
    out.max_rounding = rounding.largest;
    out.finite = out.finite && rounding.finite;
  }
  return out;
}

template <typename T>
BlockStatistics merge_block(const MergeInput<T>& input, RowSet rows,
                            std::span<std::byte> target) {
  const auto in = static_cast<std::size_t>(input.in);
  Scratch<T> scratch(
      static_cast<std::size_t>(std::min(kGroupRows, rows.size())) * in);
  BlockStatistics out;
  std::byte* place = target.data();
  for (std::int64_t row = rows.begin; row < rows.end; row += kGroupRows) {
    const RowSet group{row, std::min(row + kGroupRows, rows.end)};
    out.add(merge_group(input, group, scratch, place));
    place += static_cast<std::size_t>(group.size()) * in *
             dtype_size(input.base.dtype);
  }
  return out;
}

}  // namespace

template <typename T>
void add_delta(const LoraOperands<T>& operands, RowSet rows, T* target) {
  const RowSet both{std::max(rows.begin, operands.rows.begin),
                    std::min(rows.end, operands.rows.end)};
  if (both.size() <= 0) return;
  row_kernel<T>().add_product(
      {.a = operands.a.data(),
       .b = operands.b.data() +
            (both.begin - operands.rows.begin) * operands.rank,
       .target = target + (both.begin - rows.begin) * operands.in,
       .count = both.size(),
       .rank = operands.rank,
       .in = operands.in,
       .scale = operands.scale});
}

template void add_delta(const LoraOperands<float>&, RowSet, float*);
template void add_delta(const LoraOperands<double>&, RowSet, double*);

std::int64_t row_width(const HostTensor& tensor) {
  return tensor.shape.empty() ? 1 : tensor.shape.back();
}

std::int64_t row_count(const HostTensor& tensor) {
  const std::int64_t width = row_width(tensor);
  return width == 0 ? 0 : tensor.element_count() / width;
}

void BlockStatistics::add(const BlockStatistics& other) {
  base_squares += other.base_squares;
  delta_squares += other.delta_squares;
  max_rounding = std::max(max_rounding, other.max_rounding);
  finite = finite && other.finite;
  changed = changed || other.changed;
}

BlockMerger::BlockMerger(HostTensor base, StoredTensor stored,
                         std::span<const LoraPart> parts)
    : base_(std::move(base)), stored_(std::move(stored)) {
  const auto decode_parts = [&]<typename T>(Parts<T> out) {
    for (const LoraPart& part : parts) {
      out.push_back(decode_part<T>(part));
    }
    parts_ = std::move(out);
  };
  if (base_.dtype == DType::kF64) {
    decode_parts(Parts<double>());
  } else {
    decode_parts(Parts<float>());
  }
}

BlockStatistics BlockMerger::merge(RowSet rows,
                                   std::span<std::byte> target) const {
  return std::visit(
      [&]<typename T>(const Parts<T>& parts) {
        const std::int64_t in =
            stored_.format ? stored_.columns() : row_width(base_);
        return merge_block<T>({base_, stored_, parts, in}, rows, target);
      },
      parts_);
}

}  // namespace graft
