// Rows are independent: they are divided among threads as they come.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdint>

#include "nn/stored_rows_internal.h"

namespace graft::nn {
namespace {

// Rows worth a thread.
std::int64_t grain(std::int64_t columns) {
  constexpr std::int64_t kElements = 32768;
  return std::max<std::int64_t>(kElements / std::max<std::int64_t>(columns, 1),
                                1);
}

}  // namespace

void decode_rows(const StoredTensor& stored, RowSet rows, float* target) {
  const std::int64_t columns = stored.columns();
  at::parallel_for(
      rows.begin, rows.end, grain(columns),
      [&](std::int64_t begin, std::int64_t end) {
        stored.decode({begin, end}, target + (begin - rows.begin) * columns);
      });
}

at::Tensor decode_some_rows(const StoredTensor& stored,
                            const at::Tensor& indices) {
  const at::Tensor wanted = indices.contiguous();
  const std::int64_t columns = stored.columns();
  at::Tensor out = at::empty({wanted.numel(), columns}, at::kFloat);
  const auto* index = wanted.const_data_ptr<std::int64_t>();
  auto* target = out.mutable_data_ptr<float>();
  at::parallel_for(
      0, wanted.numel(), grain(columns),
      [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          stored.decode({index[i], index[i] + 1}, target + i * columns);
        }
      });
  return out;
}

}  // namespace graft::nn
