// `graft env [--json]`: versions, processor, devices, and the compute path that
// a checkpoint would take. Entry point: env_command.
#include "env_command.h"

#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "arguments.h"
#include "graft/checkpoint/base_model.h"
#include "graft/checkpoint/environment.h"

namespace graft::cli {
namespace {

std::string feature_text(const CpuFeatures& features) {
  std::string text;
  const std::pair<const char*, bool> rows[] = {
      {"AVX2", features.avx2},
      {"AVX512", features.avx512},
      {"AVX512_BF16", features.avx512_bf16},
      {"AMX_BF16", features.amx_bf16}};
  for (const auto& [name, present] : rows) {
    if (present) text.append(text.empty() ? "" : " ").append(name);
  }
  return text.empty() ? "none of AVX2, AVX512, AVX512_BF16, AMX_BF16" : text;
}

std::string allocator_text() {
  const char* preload = std::getenv("LD_PRELOAD");
  return preload != nullptr && *preload != '\0'
             ? std::string("preloaded: ") + preload
             : "system, freed buffers kept for reuse";
}

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    text.append(text.empty() ? "" : ", ").append(word);
  }
  return text;
}

std::string path_for(DType storage) {
  const ComputeChoice choice = choose_compute({}, storage);
  return choice.device.str() + ", " + choice.reason;
}

using Rows = std::vector<std::pair<std::string, std::string>>;

Rows describe(const Environment& environment) {
  return {{"graft", environment.graft_version},
          {"libtorch", environment.libtorch_version},
          {"compiler", environment.compiler},
          {"cpu", environment.cpu},
          {"cpu_features", feature_text(environment.features)},
          {"libtorch_kernels", environment.libtorch_cpu_path},
          {"mkl", environment.has_mkl ? "yes" : "no"},
          {"onednn", environment.has_onednn ? "yes" : "no"},
          {"threads", std::to_string(environment.threads) + " of " +
                          std::to_string(environment.hardware_threads)},
          {"devices", join(environment.devices)},
          {"allocator", allocator_text()},
          {"compute_f32", path_for(DType::kF32)},
          {"compute_bf16", path_for(DType::kBF16)},
          {"compute_f16", path_for(DType::kF16)}};
}

}  // namespace

int env_command(const std::vector<std::string>& args) {
  CLI::App app("Versions, processor, devices and compute paths.", "graft env");
  bool json = false;
  app.add_flag("--json", json, "Print one JSON object");
  parse_arguments(app, args);
  const Rows rows = describe(read_environment());
  if (json) {
    nlohmann::ordered_json object;
    for (const auto& [key, value] : rows) object[key] = value;
    std::cout << object.dump(2) << '\n';
    return 0;
  }
  for (const auto& [key, value] : rows) {
    std::cout << key << std::string(18 - key.size(), ' ') << value << '\n';
  }
  return 0;
}

}  // namespace graft::cli
