// verify_checkpoint finds every kind of difference and nothing else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graft/io/sharded_safetensors.h"
#include "graft/merge/merge.h"
#include "merge/checkpoint_fixture.h"
#include "support/shared_data.h"

namespace graft {
namespace {

namespace fs = std::filesystem;
using test::CheckpointFixture;
using testing::HasSubstr;

class VerifyTest : public testing::Test {
 protected:
  using Tensors = std::vector<std::pair<std::string, HostTensor>>;

  void SetUp() override {
    merge_checkpoint(files_.base(), adapter_, files_.output());
  }

  VerifyReport verify() const {
    return verify_checkpoint(files_.base(), adapter_, files_.output());
  }

  // Rewrites the merged checkpoint as one file after `edit`.
  void rewrite(const std::function<void(Tensors&)>& edit) const {
    Tensors tensors;
    const auto merged = ShardedSafetensors::open(files_.output());
    for (const std::string& name : merged.names()) {
      tensors.emplace_back(name, merged.tensor(name));
    }
    edit(tensors);
    save_safetensors(files_.output() / "model.safetensors", tensors);
  }

  static HostTensor with_flipped_bit(const HostTensor& tensor,
                                     std::size_t byte) {
    std::vector<std::byte> bytes(tensor.bytes.begin(), tensor.bytes.end());
    bytes[byte] ^= std::byte{1};
    return HostTensor::make_owned(tensor.dtype, tensor.shape, bytes);
  }

  CheckpointFixture files_{DType::kBF16};
  AdapterFile adapter_ = CheckpointFixture::adapter();
};

TEST_F(VerifyTest, AcceptsTheMerge) {
  const VerifyReport report = verify();
  EXPECT_TRUE(report.matches());
  EXPECT_EQ(report.merged_tensors, 2u);
  EXPECT_EQ(report.copied_tensors, 3u);
  EXPECT_THAT(verify_report_to_text(report), HasSubstr("verified: 2 merged"));
}

TEST_F(VerifyTest, AcceptsAnotherSharding) {
  rewrite([](Tensors&) {});
  EXPECT_TRUE(verify().matches());
}

TEST_F(VerifyTest, FindsOneBit) {
  rewrite([](Tensors& tensors) {
    for (auto& [name, tensor] : tensors) {
      if (name == "b.proj.weight") tensor = with_flipped_bit(tensor, 100);
      if (name == "a.norm.weight") tensor = with_flipped_bit(tensor, 2);
    }
  });
  const VerifyReport report = verify();
  ASSERT_EQ(report.differences.size(), 2u);
  EXPECT_EQ(report.differences[0].name, "a.norm.weight");
  EXPECT_EQ(report.differences[0].kind, "copied values");
  EXPECT_EQ(report.differences[1].kind, "merged values");
  EXPECT_EQ(report.differences[1].elements, 1u);
  EXPECT_GT(report.differences[1].max_difference, 0.0);
  EXPECT_THAT(verify_report_to_text(report), HasSubstr("differs: 2"));
  EXPECT_FALSE(nlohmann::json::parse(verify_report_to_json(report))["matches"]);
}

TEST_F(VerifyTest, FindsWrongSetsOfTensors) {
  rewrite([](Tensors& tensors) {
    tensors[0].first = "c.norm.weight";
    tensors[1].second =
        test::made_up_tensor(DType::kF32, tensors[1].second.shape, 1);
    tensors[3].second = test::made_up_tensor(DType::kBF16, {48, 64}, 1);
  });
  std::vector<std::pair<std::string, std::string>> found;
  for (const TensorDifference& row : verify().differences) {
    found.emplace_back(row.name, row.kind);
  }
  const std::vector<std::pair<std::string, std::string>> expected{
      {"a.norm.weight", "missing"},
      {"a.proj.weight", "dtype"},
      {"b.proj.weight", "shape"},
      {"c.norm.weight", "extra"}};
  EXPECT_EQ(found, expected);
}

TEST_F(VerifyTest, FindsTheUnmergedBase) {
  const VerifyReport report =
      verify_checkpoint(files_.base(), adapter_, files_.base());
  EXPECT_EQ(report.differences.size(), 2u);
}

}  // namespace
}  // namespace graft
