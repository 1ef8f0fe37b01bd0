// An allocator over malloc that aligns by hand: the address to free stands
// before the tensor's bytes.
#include "graft/nn/cpu_memory.h"

#include <c10/core/CPUAllocator.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>

namespace graft::nn {
namespace {

constexpr std::size_t kAlignment = 64;

void release(void* data) {
  if (data == nullptr) return;
  c10::profiledCPUMemoryReporter().Delete(data);
  std::free(static_cast<void**>(data)[-1]);
}

class CpuAllocator : public at::Allocator {
 public:
  at::DataPtr allocate(std::size_t bytes) override {
    const at::Device device(at::kCPU);
    if (bytes == 0) return {nullptr, nullptr, &release, device};
    // malloc aligns to 16, which leaves room for an address before the bytes.
    void* whole = std::malloc(rounded_bytes(bytes) + kAlignment);
    if (whole == nullptr) throw std::bad_alloc();
    const auto address = reinterpret_cast<std::uintptr_t>(whole);
    const std::size_t shift = kAlignment - address % kAlignment;
    void* data = static_cast<std::byte*>(whole) + shift;
    static_cast<void**>(data)[-1] = whole;
    c10::profiledCPUMemoryReporter().New(data, bytes);
    return {data, data, &release, device};
  }

  at::DeleterFnPtr raw_deleter() const override { return &release; }

  void copy_data(void* target, const void* source,
                 std::size_t bytes) const override {
    std::memcpy(target, source, bytes);
  }
};

}  // namespace

std::size_t rounded_bytes(std::size_t bytes) {
  constexpr std::size_t kSteps = 16;
  if (bytes > std::numeric_limits<std::size_t>::max() / 4) {
    throw std::bad_alloc();
  }
  std::size_t step = kAlignment;
  if (bytes > kSteps * kAlignment) step = std::bit_floor(bytes) / kSteps;
  return (bytes + step - 1) / step * step;
}

// Never destroyed: tensors may live as long as the program.
at::Allocator& cpu_allocator() {
  static auto* const allocator = new CpuAllocator;
  return *allocator;
}

void keep_cpu_memory() {
#if defined(__GLIBC__)
  // Above 32 MiB a fresh mapping is cheap beside the work on it, and gives
  // back.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_TOP_PAD, 64 << 20);
#endif
  c10::SetCPUAllocator(&cpu_allocator());
}

}  // namespace graft::nn
