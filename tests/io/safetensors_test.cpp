// SafetensorsFile against good and damaged files made in memory, and the
// round trip of every dtype through the writer.
#include "graft/io/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "graft/base/error.h"
#include "graft/io/safetensors_writer.h"
#include "io/bad_file.h"
#include "io/safetensors_bytes.h"
#include "support/shared_data.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

using test::entry;
using test::safetensors_bytes;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

const std::string kOne = entry("w", "F32", "[2]", "[0,8]");
const std::string kData8(8, '\1');

using test::BadFile;

std::string error_of(const std::string& bytes) {
  return test::error_of_file("bad.safetensors", bytes, SafetensorsFile::open);
}

void expect_causes(const std::vector<BadFile>& rows) {
  test::expect_causes("bad.safetensors", rows, error_of);
}

TEST(Safetensors, RefusesBadLengths) {
  const std::string header = "{" + kOne + "}";
  expect_causes({
      {"empty file", "", "file too short: got 0 bytes"},
      {"seven bytes", std::string(7, '\0'), "file too short"},
      {"no header", std::string(8, '\0'), "not a JSON object"},
      {"past the end", safetensors_bytes(header, "", header.size() + 1),
       "header runs past the end"},
      {"over the limit", safetensors_bytes(header, kData8, 100'000'001),
       "header too large"},
      {"2^63 + 5",
       safetensors_bytes(header, kData8, (std::uint64_t{1} << 63) + 5),
       "header too large"},
      {"2^64 - 1", safetensors_bytes(header, kData8, ~std::uint64_t{0}),
       "header too large"},
      {"cut inside the data", safetensors_bytes(header, "1234567"),
       "data runs past the end"},
      {"cut inside the header", safetensors_bytes(header.substr(0, 9), "", 9),
       "invalid JSON"},
      {"trailing", safetensors_bytes(header, kData8 + "x"), "trailing bytes"},
  });
}

TEST(Safetensors, RefusesBadJson) {
  const std::string deep(100'000, '[');
  expect_causes({
      {"array", safetensors_bytes("[]", ""), "not a JSON object"},
      {"space in front", safetensors_bytes(" {}", ""), "not a JSON object"},
      {"open", safetensors_bytes("{" + kOne, kData8), "invalid JSON"},
      {"two values", safetensors_bytes("{}{}", ""), "invalid JSON"},
      {"bad UTF-8", safetensors_bytes("{\"a\xff\":1}", ""), "UTF-8"},
      {"lone surrogate", safetensors_bytes("{\"\\ud800\":1}", ""),
       "invalid JSON"},
      {"deep", safetensors_bytes("{\"a\":" + deep, ""), "nested deeper"},
      {"duplicate", safetensors_bytes("{" + kOne + "," + kOne + "}", kData8),
       "duplicate key 'w'"},
      {"duplicate by escape",
       safetensors_bytes(
           "{" + kOne + "," + entry("\\u0077", "F32", "[0]", "[8,8]") + "}",
           kData8),
       "duplicate key 'w'"},
      {"metadata number",
       safetensors_bytes("{\"__metadata__\":{\"format\":1}}", ""),
       "__metadata__ entry 'format' is not a string"},
      {"metadata list", safetensors_bytes("{\"__metadata__\":[]}", ""),
       "__metadata__ is not an object"},
  });
}

TEST(Safetensors, RefusesBadEntries) {
  const auto one = [](const std::string& fields) {
    return safetensors_bytes("{\"w\":" + fields + "}", kData8);
  };
  const auto tensor = [](const char* dtype, const char* shape,
                         const char* offsets) {
    return safetensors_bytes("{" + entry("w", dtype, shape, offsets) + "}",
                             kData8);
  };
  const char* kNoCount = "is not a non-negative integer";
  expect_causes({
      {"not an object", one("3"), "entry is not an object"},
      {"no dtype", one(R"({"shape":[2],"data_offsets":[0,8]})"),
       "missing field dtype"},
      {"no shape", one(R"({"dtype":"F32","data_offsets":[0,8]})"),
       "missing field shape"},
      {"no offsets", one(R"({"dtype":"F32","shape":[2]})"),
       "missing field data_offsets"},
      {"dtype number", one(R"({"dtype":1,"shape":[2],"data_offsets":[0,8]})"),
       "dtype is not a string"},
      {"dtype unknown", tensor("F31", "[2]", "[0,8]"), "unknown dtype"},
      {"shape scalar", tensor("F32", "2", "[0,8]"), "shape is not a list"},
      {"shape negative", tensor("F32", "[-2]", "[0,8]"), kNoCount},
      {"shape float", tensor("F32", "[2.0]", "[0,8]"), kNoCount},
      {"shape over 2^63", tensor("F32", "[9223372036854775808]", "[0,8]"),
       "dimension too large"},
      {"three offsets", tensor("F32", "[2]", "[0,4,8]"), "not a pair"},
      {"negative offset", tensor("F32", "[2]", "[-8,0]"), kNoCount},
      {"string offset", tensor("F32", "[2]", "[\"0\",8]"), kNoCount},
      {"reversed", tensor("F32", "[2]", "[8,0]"), "reversed"},
      {"size", tensor("F32", "[3]", "[0,8]"),
       "do not fit shape and dtype: got 8 bytes, expected 12 bytes"},
      {"overflow", tensor("F32", "[4294967296,4294967296,2]", "[0,8]"),
       "overflows"},
      {"overflow to zero", tensor("F32", "[4294967296,1073741824]", "[0,0]"),
       "overflows"},
  });
}

TEST(Safetensors, RefusesBadCoverage) {
  const auto pair = [](const char* first, const char* second,
                       std::size_t size) {
    return safetensors_bytes("{" + entry("a", "U8", "[4]", first) + "," +
                                 entry("b", "U8", "[4]", second) + "}",
                             std::string(size, '\0'));
  };
  expect_causes({
      {"overlap", pair("[0,4]", "[2,6]", 6), "tensor 'b': data overlaps"},
      {"same bytes", pair("[0,4]", "[0,4]", 4), "tensor 'b': data overlaps"},
      {"gap", pair("[0,4]", "[5,9]", 9), "tensor 'b': gap before its data"},
      {"gap at the start", pair("[1,5]", "[5,9]", 9), "tensor 'a': gap"},
      {"past the end", pair("[0,4]", "[4,8]", 7), "runs past the end"},
      {"far past the end",
       pair("[0,4]", "[18446744073709551608,18446744073709551612]", 8),
       "runs past the end"},
      {"unclaimed data", safetensors_bytes("{}", "x"), "trailing bytes"},
  });
}

TEST(Safetensors, MissingFileIsNamed) {
  EXPECT_THROW(SafetensorsFile::open("/nonexistent/w.safetensors"), FileError);
  const test::TemporaryDirectory directory;
  EXPECT_THROW(SafetensorsFile::open(directory.path()), FileError);
}

TEST(Safetensors, AcceptsOddButLegalFiles) {
  const test::TemporaryDirectory directory;
  const std::string header = "{" + entry("\\u0062", "F32", "[1]", "[4,8]") +
                             "," + entry("empty", "F32", "[0,3]", "[4,4]") +
                             "," + entry("a", "F32", "[]", "[0,4]") +
                             R"(,"__metadata__":{"k":"v"}}  )" + "\n ";
  const auto path =
      directory.write("odd.safetensors", safetensors_bytes(header, kData8));
  const SafetensorsFile file = SafetensorsFile::open(path);
  std::vector<std::string> names;
  for (const TensorEntry& tensor : file.entries()) names.push_back(tensor.name);
  EXPECT_THAT(names, ElementsAre("a", "empty", "b"));
  EXPECT_EQ(file.metadata().at("k"), "v");
  EXPECT_EQ(file.data_offset(), 8 + header.size());
  ASSERT_NE(file.find_or_null("empty"), nullptr);
  EXPECT_EQ(file.find_or_null("empty")->element_count(), 0);
  EXPECT_EQ(file.find_or_null("c"), nullptr);
  EXPECT_EQ(file.tensor(*file.find_or_null("a")).element_count(), 1);
}

TEST(Safetensors, EmptyFileOfNoTensors) {
  const test::TemporaryDirectory directory;
  const auto path =
      directory.write("none.safetensors", safetensors_bytes("{}", ""));
  EXPECT_TRUE(SafetensorsFile::open(path).entries().empty());
}

TEST(Safetensors, EveryDtypeRoundTrips) {
  constexpr std::array kTypes{
      DType::kF64, DType::kF32, DType::kF16,  DType::kBF16,   DType::kI64,
      DType::kI32, DType::kI16, DType::kI8,   DType::kU64,    DType::kU32,
      DType::kU16, DType::kU8,  DType::kBool, DType::kF8E4M3, DType::kF8E5M2};
  const test::TemporaryDirectory directory;
  for (const DType dtype : kTypes) {
    std::vector<std::byte> bytes(6 * dtype_size(dtype));
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] = static_cast<std::byte>(i * 37 + 1);
    }
    const auto path = directory.path() / std::string(dtype_name(dtype));
    save_safetensors(path,
                     {{"t", HostTensor::make_owned(dtype, {2, 3}, bytes)}});
    const SafetensorsFile file = SafetensorsFile::open(path);
    const HostTensor tensor = file.tensor(*file.find_or_null("t"));
    EXPECT_EQ(tensor.dtype, dtype);
    EXPECT_THAT(tensor.shape, ElementsAre(2, 3));
    EXPECT_TRUE(std::ranges::equal(tensor.bytes, bytes));
  }
}

TEST(Safetensors, TensorOutlivesItsFile) {
  const test::TemporaryDirectory directory;
  const auto path = directory.write(
      "w.safetensors", safetensors_bytes("{" + kOne + "}", kData8));
  HostTensor tensor;
  {
    const SafetensorsFile file = SafetensorsFile::open(path);
    tensor = file.tensor(file.entries().front());
    file.mapping().release(tensor.bytes);
  }
  std::filesystem::remove(path);
  EXPECT_EQ(tensor.bytes[7], std::byte{1});
}

}  // namespace
}  // namespace graft
