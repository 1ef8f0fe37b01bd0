// Which arithmetic, from features of the machine and the storage type alone.
// Entry point: choose_compute.
#include <ATen/Context.h>

#include <array>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "graft/base/error.h"
#include "graft/base/logger.h"
#include "graft/checkpoint/base_model.h"
#include "graft/checkpoint/environment.h"

namespace graft {
namespace {

template <typename Value, std::size_t kCount>
Value read_word(
    std::string_view key, const std::string& word,
    const std::array<std::pair<std::string_view, Value>, kCount>& words) {
  std::string known;
  for (const auto& [name, value] : words) {
    if (name == word) return value;
    if (!known.empty()) known += " | ";
    known += name;
  }
  throw ConfigError(
      ErrorText{"compute", std::string(key), "'" + word + "'", known, {}});
}

enum class Wanted { kAuto, kFirst, kSecond };

at::Device choose_device(const std::string& word) {
  static constexpr std::array<std::pair<std::string_view, Wanted>, 3> kWords = {
      {{"auto", Wanted::kAuto},
       {"cpu", Wanted::kFirst},
       {"cuda", Wanted::kSecond}}};
  const Wanted wanted = read_word("compute.device", word, kWords);
  if (wanted == Wanted::kFirst) return at::kCPU;
  const bool present =
      at::hasCUDA() && at::detail::getCUDAHooks().deviceCount() > 0;
  if (present) return at::kCUDA;
  if (wanted == Wanted::kAuto) return at::kCPU;
  throw ConfigError(ErrorText{
      "compute", "compute.device", "cuda", "a device that is there",
      at::hasCUDA() ? "LibTorch finds no CUDA device. Use cpu or auto."
                    : "This LibTorch is built without CUDA. Use cpu or auto."});
}

// One product for q, k and v instead of three was no faster where it was
// measured (docs/design/09-memory.md), so auto copies nothing.
nn::WeightLayout choose_layout(const std::string& word) {
  static constexpr std::array<std::pair<std::string_view, nn::WeightLayout>, 3>
      kWords = {{{"auto", nn::WeightLayout::kBlocks},
                 {"blocks", nn::WeightLayout::kBlocks},
                 {"packed", nn::WeightLayout::kPacked}}};
  return read_word("compute.weight_layout", word, kWords);
}

// Why native bf16 products are fast here; nullopt when they are not.
std::optional<std::string> fast_bf16(at::Device device) {
  if (device.is_cuda()) return "CUDA";
  const char* max_isa = std::getenv("ONEDNN_MAX_CPU_ISA");
  const CpuFeatures features =
      limit_features(cpu_features(), max_isa == nullptr ? "" : max_isa);
  if (features.amx_bf16) return "CPU has AMX";
  if (features.avx512_bf16) return "CPU has AVX512_BF16";
  return std::nullopt;
}

std::string fp32_reason(DType storage, bool asked) {
  if (storage == DType::kF32) return "fp32: F32 storage";
  const std::string over =
      "fp32 over " + std::string(dtype_name(storage)) + " storage: ";
  if (asked) return over + "asked for";
  if (storage == DType::kBF16) {
    return over + "no AMX, AVX512_BF16 or CUDA here";
  }
  return over + "native products are for BF16 storage";
}

}  // namespace

ComputeChoice choose_compute(const ComputeOptions& options, DType storage) {
  static constexpr std::array<std::pair<std::string_view, Wanted>, 3> kWords = {
      {{"auto", Wanted::kAuto},
       {"fp32", Wanted::kFirst},
       {"native", Wanted::kSecond}}};
  ComputeChoice out;
  out.device = choose_device(options.device);
  out.layout = choose_layout(options.weight_layout);
  const Wanted wanted = read_word("compute.dtype", options.dtype, kWords);
  const auto fast = fast_bf16(out.device);
  const bool half = storage == DType::kBF16 || storage == DType::kF16;
  const bool native =
      half && (wanted == Wanted::kSecond ||
               (wanted == Wanted::kAuto && storage == DType::kBF16 && fast));
  if (!native) {
    out.reason = fp32_reason(storage, wanted != Wanted::kAuto);
    return out;
  }
  out.mode = nn::ComputeMode::kNative;
  out.reason = std::string("native ") +
               (storage == DType::kBF16 ? "bf16: " : "fp16: ") +
               (wanted == Wanted::kSecond ? "asked for" : *fast);
  return out;
}

ComputeChoice choose_decoding_compute(const ComputeOptions& options,
                                      const std::string& quantised) {
  const std::string hint =
      "Decoded weights (" + quantised +
      ") run in fp32 on the CPU; graft convert makes a directory of plain ones";
  ComputeOptions allowed = options;
  if (options.device == "auto") allowed.device = "cpu";
  ComputeChoice out = choose_compute(allowed, DType::kF32);
  if (!out.device.is_cpu()) {
    throw ConfigError(
        ErrorText{"compute", "compute.device", options.device, "cpu", hint});
  }
  if (options.dtype == "native") {
    throw ConfigError(
        ErrorText{"compute", "compute.dtype", options.dtype, "fp32", hint});
  }
  if (out.layout == nn::WeightLayout::kPacked) {
    throw ConfigError(ErrorText{"compute", "compute.weight_layout",
                                options.weight_layout, "blocks", hint});
  }
  out.reason = "fp32 over " + quantised + " storage: decoded block by block";
  return out;
}

}  // namespace graft
