// The allocator of programs that train: alignment, places that are taken again,
// what no memory holds.
#include "graft/nn/cpu_memory.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <vector>

#include "support/memory_meter.h"

namespace graft::nn {
namespace {

TEST(CpuMemory, is_aligned_and_writable) {
  std::vector<at::DataPtr> held;
  for (std::size_t bytes = 1; bytes < 3'000'000; bytes = bytes * 3 + 1) {
    held.push_back(cpu_allocator().allocate(bytes));
    const auto address = reinterpret_cast<std::uintptr_t>(held.back().get());
    EXPECT_EQ(address % 64, 0U) << bytes;
    std::memset(held.back().get(), 7, bytes);
  }
  for (const at::DataPtr& data : held) {
    EXPECT_EQ(*static_cast<const char*>(data.get()), 7);
    EXPECT_EQ(data.device(), at::Device(at::kCPU));
  }
  EXPECT_EQ(cpu_allocator().allocate(0).get(), nullptr);
  void* raw = cpu_allocator().raw_allocate(100);
  cpu_allocator().raw_deallocate(raw);
}

// With LibTorch's allocator the second tensor of that size lies elsewhere.
TEST(CpuMemory, a_freed_place_is_taken_again) {
  constexpr std::size_t kBytes = 96 << 10;  // below glibc's own mappings
  at::DataPtr below = cpu_allocator().allocate(kBytes);
  at::DataPtr freed = cpu_allocator().allocate(kBytes);
  const at::DataPtr above = cpu_allocator().allocate(kBytes);
  const void* place = freed.get();
  freed.clear();
  EXPECT_EQ(cpu_allocator().allocate(kBytes - 1000).get(), place);
}

TEST(CpuMemory, sizes_are_few_and_little_more) {
  EXPECT_EQ(rounded_bytes(1), 64U);
  EXPECT_EQ(rounded_bytes(64), 64U);
  EXPECT_EQ(rounded_bytes(65), 128U);
  EXPECT_EQ(rounded_bytes(1 << 20), std::size_t{1} << 20);
  EXPECT_EQ(rounded_bytes((1 << 20) + 1), (std::size_t{1} << 20) * 17 / 16);
  for (std::size_t bytes = 1000; bytes < 1 << 28; bytes = bytes * 5 / 4) {
    const std::size_t rounded = rounded_bytes(bytes);
    EXPECT_GE(rounded, bytes);
    EXPECT_LE(rounded, bytes + bytes / 16 + 64);
    EXPECT_EQ(rounded_bytes(rounded), rounded);
  }
}

TEST(CpuMemory, refuses_what_no_memory_holds) {
  for (const std::size_t bytes : {std::numeric_limits<std::size_t>::max(),
                                  std::size_t{1} << 62, std::size_t{1} << 60}) {
    EXPECT_THROW(cpu_allocator().allocate(bytes), std::bad_alloc);
  }
}

TEST(CpuMemory, is_counted_by_LibTorch) {
  const test::MemoryMeter meter;
  {
    const at::DataPtr data = cpu_allocator().allocate(5000);
    EXPECT_EQ(meter.current(), 5000);
  }
  EXPECT_EQ(meter.current(), 0);
}

}  // namespace
}  // namespace graft::nn
