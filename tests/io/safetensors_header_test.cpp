// The quick way through a header against the strict one: the same entries, or
// left to it.
#include "io/safetensors_header_internal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "graft/base/error.h"
#include "io/safetensors_bytes.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

using test::entry;
using testing::ElementsAre;

struct Read {
  bool plain = false;
  std::vector<TensorEntry> entries;
  std::map<std::string, std::string> metadata;
};

Read read(const std::string& text) {
  Read out;
  out.plain = read_plain_header(text, out.entries, out.metadata);
  return out;
}

TEST(PlainHeader, reads_what_the_libraries_write) {
  const Read header = read(
      "{\"__metadata__\":{\"format\":\"pt\"}," +
      entry("a.weight", "BF16", "[2,3]", "[0,12]") + ", \n" +
      R"("s" : { "dtype": "F32", "shape": [ ], "data_offsets": [12, 16] })" +
      "}   ");
  ASSERT_TRUE(header.plain);
  ASSERT_EQ(header.entries.size(), 2u);
  EXPECT_EQ(header.entries[0].name, "a.weight");
  EXPECT_EQ(header.entries[0].dtype, DType::kBF16);
  EXPECT_THAT(header.entries[0].shape, ElementsAre(2, 3));
  EXPECT_EQ(header.entries[1].begin, 12u);
  EXPECT_EQ(header.entries[1].end, 16u);
  EXPECT_TRUE(header.entries[1].shape.empty());
  EXPECT_EQ(header.metadata.at("format"), "pt");
  EXPECT_TRUE(read("{}").plain);
}

TEST(PlainHeader, leaves_all_else_to_the_strict_reader) {
  const std::string good = entry("w", "F32", "[2]", "[0,8]");
  for (const std::string& text : {
           std::string(),
           std::string("{"),
           "{" + good,
           "{" + good + ",}",
           "{" + good + "}x",
           "{" + entry("\\u0061", "F32", "[2]", "[0,8]") + "}",
           "{" + entry("\xC3\xA9", "F32", "[2]", "[0,8]") + "}",
           "{" + entry("w", "F33", "[2]", "[0,8]") + "}",
           "{" + entry("w", "F32", "[02]", "[0,8]") + "}",
           "{" + entry("w", "F32", "[-2]", "[0,8]") + "}",
           "{" + entry("w", "F32", "[2e0]", "[0,8]") + "}",
           "{" + entry("w", "F32", "[2.0]", "[0,8]") + "}",
           "{" + entry("w", "F32", "[2,]", "[0,8]") + "}",
           "{" + entry("w", "F32", "[9223372036854775808]", "[0,8]") + "}",
           "{" + entry("w", "F32", "[2]", "[0,18446744073709551616]") + "}",
           "{" + entry("w", "F32", "[2]", "[0,8,9]") + "}",
           "{" + entry("w", "F32", "[2]", "[8]") + "}",
           std::string(
               R"({"w":{"shape":[2],"dtype":"F32","data_offsets":[0,8]}})"),
           std::string(R"({"w":{"dtype":"F32","shape":[2]}})"),
           std::string(R"({"__metadata__":{"a":1}})"),
           std::string(R"({"__metadata__":{"a":"1","a":"2"}})"),
           std::string(R"({"__metadata__":{},"__metadata__":{}})"),
       }) {
    EXPECT_FALSE(read(text).plain) << text;
  }
}

// Each damaged header is an error in the whole reader, or one that JSON allows.
TEST(PlainHeader, damage_is_never_read_as_something_else) {
  const std::string good = "{\"__metadata__\":{\"format\":\"pt\"}," +
                           entry("a", "F32", "[2]", "[0,8]") + "," +
                           entry("b", "F32", "[1,2]", "[8,16]") + "}";
  const test::TemporaryDirectory folder;
  std::mt19937 random(5);
  for (int i = 0; i < 2000; ++i) {
    std::string text = good;
    text[random() % text.size()] = "{}[]:,\"\\ 019aF\n\x01\xFF"[random() % 17];
    const auto file = folder.write(
        "t.safetensors", test::safetensors_bytes(text, std::string(16, 'x')));
    try {
      const SafetensorsFile read = SafetensorsFile::open(file);
      std::uint64_t end = 0;
      for (const TensorEntry& entry : read.entries()) end += entry.byte_size();
      EXPECT_EQ(end, 16u) << text;
    } catch (const FileError&) {
    }
  }
}

}  // namespace
}  // namespace graft
