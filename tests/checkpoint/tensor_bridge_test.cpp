// Tensors over mapped bytes, and what becomes of the pages.
#include "checkpoint/tensor_bridge_internal.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <string>

#include "graft/base/process_memory.h"
#include "graft/io/mapped_file.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

TEST(TensorBridge, pages_leave_memory_with_the_last_use) {
  constexpr std::int64_t kBytes = std::int64_t{8} << 20;
  const test::TemporaryDirectory folder;
  const auto path = folder.write("weights", std::string(kBytes, '\0'));
  HostTensor tensor;
  tensor.dtype = DType::kBF16;
  tensor.shape = {kBytes / 2};
  const auto file = MappedFile::open(path);
  tensor.bytes = file->bytes();
  tensor.owner = file;
  {
    const at::Tensor mapped = map_tensor(tensor);
    const at::Tensor slice = mapped.narrow(0, 4, 8);
    EXPECT_EQ(mapped.sum().item<double>(), 0.0);
    EXPECT_EQ(unread_mapped_bytes({path}), 0);
  }
  EXPECT_EQ(unread_mapped_bytes({path}), kBytes);
  EXPECT_EQ(map_tensor(tensor).sum().item<double>(), 0.0);
}

TEST(TensorBridge, memory_of_its_own_is_left_alone) {
  const HostTensor tensor =
      HostTensor::from_floats({1 << 20}, std::vector<float>(1 << 20, 2.0F));
  map_tensor(tensor);
  EXPECT_EQ(map_tensor(tensor).min().item<float>(), 2.0F);
}

}  // namespace
}  // namespace graft
