// Asks the processor by cpuid, and LibTorch for the rest.
#include "graft/checkpoint/environment.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/version.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <thread>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace graft {
namespace {

constexpr char kVersion[] = "0.1.0";

#if defined(__x86_64__)
std::string cpu_name() {
  std::array<std::uint32_t, 12> words{};
  for (std::uint32_t leaf = 0; leaf < 3; ++leaf) {
    std::uint32_t* w = words.data() + 4 * leaf;
    if (__get_cpuid(0x80000002U + leaf, w, w + 1, w + 2, w + 3) == 0) {
      return "unknown";
    }
  }
  std::array<char, sizeof(words) + 1> text{};
  std::memcpy(text.data(), words.data(), sizeof(words));
  const std::string name(text.data());
  const auto first = name.find_first_not_of(' ');
  const auto last = name.find_last_not_of(' ');
  return first == std::string::npos ? "unknown"
                                    : name.substr(first, last - first + 1);
}
#else
std::string cpu_name() { return "unknown"; }
#endif

std::string compiler_name() {
#if defined(__clang__)
  return "clang " __clang_version__;
#elif defined(__GNUC__)
  return "gcc " __VERSION__;
#else
  return "unknown";
#endif
}

std::vector<std::string> device_names() {
  std::vector<std::string> names = {"cpu"};
  const std::size_t count =
      at::hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0;
  for (std::size_t i = 0; i < count; ++i) {
    names.push_back("cuda:" + std::to_string(i));
  }
  return names;
}

}  // namespace

CpuFeatures cpu_features() {
#if defined(__x86_64__)
  CpuFeatures out;
  out.avx2 = __builtin_cpu_supports("avx2") != 0;
  out.avx512 = __builtin_cpu_supports("avx512f") != 0 &&
               __builtin_cpu_supports("avx512bw") != 0 &&
               __builtin_cpu_supports("avx512vl") != 0;
  out.avx512_bf16 = __builtin_cpu_supports("avx512bf16") != 0;
  out.amx_bf16 = __builtin_cpu_supports("amx-bf16") != 0;
  return out;
#else
  return {};
#endif
}

CpuFeatures limit_features(CpuFeatures features, std::string_view max_isa) {
  const auto is_one_of = [&](std::initializer_list<std::string_view> words) {
    return std::ranges::find(words, max_isa) != words.end();
  };
  const bool no_avx512 =
      is_one_of({"SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2"});
  const bool no_bf16 =
      no_avx512 || is_one_of({"AVX512_CORE", "AVX512_CORE_VNNI"});
  const bool no_amx =
      no_bf16 || is_one_of({"AVX512_CORE_BF16", "AVX512_CORE_FP16", "AVX10_1",
                            "AVX10_1_512"});
  features.avx512 &= !no_avx512;
  features.avx512_bf16 &= !no_bf16;
  features.amx_bf16 &= !no_amx;
  return features;
}

Environment read_environment() {
  Environment out;
  out.graft_version = kVersion;
  out.libtorch_version = TORCH_VERSION;
  out.compiler = compiler_name();
  out.cpu = cpu_name();
  out.features = cpu_features();
  out.libtorch_cpu_path = at::get_cpu_capability();
  out.has_mkl = at::hasMKL();
  out.has_onednn = at::hasMKLDNN();
  out.threads = at::get_num_threads();
  out.hardware_threads = std::thread::hardware_concurrency();
  out.devices = device_names();
  return out;
}

}  // namespace graft
