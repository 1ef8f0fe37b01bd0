// Seeds LibTorch's generator before each test, so that tensors drawn without a
// seed of their own are the same in every run, alone and in company. Part of
// every test program that links LibTorch.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace graft::test {
namespace {

class SeedEachTest : public testing::EmptyTestEventListener {
  void OnTestStart(const testing::TestInfo&) override { at::manual_seed(20); }
};

// gtest owns the listener.
[[maybe_unused]] const bool kRegistered = [] {
  testing::UnitTest::GetInstance()->listeners().Append(new SeedEachTest());
  return true;
}();

}  // namespace
}  // namespace graft::test
