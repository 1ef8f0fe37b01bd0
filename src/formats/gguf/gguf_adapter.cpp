// One pair a module under llama.cpp's names, its order of rows, its one alpha.
#include <algorithm>
#include <map>
#include <utility>

#include "formats/gguf/gguf_names_internal.h"
#include "formats/hf/hf_modules_internal.h"
#include "formats/hf/tensor_scan_internal.h"
#include "graft/base/error.h"
#include "graft/base/half.h"
#include "graft/formats/gguf/adapter.h"
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
  if (module.path != "lm_head" || !base.tied_embeddings) return;
  throw ConfigError({.operation = kOperation,
                     .what = "an adapter on lm_head of a model whose head is "
                             "its embedding: llama.cpp has no such tensor",
                     .hint = "Merge it instead: graft merge unties the head"});
}

// B times `factor`, row i where llama.cpp has it.
HostTensor arrange(const HostTensor& b, RowTransform transform,
                   std::int64_t head_dim, float factor, DType dtype) {
  const std::vector<float> values = b.to_floats();
  const std::int64_t rows = b.shape[0];
  const auto rank = static_cast<std::size_t>(b.shape[1]);
  std::vector<std::int64_t> places;
  if (transform == RowTransform::kHeads) {
    places = stored_head_rows(rows, head_dim);
  }
  std::vector<float> out(values.size());
  for (std::size_t row = 0; row < static_cast<std::size_t>(rows); ++row) {
    const auto place =
        places.empty() ? row : static_cast<std::size_t>(places[row]);
    for (std::size_t i = 0; i < rank; ++i) {
      out[place * rank + i] = factor * values[row * rank + i];
    }
  }
  std::vector<std::byte> bytes(out.size() * dtype_size(dtype));
  from_f32(dtype, out.data(), out.size(), bytes.data());
  HostTensor made = HostTensor::make_owned(dtype, b.shape, std::move(bytes));
  if (!is_all_finite(made)) {
    throw ConfigError({.operation = kOperation,
                       .what = "a value of the adapter is too large for " +
                               std::string(dtype_name(dtype)),
                       .hint = "Take --dtype f32 or bf16"});
  }
  return made;
}

// A rounded to `dtype` as it is.
HostTensor plain(const HostTensor& a, DType dtype) {
  return arrange(a, RowTransform::kNone, 0, 1.0F, dtype);
}

}  // namespace

void write_gguf_adapter(const std::filesystem::path& path,
                        const AdapterFile& adapter, const ModelConfig& base,
                        DType dtype) {
  const GgufArchitecture& architecture =
      find_gguf_architecture_of(base.model_type);
  const std::vector<HfModule> modules =
      split_by_hf_module(adapter, {.operation = kOperation});
  const double alpha = common_alpha(modules);
  NamedTensors tensors;
  for (const HfModule& module : modules) {
    check_loadable(module, base);
    const GgufTensorName place =
        gguf_tensor_name(architecture, module.path + ".weight");
    const auto factor = static_cast<float>(alpha_of(module.settings) / alpha);
    tensors.emplace_back(place.name + ".lora_a", plain(module.a, dtype));
    tensors.emplace_back(
        place.name + ".lora_b",
        arrange(module.b, place.transform, base.head_dim, factor, dtype));
  }
  save_gguf(path,
            {{"general.type", "adapter"},
             {"general.architecture", std::string(architecture.name)},
             {"adapter.type", "lora"},
             {"adapter.lora.alpha", static_cast<float>(alpha)}},
            tensors);
}

}  // namespace graft
