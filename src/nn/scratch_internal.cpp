// The buffer is plain memory, not a tensor, so that it carries no state of the
// grad or inference mode under which it was first used.
#include <ATen/ATen.h>

#include <cstddef>
#include <memory>
#include <new>

#include "nn/scratch_internal.h"

namespace graft::nn {
namespace {

constexpr std::align_val_t kAlignment{64};

struct AlignedDelete {
  void operator()(float* data) const { ::operator delete(data, kAlignment); }
};

struct Buffer {
  std::unique_ptr<float, AlignedDelete> data;
  std::size_t elements = 0;
};

float* thread_buffer(std::size_t elements) {
  thread_local Buffer buffer;
  if (buffer.elements < elements) {
    buffer.data.reset();
    buffer.elements = 0;
    buffer.data.reset(static_cast<float*>(
        ::operator new(elements * sizeof(float), kAlignment)));
    buffer.elements = elements;
  }
  return buffer.data.get();
}

}  // namespace

at::Tensor scratch_floats(std::int64_t rows, std::int64_t columns,
                          at::Device device) {
  const auto options = at::TensorOptions().dtype(at::kFloat).device(device);
  if (!device.is_cpu()) return at::empty({rows, columns}, options);
  float* data = thread_buffer(static_cast<std::size_t>(rows * columns));
  return at::from_blob(data, {rows, columns}, options);
}

}  // namespace graft::nn
