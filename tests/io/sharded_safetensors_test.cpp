// Which weight files of a directory are taken, and index against shards.
#include "graft/io/sharded_safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graft/base/error.h"
#include "graft/io/safetensors_writer.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kIndex = "model.safetensors.index.json";
constexpr const char* kFirst = "model-00001-of-00002.safetensors";
constexpr const char* kSecond = "model-00002-of-00002.safetensors";

class ShardedSafetensorsTest : public testing::Test {
 protected:
  void save(const std::string& file, const std::vector<std::string>& names) {
    std::vector<std::pair<std::string, HostTensor>> tensors;
    const std::vector<float> value{1};
    for (const std::string& name : names) {
      tensors.emplace_back(name, HostTensor::from_floats({1}, value));
    }
    save_safetensors(directory_.path() / file, std::move(tensors));
  }

  void save_index(
      const std::vector<std::pair<std::string, std::string>>& rows) {
    std::string text;
    for (const auto& [tensor, shard] : rows) {
      text +=
          (text.empty() ? "" : ",") + ("\"" + tensor) + "\":\"" + shard + "\"";
    }
    directory_.write(kIndex, "{\"weight_map\":{" + text + "}}");
  }

  std::string error() const {
    try {
      ShardedSafetensors::open(directory_.path());
    } catch (const FileError& error) {
      return error.what();
    }
    return "opened";
  }

  test::TemporaryDirectory directory_;
};

TEST_F(ShardedSafetensorsTest, OpensSingleFile) {
  save("model.safetensors", {"a", "b"});
  const auto weights = ShardedSafetensors::open(directory_.path());
  EXPECT_THAT(weights.names(), ElementsAre("a", "b"));
  EXPECT_FALSE(weights.index_path());
  EXPECT_TRUE(weights.contains("a"));
  EXPECT_EQ(weights.find_or_null("c"), nullptr);
  EXPECT_THROW(weights.tensor("c"), FileError);
  const auto file =
      ShardedSafetensors::open(directory_.path() / "model.safetensors");
  EXPECT_EQ(file.tensor("b").element_count(), 1);
}

TEST_F(ShardedSafetensorsTest, OpensShardsInFileOrder) {
  save(kSecond, {"a"});
  save(kFirst, {"b", "c"});
  save("golden.safetensors", {"not listed"});
  save_index({{"a", kSecond}, {"b", kFirst}, {"c", kFirst}});
  const auto weights = ShardedSafetensors::open(directory_.path());
  ASSERT_EQ(weights.shards().size(), 2u);
  EXPECT_EQ(weights.shards()[0].path().filename(), kFirst);
  EXPECT_THAT(weights.names(), ElementsAre("a", "b", "c"));
  EXPECT_TRUE(weights.index_path());
}

TEST_F(ShardedSafetensorsTest, ChecksIndexBothWays) {
  save(kFirst, {"a", "b"});
  save_index({{"a", kFirst}});
  EXPECT_THAT(error(), AllOf(HasSubstr(kIndex),
                             HasSubstr("the index does not place there: b")));
  save_index({{"a", kFirst}, {"b", kFirst}, {"c", kFirst}});
  EXPECT_THAT(error(), HasSubstr("lacks tensors that the index places there: "
                                 "c"));
  save_index({{"a", kFirst}, {"b", kFirst}, {"c", kSecond}});
  EXPECT_THAT(error(), HasSubstr(kSecond));  // no such file
  save(kSecond, {"a", "c"});                 // `a` twice
  EXPECT_THAT(error(), HasSubstr("the index does not place there: a"));
}

TEST_F(ShardedSafetensorsTest, RefusesShardNamesThatLeaveTheDirectory) {
  save(kFirst, {"a"});
  for (const std::string shard :
       {"../x", "/etc/x", "sub/x", "..", ".", "", "a\\\\b", "x\\u0000y"}) {
    save_index({{"a", shard}});
    EXPECT_THAT(error(), HasSubstr("not a plain file name")) << shard;
  }
}

TEST_F(ShardedSafetensorsTest, RefusesBadIndexFiles) {
  struct Row {
    const char* text;
    const char* cause;
  };
  for (const Row& row : std::vector<Row>{
           {"", "invalid JSON"},
           {"[]", "no weight_map object"},
           {"{}", "no weight_map object"},
           {R"({"weight_map":[]})", "no weight_map object"},
           {R"({"weight_map":{}})", "weight_map is empty"},
           {R"({"weight_map":{"a":1}})", "shard is not a file name"},
           {R"({"weight_map":{"a":"x","a":"x"}})", "duplicate key 'a'"}}) {
    directory_.write(kIndex, row.text);
    EXPECT_THAT(error(), AllOf(HasSubstr(kIndex), HasSubstr(row.cause)));
  }
}

TEST_F(ShardedSafetensorsTest, PrefersSingleFileThatTheIndexDoesNotList) {
  save("model.safetensors", {"single"});
  save(kFirst, {"a"});
  save_index({{"a", kFirst}});
  const auto weights = ShardedSafetensors::open(directory_.path());
  EXPECT_THAT(weights.names(), ElementsAre("single"));
  EXPECT_FALSE(weights.index_path());
}

TEST_F(ShardedSafetensorsTest, TakesTheOnlyFileWhateverItsName) {
  EXPECT_THAT(error(), HasSubstr("no model.safetensors and no index"));
  save("weights.safetensors", {"a"});
  EXPECT_EQ(error(), "opened");
  save("more.safetensors", {"b"});
  EXPECT_THAT(error(), HasSubstr("2 .safetensors files but no"));
}

TEST_F(ShardedSafetensorsTest, AdapterIsNotAModel) {
  save("adapter_model.safetensors", {"a"});
  EXPECT_THAT(error(), HasSubstr("an adapter, not a model"));
}

}  // namespace
}  // namespace graft
