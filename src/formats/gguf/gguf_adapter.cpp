// One pair a tensor of llama.cpp under its names, its order of rows, its one
// alpha.
#include <algorithm>
#include <map>
#include <utility>

#include "formats/gguf/gguf_names_internal.h"
#include "formats/hf/hf_modules_internal.h"
#include "formats/hf/tensor_scan_internal.h"
#include "graft/base/error.h"
#include "graft/base/half.h"
#include "graft/formats/gguf/adapter.h"
#include "graft/formats/hf/weight_table.h"
#include "graft/io/gguf_writer.h"

namespace graft {
namespace {

constexpr char kOperation[] = "convert adapter to gguf";
using NamedTensors = std::vector<std::pair<std::string, HostTensor>>;

// The alpha under which llama.cpp gives the module its own scale.
double alpha_of(const AdapterSettings& settings) {
  return lora_scale(settings) * static_cast<double>(settings.rank);
}

// The smallest of the most frequent ones, so that few B's change.
double common_alpha(const std::vector<HfModule>& modules) {
  std::map<double, std::size_t> counts;
  for (const HfModule& module : modules) ++counts[alpha_of(module.settings)];
  return std::ranges::max_element(counts, {},
                                  [](const auto& one) { return one.second; })
      ->first;
}

void check_loadable(const HfModule& module, const ModelConfig& base) {
  const bool head = module.path == base.prefix.head + "lm_head";
  if (!head || !base.tied_embeddings) return;
  throw ConfigError({.operation = kOperation,
                     .what = "an adapter on lm_head of a model whose head is "
                             "its embedding: llama.cpp has no such tensor",
                     .hint = "Merge it instead: graft merge unties the head"});
}

// One module under llama.cpp's name.
struct Placed {
  const HfModule* module;
  GgufPlace place;
};

// `values` as `dtype`, which must hold them.
HostTensor stored(const std::vector<float>& values,
                  std::vector<std::int64_t> shape, DType dtype) {
  std::vector<std::byte> bytes(values.size() * dtype_size(dtype));
  from_f32(dtype, values.data(), values.size(), bytes.data());
  HostTensor made =
      HostTensor::make_owned(dtype, std::move(shape), std::move(bytes));
  if (!is_all_finite(made)) {
    throw ConfigError({.operation = kOperation,
                       .what = "a value of the adapter is too large for " +
                               std::string(dtype_name(dtype)),
                       .hint = "Take --dtype f32 or bf16"});
  }
  return made;
}

// A pair in llama.cpp's form, of one module or of all experts of a matrix:
// (experts, rank, in) and (experts, rows, rank). llama.cpp scales by alpha over
// this one rank; ranks below it are filled up with zeros, experts without an
// adapter are zeros.
class Pair {
 public:
  Pair(std::int64_t experts, std::int64_t rank, const HfModule& first)
      : experts_(experts),
        rank_(rank),
        in_(first.a.shape[1]),
        rows_(first.b.shape[0]),
        a_(size(experts * rank * in_)),
        b_(size(experts * rows_ * rank)) {}

  // `head_dim`: of interleaved rows.
  void set(const Placed& placed, double alpha, std::int64_t head_dim) {
    const HfModule& module = *placed.module;
    const std::int64_t expert = placed.place.expert.value_or(0);
    const std::vector<float> a = module.a.to_floats();
    const std::vector<float> b = module.b.to_floats();
    std::ranges::copy(a, a_.begin() + expert * rank_ * in_);
    std::vector<std::int64_t> order;
    if (placed.place.interleaved) order = stored_head_rows(rows_, head_dim);
    const auto factor = static_cast<float>(lora_scale(module.settings) *
                                           static_cast<double>(rank_) / alpha);
    const std::int64_t own = module.settings.rank;
    for (std::int64_t row = 0; row < rows_; ++row) {
      const std::int64_t to = order.empty() ? row : order[size(row)];
      for (std::int64_t k = 0; k < own; ++k) {
        b_[size((expert * rows_ + to) * rank_ + k)] =
            factor * b[size(row * own + k)];
      }
    }
  }

  // `merged`: with the dimension of the experts.
  void append(const std::string& name, bool merged, DType dtype,
              NamedTensors& out) const {
    std::vector<std::int64_t> a{rank_, in_}, b{rows_, rank_};
    if (merged) {
      a.insert(a.begin(), experts_);
      b.insert(b.begin(), experts_);
    }
    out.emplace_back(name + ".lora_a", stored(a_, std::move(a), dtype));
    out.emplace_back(name + ".lora_b", stored(b_, std::move(b), dtype));
  }

 private:
  static std::size_t size(std::int64_t count) {
    return static_cast<std::size_t>(count);
  }

  std::int64_t experts_, rank_, in_, rows_;
  std::vector<float> a_, b_;
};

// Modules of one tensor of llama.cpp, tensors in the order of the modules.
std::vector<std::vector<Placed>> group_by_tensor(
    const std::vector<HfModule>& modules, const ModelConfig& base) {
  std::vector<std::vector<Placed>> out;
  std::map<std::string, std::size_t> places;
  for (const HfModule& module : modules) {
    check_loadable(module, base);
    GgufPlace place = find_gguf_place(base, module.path + ".weight");
    const auto [at, is_new] = places.emplace(place.name, out.size());
    if (is_new) out.emplace_back();
    out[at->second].push_back({&module, std::move(place)});
  }
  return out;
}

// The names that single experts have in the other layout of checkpoints, by
// which llama.cpp's are found; the rows of both layouts are the same.
AdapterFile with_expert_names(AdapterFile adapter, ModelConfig base) {
  base.experts.packed = false;
  std::map<std::string, ModuleInfo> grouped;
  for (ModuleInfo& module : make_family_inventory(base).modules) {
    if (module.kind != LayerKind::kTeGrouped) continue;
    std::string path = module.path;
    grouped.emplace(std::move(path), std::move(module));
  }
  for (Site& site : adapter.plan.sites) {
    const auto module = grouped.find(site.module);
    if (module == grouped.end()) continue;
    site.hf_paths.clear();
    site.hf_rows.clear();
    for (const ModulePart& part : module->second.parts) {
      site.hf_paths.push_back(part.path);
      site.hf_rows.push_back(part.rows);
    }
  }
  return adapter;
}

}  // namespace

void write_gguf_adapter(const std::filesystem::path& path,
                        const AdapterFile& adapter, const ModelConfig& base,
                        DType dtype) {
  const Family& family = gguf_family_of(base.model_type);
  const std::vector<HfModule> modules = split_by_hf_module(
      base.experts.packed ? with_expert_names(adapter, base) : adapter,
      {.operation = kOperation});
  const double alpha = common_alpha(modules);
  NamedTensors tensors;
  for (const auto& group : group_by_tensor(modules, base)) {
    const bool merged = group.front().place.expert.has_value();
    std::int64_t rank = 0;
    for (const Placed& placed : group) {
      rank = std::max(rank, placed.module->settings.rank);
    }
    Pair pair(merged ? base.experts.count : 1, rank, *group.front().module);
    for (const Placed& placed : group) pair.set(placed, alpha, base.head_dim);
    pair.append(group.front().place.name, merged, dtype, tensors);
  }
  save_gguf(path,
            {{"general.type", "adapter"},
             {"general.architecture", std::string(family.gguf.architecture)},
             {"adapter.type", "lora"},
             {"adapter.lora.alpha", static_cast<float>(alpha)}},
            tensors);
}

}  // namespace graft
