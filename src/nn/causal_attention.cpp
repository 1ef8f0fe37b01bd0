// Divides attention into units that keep the threads busy, runs them, and joins
// their gradients. Only the output and one number a query are kept for
// backward.
#include "graft/nn/causal_attention.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/ivalue.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "graft/base/error.h"
#include "nn/attention_unit_internal.h"
#include "nn/row_tensor_internal.h"
#include "nn/tile_product_internal.h"

namespace graft::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Layout : torch::CustomClassHolder {
  HeadShape shape;
  std::vector<AttentionSegment> segments;
};

// Parts that each head of each segment is cut into, so that the threads, which
// take one unit after another, end at about the same time.
std::int64_t parts_of(const Layout& layout) {
  constexpr std::int64_t kUnitsPerThread = 8;
  constexpr std::int64_t kMost = 8;
  const auto items =
      static_cast<std::int64_t>(layout.segments.size()) * layout.shape.heads;
  const std::int64_t wanted = kUnitsPerThread * at::get_num_threads();
  return std::clamp<std::int64_t>(
      (wanted + items - 1) / std::max<std::int64_t>(items, 1), 1, kMost);
}

// First query of part `part` of `parts`: whole blocks, about the same number of
// scores in each part.
std::int64_t part_begin(std::int64_t length, std::int64_t part,
                        std::int64_t parts) {
  if (part == parts) return length;
  const double share = static_cast<double>(part) / static_cast<double>(parts);
  const double query = static_cast<double>(length) * std::sqrt(share);
  const auto block =
      static_cast<std::int64_t>(query / static_cast<double>(kQueryBlock) + 0.5);
  return std::min(block * kQueryBlock, length);
}

struct PlannedUnit {
  AttentionUnit unit;
  std::size_t segment;  // index
  std::size_t part;

  double cost() const {
    return static_cast<double>(unit.last - unit.first) *
           static_cast<double>(unit.last + unit.first);
  }
};

// All units, the longest first.
std::vector<PlannedUnit> plan_units(const Layout& layout, std::int64_t parts) {
  std::vector<PlannedUnit> out;
  for (std::size_t s = 0; s < layout.segments.size(); ++s) {
    const AttentionSegment& segment = layout.segments[s];
    const std::int64_t length = segment.end - segment.begin;
    for (std::int64_t part = 0; part < parts; ++part) {
      const std::int64_t first = part_begin(length, part, parts);
      const std::int64_t last = part_begin(length, part + 1, parts);
      if (first == last) continue;
      for (std::int64_t head = 0; head < layout.shape.heads; ++head) {
        out.push_back(
            {{segment, head, first, last}, s, static_cast<std::size_t>(part)});
      }
    }
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const PlannedUnit& a, const PlannedUnit& b) {
                     return a.cost() > b.cost();
                   });
  return out;
}

// run(i) for i in [0, count): each thread takes the next one. What a run
// writes does not depend on the thread that takes it.
template <typename Run>
void run_units(std::size_t count, Run run) {
  std::atomic<std::size_t> next{0};
  at::parallel_for(0, at::get_num_threads(), 1,
                   [&](std::int64_t, std::int64_t) {
                     for (std::size_t i = next++; i < count; i = next++) run(i);
                   });
}

// Per segment, per key-value head.
std::vector<KeyValues> pack_all(const at::Tensor& qkv, const Layout& layout,
                                bool backward) {
  const auto heads = static_cast<std::size_t>(layout.shape.kv_heads);
  std::vector<std::optional<KeyValues>> made(layout.segments.size() * heads);
  run_units(made.size(), [&](std::size_t i) {
    made[i] = pack_key_values(qkv, layout.shape, layout.segments[i / heads],
                              static_cast<std::int64_t>(i % heads), backward);
  });
  std::vector<KeyValues> out;
  out.reserve(made.size());
  for (std::optional<KeyValues>& one : made) out.push_back(*std::move(one));
  return out;
}

const KeyValues& seen_by(const std::vector<KeyValues>& all,
                         const PlannedUnit& planned, const HeadShape& shape) {
  const std::int64_t kv_head = planned.unit.head * shape.kv_heads / shape.heads;
  return all[planned.segment * static_cast<std::size_t>(shape.kv_heads) +
             static_cast<std::size_t>(kv_head)];
}

bool covers_all(const Layout& layout, std::int64_t tokens) {
  std::int64_t covered = 0;
  for (const AttentionSegment& segment : layout.segments) {
    covered += segment.end - segment.begin;
  }
  return covered == tokens;
}

AttentionForward forward_all(const at::Tensor& qkv, const Layout& layout) {
  const HeadShape& shape = layout.shape;
  const std::int64_t batch = qkv.size(0);
  const std::int64_t tokens = qkv.size(1);
  const std::vector<std::int64_t> sizes{batch, tokens,
                                        shape.heads * shape.head_dim};
  const AttentionForward work{
      shape, qkv,
      covers_all(layout, batch * tokens) ? at::empty(sizes, qkv.options())
                                         : at::zeros(sizes, qkv.options()),
      at::empty({batch, shape.heads, tokens}, qkv.options().dtype(at::kFloat))};
  const std::vector<KeyValues> seen = pack_all(qkv, layout, false);
  const std::vector<PlannedUnit> units = plan_units(layout, parts_of(layout));
  run_units(units.size(), [&](std::size_t i) {
    attend_unit(work, units[i].unit, seen_by(seen, units[i], shape));
  });
  return work;
}

// Sums the parts, and the query heads that share a key-value head.
void collect(const HeadShape& shape, const std::vector<at::Tensor>& parts,
             at::Tensor target) {
  at::Tensor sum = parts[0];
  for (std::size_t i = 1; i < parts.size(); ++i) sum.add_(parts[i]);
  const std::int64_t group = shape.heads / shape.kv_heads;
  target.unflatten(2, {shape.kv_heads, shape.head_dim})
      .copy_(sum.unflatten(2, {shape.kv_heads, group, shape.head_dim}).sum(3));
}

at::Tensor backward_all(const Layout& layout, const variable_list& saved,
                        const at::Tensor& dy) {
  const AttentionForward forward{layout.shape, saved[0], saved[1], saved[2]};
  const at::Tensor& qkv = forward.qkv;
  const at::Tensor d_qkv = covers_all(layout, qkv.size(0) * qkv.size(1))
                               ? at::empty_like(qkv)
                               : at::zeros_like(qkv);
  const std::int64_t parts = parts_of(layout);
  std::vector<at::Tensor> d_key;
  std::vector<at::Tensor> d_value;
  for (std::int64_t part = 0; part < parts; ++part) {
    const auto wide = qkv.options().dtype(at::kFloat);
    d_key.push_back(at::zeros(forward.out.sizes(), wide));
    d_value.push_back(at::zeros(forward.out.sizes(), wide));
  }
  const std::vector<KeyValues> seen = pack_all(qkv, layout, true);
  const std::vector<PlannedUnit> units = plan_units(layout, parts);
  run_units(units.size(), [&](std::size_t i) {
    const std::size_t part = units[i].part;
    attend_unit_backward({forward, dy, d_qkv, d_key[part], d_value[part]},
                         units[i].unit, seen_by(seen, units[i], layout.shape));
  });
  const std::int64_t query = layout.shape.heads * layout.shape.head_dim;
  const std::int64_t width = layout.shape.kv_heads * layout.shape.head_dim;
  collect(layout.shape, d_key, d_qkv.narrow(2, query, width));
  collect(layout.shape, d_value, d_qkv.narrow(2, query + width, width));
  return d_qkv;
}

constexpr const char* kLayout = "layout";

struct CausalAttentionFunction
    : torch::autograd::Function<CausalAttentionFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& qkv,
                            const c10::intrusive_ptr<Layout>& layout) {
    const AttentionForward work = forward_all(qkv, *layout);
    ctx->save_for_backward({qkv, work.out, work.log_sum});
    ctx->saved_data[kLayout] = c10::IValue::make_capsule(layout);
    return work.out;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    variable_list out(2);
    if (!grads[0].defined()) return out;
    const auto capsule = ctx->saved_data[kLayout].toCapsule();
    const auto& layout = static_cast<const Layout&>(*capsule);
    out[0] =
        backward_all(layout, ctx->get_saved_variables(), grads[0].contiguous());
    return out;
  }
};

[[noreturn]] void refuse(const std::string& what, const std::string& got,
                         const std::string& expected) {
  throw ConfigError(ErrorText{"causal attention", what, got, expected, {}});
}

bool is_served(const at::TensorOptions& options) {
  const auto type = options.dtype().toScalarType();
  return options.device().is_cpu() &&
         (type == at::kFloat || type == at::kBFloat16);
}

void check_shape(const at::Tensor& qkv, const HeadShape& shape) {
  const std::int64_t width =
      (shape.heads + 2 * shape.kv_heads) * shape.head_dim;
  if (shape.heads < 1 || shape.head_dim < 1) {
    refuse(
        "heads",
        std::to_string(shape.heads) + " of " + std::to_string(shape.head_dim),
        "positive numbers");
  }
  if (shape.kv_heads < 1 || shape.heads % shape.kv_heads != 0) {
    refuse("key-value heads", std::to_string(shape.kv_heads),
           "a divisor of " + std::to_string(shape.heads) + " heads");
  }
  if (qkv.dim() != 3 || qkv.size(2) != width || !is_served(qkv.options())) {
    refuse("qkv",
           std::to_string(qkv.dim()) + " dimensions, " +
               std::to_string(qkv.dim() > 0 ? qkv.size(-1) : 0) +
               " columns of " + c10::toString(qkv.scalar_type()),
           "[batch, tokens, " + std::to_string(width) +
               "] of fp32 or bf16 on the CPU");
  }
}

void check_segments(const at::Tensor& qkv,
                    std::vector<AttentionSegment> segments) {
  std::sort(segments.begin(), segments.end(),
            [](const AttentionSegment& a, const AttentionSegment& b) {
              return std::pair(a.row, a.begin) < std::pair(b.row, b.begin);
            });
  const AttentionSegment* before = nullptr;
  for (const AttentionSegment& segment : segments) {
    const bool inside = segment.row >= 0 && segment.row < qkv.size(0) &&
                        segment.begin >= 0 && segment.begin < segment.end &&
                        segment.end <= qkv.size(1);
    const bool overlaps = before != nullptr && before->row == segment.row &&
                          before->end > segment.begin;
    if (!inside || overlaps) {
      refuse("segment of row " + std::to_string(segment.row),
             std::to_string(segment.begin) + ".." + std::to_string(segment.end),
             "tokens of their own, within " + std::to_string(qkv.size(0)) +
                 " rows of " + std::to_string(qkv.size(1)));
    }
    before = &segment;
  }
}

}  // namespace

bool prefers_causal_attention(const at::TensorOptions& options) {
  return has_wide_registers() && is_served(options);
}

at::Tensor causal_attention(const at::Tensor& qkv, const HeadShape& shape,
                            const std::vector<AttentionSegment>& segments) {
  check_shape(qkv, shape);
  check_segments(qkv, segments);
  auto layout = c10::make_intrusive<Layout>();
  layout->shape = shape;
  layout->segments = segments;
  const at::Tensor rows = qkv.contiguous();
  if (at::GradMode::is_enabled() && rows.requires_grad()) {
    return CausalAttentionFunction::apply(rows, layout);
  }
  const at::NoGradGuard no_grad;
  return forward_all(rows, *layout).out;
}

}  // namespace graft::nn
