// Bytes that SafetensorsWriter promises, and what it refuses.
#include "graft/io/safetensors_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graft/base/error.h"
#include "graft/io/safetensors.h"
#include "support/shared_data.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

using testing::HasSubstr;

std::vector<std::byte> bytes_of(std::size_t count) {
  return std::vector<std::byte>(count, std::byte{7});
}

TEST(SafetensorsWriter, HeaderBytesAreFixed) {
  const test::TemporaryDirectory directory;
  const auto path = directory.path() / "w.safetensors";
  SafetensorsWriter writer(
      path, {{"b\"\n", DType::kBF16, {1, 2}}, {"a", DType::kU8, {}}},
      {{"z", "1"}, {"format", "pt"}});
  writer.write(bytes_of(3));  // across the tensors
  writer.write(bytes_of(2));
  writer.commit();
  const std::string text = test::read_text(path);
  const std::string json =
      R"({"__metadata__":{"format":"pt","z":"1"},)"
      R"("b\"\n":{"dtype":"BF16","shape":[1,2],"data_offsets":[0,4]},)"
      R"("a":{"dtype":"U8","shape":[],"data_offsets":[4,5]}})";
  EXPECT_EQ(text.substr(8, json.size()), json);
  const SafetensorsFile file = SafetensorsFile::open(path);
  EXPECT_EQ(file.data_offset() % 64, 0u);
  EXPECT_EQ(text.size(), file.data_offset() + 5);
}

TEST(SafetensorsWriter, SavesSortedAndTheSameTwice) {
  const test::TemporaryDirectory directory;
  const std::vector<float> values{1, 2};
  const HostTensor tensor = HostTensor::from_floats({2}, values);
  const auto first = directory.path() / "first";
  const auto second = directory.path() / "second";
  save_safetensors(first, {{"b", tensor}, {"a", tensor}});
  save_safetensors(second, {{"a", tensor}, {"b", tensor}});
  EXPECT_EQ(test::read_text(first), test::read_text(second));
  const SafetensorsFile file = SafetensorsFile::open(first);
  EXPECT_EQ(file.entries().front().name, "a");
  EXPECT_EQ(file.metadata().at("format"), "pt");
}

TEST(SafetensorsWriter, RefusesWrongByteCounts) {
  const test::TemporaryDirectory directory;
  const auto path = directory.path() / "w.safetensors";
  SafetensorsWriter writer(path, {{"a", DType::kU8, {4}}}, {});
  writer.write(bytes_of(3));
  EXPECT_THROW(writer.write(bytes_of(2)), ConfigError);
  EXPECT_THROW(writer.commit(), ConfigError);
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(SafetensorsWriter, RefusesBadLayouts) {
  struct Row {
    std::vector<TensorLayout> layout;
    const char* cause;
  };
  constexpr std::int64_t kHuge = std::int64_t{1} << 62;
  const std::vector<Row> rows{
      {{{"a", DType::kU8, {1}}, {"a", DType::kU8, {1}}}, "duplicate"},
      {{{"__metadata__", DType::kU8, {1}}}, "reserved"},
      {{{"a", DType::kU8, {-1}}}, "negative"},
      {{{"a", DType::kF32, {kHuge, 2}}}, "overflows"},
      {{{"a", DType::kU8, {kHuge, 3}}, {"b", DType::kU8, {kHuge}}},
       "data overflows"},
      {{{"\xff", DType::kU8, {1}}}, "UTF-8"}};
  const test::TemporaryDirectory directory;
  for (const Row& row : rows) {
    try {
      SafetensorsWriter writer(directory.path() / "w", row.layout, {});
      ADD_FAILURE() << "accepted: " << row.cause;
    } catch (const ConfigError& error) {
      EXPECT_THAT(error.what(), HasSubstr(row.cause));
    }
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(SafetensorsWriter, RefusesTensorWhoseBytesDoNotFit) {
  const test::TemporaryDirectory directory;
  HostTensor tensor = HostTensor::make_owned(DType::kF32, {2}, bytes_of(4));
  EXPECT_THROW(save_safetensors(directory.path() / "w", {{"a", tensor}}),
               ConfigError);
}

}  // namespace
}  // namespace graft
