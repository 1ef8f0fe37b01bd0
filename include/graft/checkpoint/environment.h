// What this process runs on: versions, processor, threads, devices. Entry
// points: read_environment, cpu_features, limit_features.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace graft {

struct CpuFeatures {
  bool avx2 = false;
  bool avx512 = false;
  bool avx512_bf16 = false;
  bool amx_bf16 = false;
};
CpuFeatures cpu_features();
// What oneDNN, which makes the bf16 products, may use of them: `max_isa` is the
// value of its variable ONEDNN_MAX_CPU_ISA ("AVX512_CORE", ...), empty when it
// is not set. Unknown words limit nothing, as there.
CpuFeatures limit_features(CpuFeatures features, std::string_view max_isa);

struct Environment {
  std::string graft_version;
  std::string libtorch_version;
  std::string compiler;
  std::string cpu;
  CpuFeatures features;
  std::string libtorch_cpu_path;  // "AVX512": the kernels LibTorch chose
  bool has_mkl = false;
  bool has_onednn = false;
  int threads = 1;  // LibTorch's for one operation
  unsigned hardware_threads = 1;
  std::vector<std::string> devices;  // "cpu", "cuda:0", ...
};
Environment read_environment();

}  // namespace graft
