// How a program that trains on the CPU keeps its memory. Entry points:
// keep_cpu_memory, cpu_allocator.
#pragma once

#include <c10/core/Allocator.h>

#include <cstddef>

namespace graft::nn {

// Bytes that are taken for a tensor of `bytes`: few sizes, at most a sixteenth
// more, so that tensors of about the same size fit into each other's places.
// Throws std::bad_alloc for what no memory holds.
std::size_t rounded_bytes(std::size_t bytes);

// Takes tensors' bytes from malloc in such sizes, aligned to 64. LibTorch's own
// allocator asks for aligned memory, and glibc finds no room for that where a
// tensor of the same size was freed: of the fp32 step of 135M on 512 tokens,
// 110 MB of 645 were such holes. Throws std::bad_alloc.
at::Allocator& cpu_allocator();

// For programs, before their first tensor; the library itself calls it nowhere.
// Tensors come from cpu_allocator, and malloc keeps what is freed: a training
// step takes the same large buffers again and again.
void keep_cpu_memory();

}  // namespace graft::nn
