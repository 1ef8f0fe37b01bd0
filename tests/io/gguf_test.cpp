// GgufFile against good and damaged files made in memory.
#include "graft/io/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graft/base/error.h"
#include "io/bad_file.h"
#include "support/gguf_bytes.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

using test::GgufBytes;
using test::number_bytes;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

const std::string kData(64, '\1');
constexpr std::uint64_t kHuge = ~std::uint64_t{0};

using test::BadFile;

std::string error_of(const std::string& bytes) {
  return test::error_of_file("bad.gguf", bytes, GgufFile::open);
}

void expect_causes(const std::vector<BadFile>& rows) {
  test::expect_causes("bad.gguf", rows, error_of);
}

// Every kind of value, and two tensors.
GgufBytes small_file() {
  GgufBytes out;
  out.key_text("general.architecture", "llama")
      .key("u8", 0, "\xff")
      .key("i8", 1, "\xff")
      .key("i64", 11, number_bytes<std::int64_t>(-5))
      .key("u64", 10, number_bytes(kHuge))
      .key_f32("half", 0.5F)
      .key("f64", 12, number_bytes(0.25))
      .key_bool("yes", true)
      .key_texts("words", {"a", "", "ccc"})
      .key_i32s("numbers", {7, -7})
      .tensor_data("a", {2, 4}, 0, std::string(32, '\2'))
      .tensor_data("b", {32, 1}, 8, std::string(34, '\0'));
  return out;
}

TEST(Gguf, ReadsEveryKindOfValue) {
  const test::TemporaryDirectory directory;
  const auto path = directory.write("m.gguf", small_file().str());
  ASSERT_TRUE(is_gguf_file(path));
  const GgufFile file = GgufFile::open(path);
  const GgufMetadata& keys = file.metadata();
  EXPECT_EQ(keys.keys().size(), 10U);
  EXPECT_EQ(keys.text("general.architecture"), "llama");
  EXPECT_EQ(keys.integer("u8"), 255);
  EXPECT_EQ(keys.integer("i8"), -1);
  EXPECT_EQ(keys.integer("i64"), -5);
  EXPECT_EQ(keys.number("half"), 0.5);
  EXPECT_EQ(keys.number("f64"), 0.25);
  EXPECT_EQ(keys.number("i8"), -1.0);
  EXPECT_EQ(keys.boolean("yes"), true);
  EXPECT_THAT(*keys.texts("words"), ElementsAre("a", "", "ccc"));
  EXPECT_THAT(*keys.integers("numbers"), ElementsAre(7, -7));
  EXPECT_EQ(keys.integer("absent"), std::nullopt);
  EXPECT_EQ(keys.summary("words"), R"(["a","","ccc"])");
  EXPECT_EQ(keys.summary("half"), "0.5");
  EXPECT_EQ(keys.summary("u64"), "18446744073709551615");
  EXPECT_EQ(keys.summary("absent"), "null");
  EXPECT_EQ(file.entries()[0].shape, (std::vector<std::int64_t>{4, 2}));
  EXPECT_EQ(file.entries()[1].format->name, "Q8_0");
  EXPECT_EQ(file.entries()[1].element_count(), 32);
  EXPECT_EQ(file.tensor(file.entries()[0]).bytes[31], std::byte{2});
}

TEST(Gguf, TypedAccessNamesKeyGotAndExpected) {
  const test::TemporaryDirectory directory;
  const GgufFile file =
      GgufFile::open(directory.write("m.gguf", small_file().str()));
  const GgufMetadata& keys = file.metadata();
  const auto message = [](const auto& read) -> std::string {
    try {
      read();
    } catch (const FileError& error) {
      return error.what();
    }
    return "read";
  };
  EXPECT_THAT(message([&] { keys.integer("half"); }),
              HasSubstr("m.gguf: metadata key 'half': got float32 0.5, "
                        "expected an integer"));
  EXPECT_THAT(message([&] { keys.text("words"); }),
              HasSubstr("got an array of 3 string, expected a string"));
  EXPECT_THAT(message([&] { keys.texts("numbers"); }),
              HasSubstr("expected an array of strings"));
  EXPECT_THAT(message([&] { keys.boolean("u8"); }), HasSubstr("a bool"));
  EXPECT_THAT(message([&] { keys.integer("u64"); }), HasSubstr("an integer"));
  EXPECT_THAT(message([&] { keys.count("i8"); }), HasSubstr("1 to 2147483648"));
  EXPECT_THAT(message([&] { keys.required_count("absent"); }),
              HasSubstr("'absent': got nothing, expected a positive integer"));
  EXPECT_THAT(message([&] { keys.required_text("absent"); }),
              HasSubstr("got nothing"));
}

// Nothing but the padding after the last tensor may be missing.
TEST(Gguf, EveryTruncationIsAnError) {
  const std::string whole = small_file().str();
  constexpr std::size_t kPadding = 64 - 34;
  for (std::size_t size = 0; size < whole.size() - kPadding; ++size) {
    EXPECT_NE(error_of(whole.substr(0, size)), "opened") << size;
  }
  EXPECT_EQ(error_of(whole.substr(0, whole.size() - kPadding)), "opened");
}

// Whatever a byte becomes, the file opens or is refused; under ASAN this also
// proves that nothing outside of it is read.
TEST(Gguf, EveryChangedByteOpensOrIsAnError) {
  const std::string whole = small_file().str();
  std::size_t refused = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const unsigned char value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      std::string changed = whole;
      changed[at] = static_cast<char>(value);
      const test::TemporaryDirectory directory;
      const auto path = directory.write("m.gguf", changed);
      try {
        const GgufFile file = GgufFile::open(path);
        for (const GgufEntry& entry : file.entries()) {
          EXPECT_EQ(file.tensor(entry).bytes.size(), entry.byte_size());
        }
        for (const std::string& key : file.metadata().keys()) {
          EXPECT_FALSE(file.metadata().summary(key).empty());
        }
      } catch (const FileError&) {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, whole.size());
}

TEST(Gguf, RefusesBadHeaders) {
  expect_causes({
      {"empty", "", "runs past the end"},
      {"magic", GgufBytes().magic("GGML").str(), "not a GGUF file: got 'GGML'"},
      {"version 0", GgufBytes().version(0).str(), "unknown GGUF version"},
      {"version 1", GgufBytes().version(1).str(), "GGUF version 1"},
      {"version 4", GgufBytes().version(4).str(), "got 4, expected 2 or 3"},
      {"big-endian", GgufBytes().version(0x03000000).str(), "big-endian"},
      {"many keys", GgufBytes().key_count(kHuge).str(), "metadata count"},
      {"one key too many", small_file().key_count(11).str(), "truncated?"},
      {"many tensors", GgufBytes().tensor_count(kHuge).str(), "tensor count"},
      {"billions", small_file().tensor_count(1ULL << 40).str(),
       "the tensor count does not fit the file"},
      {"one tensor too many", small_file().tensor_count(3).str(), "tensor"},
  });
  EXPECT_EQ(error_of(GgufBytes().version(2).str()), "opened");
}

TEST(Gguf, RefusesBadValues) {
  const auto array = [](std::uint32_t type, std::uint64_t count) {
    return number_bytes(type) + number_bytes(count);
  };
  expect_causes({
      {"key length",
       GgufBytes().magic("GGUF").key_count(1).str() + number_bytes(kHuge) +
           std::string(20, 'k'),
       "name runs past the end"},
      {"empty key", GgufBytes().key_u32("", 1).str(), "got 0 bytes"},
      {"long key", GgufBytes().key_u32(std::string(70000, 'k'), 1).str(),
       "got 70000 bytes"},
      {"type 13", GgufBytes().key("k", 13, "12345678").str(),
       "metadata key 'k': unknown value type: got 13"},
      {"text length", GgufBytes().key("k", 8, number_bytes(kHuge)).str(),
       "'k' runs past the end"},
      {"array length", GgufBytes().key("k", 9, array(4, kHuge)).str(),
       "array length does not fit"},
      {"array just too long",
       GgufBytes().key("k", 9, array(4, 3) + std::string(8, 'x')).str(),
       "array length does not fit the file (truncated?): got 3, expected at "
       "most 2"},
      {"array of strings", GgufBytes().key("k", 9, array(8, 1ULL << 60)).str(),
       "array length does not fit"},
      {"string inside",
       GgufBytes().key("k", 9, array(8, 1) + number_bytes(kHuge)).str(),
       "'k' runs past the end"},
      {"array of arrays",
       GgufBytes().key("k", 9, array(9, 1) + array(4, 1) + "1234").str(),
       "'k': an array of arrays"},
      {"array type", GgufBytes().key("k", 9, array(99, 0)).str(),
       "unknown value type"},
      {"bool", GgufBytes().key("k", 7, "\2").str(), "neither 0 nor 1"},
      {"twice", GgufBytes().key_u32("k", 1).key_u32("k", 1).str(),
       "metadata key 'k' is there twice"},
      {"name with escapes", GgufBytes().key("\x1b[2J", 7, "\2").str(),
       "\\u001b[2J"},
  });
}

GgufBytes one(const std::vector<std::uint64_t>& dimensions, std::uint32_t type,
              std::uint64_t offset) {
  GgufBytes out;
  out.tensor("w", dimensions, type, offset).data(kData);
  return out;
}

TEST(Gguf, RefusesBadTensors) {
  expect_causes({
      {"no dimension", one({}, 0, 0).str(), "number of dimensions: got 0"},
      {"five", one({1, 1, 1, 1, 1}, 0, 0).str(), "dimensions: got 5"},
      {"zero", one({4, 0}, 0, 0).str(), "a dimension of 0"},
      {"type 4", one({4}, 4, 0).str(), "'w': unknown tensor type: got 4"},
      {"type 1000", one({4}, 1000, 0).str(), "unknown tensor type: got 1000"},
      {"part of a block", one({33}, 8, 0).str(),
       "row of Q8_0: got 33 elements, expected a multiple of 32"},
      {"overflow", one({1ULL << 32, 1ULL << 32}, 0, 0).str(), "overflows"},
      {"overflow in bytes", one({1ULL << 62}, 0, 0).str(), "overflows"},
      {"past the end", one({17}, 0, 0).str(), "runs past the end"},
      {"offset", one({4}, 0, 64).str(), "runs past the end"},
      {"offset overflows", one({4}, 0, kHuge - 15).str(), "offset overflows"},
      {"not aligned", one({4}, 0, 4).str(), "offset is not aligned"},
      {"twice",
       GgufBytes()
           .tensor("w", {4}, 0, 0)
           .tensor("w", {4}, 0, 32)
           .data(kData)
           .str(),
       "tensor 'w' is there twice"},
      {"overlap",
       GgufBytes()
           .tensor("v", {9}, 0, 0)
           .tensor("w", {4}, 0, 32)
           .data(kData)
           .str(),
       "tensor 'w': data overlaps"},
      {"same place",
       GgufBytes()
           .tensor("v", {4}, 0, 0)
           .tensor("w", {4}, 0, 0)
           .data(kData)
           .str(),
       "data overlaps"},
      {"empty name", GgufBytes().tensor("", {4}, 0, 0).data(kData).str(),
       "name: got 0 bytes"},
  });
  EXPECT_EQ(error_of(one({4}, 0, 32).str()), "opened");
}

TEST(Gguf, RefusesBadAlignments) {
  const auto with = [](std::uint32_t value) {
    return one({4}, 0, 0).key_u32("general.alignment", value).str(64);
  };
  expect_causes({
      {"zero", with(0), "'general.alignment': got uint32 0"},
      {"no power of two", with(48), "expected a power of two"},
      {"huge", with(1U << 20), "at most 65536"},
      {"text", one({4}, 0, 0).key_text("general.alignment", "32").str(),
       "expected an integer"},
  });
  EXPECT_EQ(error_of(with(64)), "opened");
}

TEST(Gguf, MissingFileIsNamed) {
  EXPECT_THROW(GgufFile::open("/nonexistent/m.gguf"), FileError);
  EXPECT_FALSE(is_gguf_file("/nonexistent/m.gguf"));
  const test::TemporaryDirectory directory;
  EXPECT_THROW(GgufFile::open(directory.path()), FileError);
  EXPECT_FALSE(is_gguf_file(directory.path()));
  EXPECT_FALSE(is_gguf_file(directory.write("a", "GGU")));
  // Named as one, it is told what is wrong with it.
  EXPECT_TRUE(is_gguf_file(directory.write("a.gguf", "GGM")));
}

TEST(Gguf, TensorOutlivesItsFile) {
  const test::TemporaryDirectory directory;
  const auto path = directory.write("m.gguf", small_file().str());
  StoredTensor tensor;
  {
    const GgufFile file = GgufFile::open(path);
    tensor = file.tensor(*file.find_or_null("a"));
  }
  std::filesystem::remove(path);
  EXPECT_EQ(tensor.bytes[0], std::byte{2});
}

}  // namespace
}  // namespace graft
