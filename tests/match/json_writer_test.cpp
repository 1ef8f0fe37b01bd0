// The writer against the JSON library's own form.
#include "match/json_writer_internal.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>

namespace graft {
namespace {

TEST(JsonWriter, writes_what_the_library_writes) {
  const std::string odd("q\"\\\n\x01\x7F\xC3\xA9\xFF/\0z", 13);
  const std::vector<std::string> texts = {"a", "", odd};
  JsonWriter out;
  out.begin_object();
  out.field("text", odd);
  out.field("list", texts);
  out.field("none", std::vector<std::string>());
  out.field("half", 0.5);
  out.field("whole", 32.0);
  out.field("tiny", 1e-300);
  out.field("least", std::numeric_limits<std::int64_t>::min());
  out.field("most", std::numeric_limits<std::uint64_t>::max());
  out.field("yes", true);
  out.field("missing", std::optional<std::int64_t>());
  out.field("there", std::optional<std::int64_t>(4));
  out.key(odd);
  out.begin_object();
  out.end_object();
  out.end_object();
  const nlohmann::ordered_json expected{
      {"text", odd},
      {"list", texts},
      {"none", nlohmann::ordered_json::array()},
      {"half", 0.5},
      {"whole", 32.0},
      {"tiny", 1e-300},
      {"least", std::numeric_limits<std::int64_t>::min()},
      {"most", std::numeric_limits<std::uint64_t>::max()},
      {"yes", true},
      {"missing", nullptr},
      {"there", 4},
      {odd, nlohmann::ordered_json::object()}};
  EXPECT_EQ(
      out.take(),
      expected.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) +
          '\n');
}

}  // namespace
}  // namespace graft
