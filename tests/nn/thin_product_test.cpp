// Thin products against LibTorch's in fp64.
#include "graft/nn/thin_product.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cstdint>

namespace graft::nn {
namespace {

// Operands as slices of wider matrices, `turned` ones as transposed views.
at::Tensor operand(std::int64_t rows, std::int64_t columns, bool turned) {
  const at::Tensor all = turned ? at::randn({columns, rows + 5}).t()
                                : at::randn({rows + 5, columns});
  return all.narrow(0, 3, rows);
}

struct Case {
  const char* name;
  std::int64_t m;
  std::int64_t k;
  std::int64_t n;
  bool turned_a;
  bool turned_b;
};

constexpr Case kCases[] = {{"down", 513, 576, 48, false, true},
                           {"up", 512, 16, 192, false, true},
                           {"odd_rank", 130, 64, 7, false, true},
                           {"rank_one", 97, 33, 1, false, false},
                           {"db", 16, 511, 1536, true, false},
                           {"da", 48, 512, 100, true, false},
                           {"one_row", 1, 48, 64, false, false},
                           {"one_product", 3, 1, 3, true, true},
                           {"deep", 300, 5000, 24, false, false}};

TEST(ThinProduct, is_the_product) {
  at::manual_seed(0);
  for (const Case& row : kCases) {
    for (const bool accumulate : {false, true}) {
      SCOPED_TRACE(std::string(row.name) + (accumulate ? " accumulated" : ""));
      const at::Tensor a = operand(row.m, row.k, row.turned_a);
      const at::Tensor b = operand(row.k, row.n, row.turned_b);
      const at::Tensor all = at::randn({row.m, row.n + 9});
      const at::Tensor before = all.clone();
      at::Tensor want = before.to(at::kDouble);
      want.narrow(1, 4, row.n)
          .addmm_(a.to(at::kDouble), b.to(at::kDouble), accumulate ? 1 : 0,
                  0.75);
      thin_product({a, b, 0.75, accumulate}, all.narrow(1, 4, row.n));
      const double error =
          (all.to(at::kDouble) - want).abs().max().item<double>();
      EXPECT_LT(error / want.abs().max().item<double>(), 1e-5);
      // Columns around the target are left alone.
      EXPECT_TRUE(at::equal(all.narrow(1, 0, 4), before.narrow(1, 0, 4)));
      EXPECT_TRUE(at::equal(all.narrow(1, row.n + 4, 5),
                            before.narrow(1, row.n + 4, 5)));
    }
  }
}

TEST(ThinProduct, does_not_depend_on_threads) {
  at::manual_seed(0);
  const int threads = at::get_num_threads();
  for (const Case& row : kCases) {
    const at::Tensor a = operand(row.m, row.k, row.turned_a);
    const at::Tensor b = operand(row.k, row.n, row.turned_b);
    const at::Tensor first = at::empty({row.m, row.n});
    const at::Tensor second = at::empty({row.m, row.n});
    at::set_num_threads(1);
    thin_product({a, b}, first);
    at::set_num_threads(3);
    thin_product({a, b}, second);
    at::set_num_threads(threads);
    EXPECT_TRUE(at::equal(first, second)) << row.name;
  }
}

TEST(ThinProduct, takes_other_types_and_nothing_at_all) {
  at::manual_seed(0);
  const auto bf16 = at::TensorOptions(at::kBFloat16);
  const at::Tensor a = at::randn({64, 32}, bf16);
  const at::Tensor b = at::randn({32, 16}, bf16);
  const at::Tensor c = at::empty({64, 16}, bf16);
  thin_product({a, b}, c);
  EXPECT_TRUE(at::allclose(c, at::mm(a, b)));
  const at::Tensor ones = at::ones({3, 16});
  thin_product({at::empty({3, 0}), at::empty({0, 16}), 1.0, true}, ones);
  EXPECT_TRUE(at::equal(ones, at::ones({3, 16})));
  thin_product({at::empty({0, 5}), at::empty({5, 16})}, at::empty({0, 16}));
}

}  // namespace
}  // namespace graft::nn
