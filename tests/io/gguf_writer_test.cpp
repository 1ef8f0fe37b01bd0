// What save_gguf writes reads back; the bytes are those of the format; bad
// names and shapes.
#include "graft/io/gguf_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graft/base/error.h"
#include "graft/io/gguf.h"
#include "support/gguf_bytes.h"
#include "support/shared_data.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

using test::GgufBytes;
using test::number_bytes;
using test::TemporaryDirectory;
using testing::HasSubstr;

using Fields = std::vector<std::pair<std::string, GgufField>>;
using Tensors = std::vector<std::pair<std::string, HostTensor>>;

HostTensor ones(std::vector<std::int64_t> shape) {
  std::size_t count = 1;
  for (const std::int64_t size : shape) count *= static_cast<std::size_t>(size);
  return HostTensor::from_floats(std::move(shape),
                                 std::vector<float>(count, 1.0F));
}

std::string bytes_of(const Fields& fields, const Tensors& tensors) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "out.gguf";
  save_gguf(path, fields, tensors);
  return test::read_text(path);
}

TEST(GgufWriter, writes_the_bytes_of_the_format) {
  std::string floats;
  for (int i = 0; i < 6; ++i) floats += number_bytes(1.0F);
  GgufBytes expected;
  expected.key_text("general.type", "adapter")
      .key_u32("count", 7)
      .key_f32("alpha", 0.5F)
      .tensor_data("first", {3, 2}, 0, floats)
      .tensor_data("second", {6}, 0, floats);
  EXPECT_EQ(
      bytes_of({{"general.type", "adapter"}, {"count", 7U}, {"alpha", 0.5F}},
               {{"first", ones({2, 3})}, {"second", ones({6})}}),
      expected.str());
}

TEST(GgufWriter, reads_back) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "out.gguf";
  const HostTensor half = HostTensor::make_owned(
      DType::kBF16, {1, 2},
      {std::byte{0x80}, std::byte{0x3f}, std::byte{0}, std::byte{0x40}});
  save_gguf(path, {{"k", "v"}}, {{"half", half}, {"one", ones({1, 1, 1, 5})}});
  const GgufFile file = GgufFile::open(path);
  EXPECT_EQ(file.version(), 3U);
  EXPECT_EQ(file.metadata().text("k"), "v");
  ASSERT_EQ(file.entries().size(), 2U);
  EXPECT_EQ(file.entries()[0].format->name, "BF16");
  EXPECT_EQ(file.entries()[1].shape, (std::vector<std::int64_t>{1, 1, 1, 5}));
  std::vector<float> values(2);
  file.tensor(file.entries()[0]).decode({0, 1}, values.data());
  EXPECT_EQ(values, (std::vector<float>{1.0F, 2.0F}));
}

TEST(GgufWriter, refuses_what_readers_cannot_hold) {
  struct Row {
    const char* cause;
    Fields fields;
    Tensors tensors;
  };
  const HostTensor integers =
      HostTensor::make_owned(DType::kI8, {1}, std::vector<std::byte>(1));
  const std::vector<Row> rows = {
      {"the name twice", {{"k", 1U}, {"k", 2U}}, {}},
      {"an empty name", {}, {{"", ones({1})}}},
      {"the name twice", {}, {{"a", ones({1})}, {"a", ones({2})}}},
      {"too long for ggml", {}, {{std::string(64, 'x'), ones({1})}}},
      {"5 dimensions", {}, {{"a", ones({1, 1, 1, 1, 1})}}},
      {"0 dimensions", {}, {{"a", ones({})}}},
      {"0 bytes", {}, {{"a", ones({2, 0})}}},
      {"F32, F16 or BF16", {}, {{"a", integers}}}};
  const TemporaryDirectory directory;
  const auto path = directory.write("old.gguf", "old");
  for (const Row& row : rows) {
    try {
      save_gguf(path, row.fields, row.tensors);
      ADD_FAILURE() << row.cause;
    } catch (const ConfigError& error) {
      EXPECT_THAT(error.what(), HasSubstr(row.cause));
    }
  }
  EXPECT_EQ(test::read_text(path), "old");
}

}  // namespace
}  // namespace graft
