// LibTorch's products copy both operands into the layout that they like, which
// takes as long as the product when one side is 16 wide. Here the large operand
// is read where it is; only the small one is copied when it must be.
#include "graft/nn/thin_product.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdint>

#include "nn/row_tensor_internal.h"
#include "nn/tile_product_internal.h"

namespace graft::nn {
namespace {

std::int64_t round_up(std::int64_t n, std::int64_t step) {
  return (n + step - 1) / step * step;
}

bool is_served(const at::Tensor& x) {
  return x.is_cpu() && x.scalar_type() == at::kFloat && x.numel() > 0;
}

// Rows of contiguous elements, whole vectors of them.
bool is_in_vectors(const at::Tensor& x) {
  return x.stride(1) == 1 && x.size(1) % kVector == 0;
}

// A copy whose rows are whole vectors, zeros behind the columns.
at::Tensor padded(const at::Tensor& x) {
  const std::int64_t width = round_up(x.size(1), kVector);
  at::Tensor out = width == x.size(1)
                       ? at::empty({x.size(0), width}, x.options())
                       : at::zeros({x.size(0), width}, x.options());
  out.narrow(1, 0, x.size(1)).copy_(x);
  return out;
}

// The parts of one thread: rows [row, row + rows) of the panel of columns that
// begins at `column`.
TileProduct tile_of(const at::Tensor& a, const at::Tensor& b,
                    const at::Tensor& c, std::int64_t row,
                    std::int64_t column) {
  TileProduct out{};
  out.a = row_data<float>(a) + row * a.stride(0);
  out.a_row = a.stride(0);
  out.a_step = a.stride(1);
  out.b = row_data<float>(b) + column;
  out.b_row = b.stride(0);
  out.c = mutable_row_data<float>(c) + row * c.stride(0) + column;
  out.c_row = c.stride(0);
  out.columns = std::min(kPanel, c.size(1) - column);
  return out;
}

// Many rows: each thread takes some of them. b is small.
void by_rows(const at::Tensor& a, const at::Tensor& b, const at::Tensor& c,
             bool accumulate) {
  at::parallel_for(0, c.size(0), 4 * kTileRows,
                   [&](std::int64_t begin, std::int64_t end) {
                     for (std::int64_t n = 0; n < c.size(1); n += kPanel) {
                       TileProduct part = tile_of(a, b, c, begin, n);
                       part.rows = end - begin;
                       part.depth = b.size(0);
                       part.accumulate = accumulate;
                       tile_product(part);
                     }
                   });
}

// Few rows, a long sum: each thread takes some panels of columns, a few rows of
// b at a time, which stay in its cache while all rows of a pass over them.
void by_columns(const at::Tensor& a, const at::Tensor& b, const at::Tensor& c,
                bool accumulate) {
  constexpr std::int64_t kDepth = 96;
  const std::int64_t panels = (c.size(1) + kPanel - 1) / kPanel;
  at::parallel_for(0, panels, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t panel = begin; panel < end; ++panel) {
      const TileProduct whole = tile_of(a, b, c, 0, panel * kPanel);
      for (std::int64_t k = 0; k < b.size(0); k += kDepth) {
        TileProduct part = whole;
        part.a += k * whole.a_step;
        part.b += k * whole.b_row;
        part.rows = c.size(0);
        part.depth = std::min(kDepth, b.size(0) - k);
        part.accumulate = accumulate || k > 0;
        tile_product(part);
      }
    }
  });
}

void multiply(const at::Tensor& a, const at::Tensor& b, const at::Tensor& c,
              bool accumulate) {
  const bool is_tall =
      c.size(0) >= 4 * kTileRows * at::get_num_threads() && b.size(0) <= 4096;
  if (is_tall) {
    by_rows(a, b, c, accumulate);
  } else {
    by_columns(a, b, c, accumulate);
  }
}

}  // namespace

void thin_product(const ThinProduct& product, const at::Tensor& c) {
  const at::NoGradGuard no_grad;
  const at::Tensor& a = product.a;
  if (!has_wide_registers() || !is_served(a) || !is_served(product.b) ||
      !is_served(c)) {
    at::Tensor target = c;
    target.addmm_(a, product.b, product.accumulate ? 1 : 0, product.scale);
    return;
  }
  at::Tensor b = product.b;
  if (product.scale != 1.0 || !is_in_vectors(b)) {
    b = padded(b);
    if (product.scale != 1.0) b.mul_(product.scale);
  }
  if (is_in_vectors(c)) {
    multiply(a, b, c, product.accumulate);
    return;
  }
  const at::Tensor wide = padded(c);
  multiply(a, b, wide, product.accumulate);
  at::Tensor target = c;
  target.copy_(wide.narrow(1, 0, c.size(1)));
}

}  // namespace graft::nn
