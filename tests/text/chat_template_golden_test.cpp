// Chat templates against Jinja itself: the committed cases, and those of the
// shared goldens where they are.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "graft/base/error.h"
#include "graft/text/chat_template.h"
#include "support/shared_data.h"

namespace graft {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

// The clock that the generator froze.
std::tm golden_time() {
  std::tm out{};
  out.tm_year = 126;
  out.tm_mon = 2;
  out.tm_mday = 9;
  out.tm_hour = 8;
  out.tm_min = 5;
  out.tm_wday = 1;
  out.tm_yday = 67;
  return out;
}

struct Outcome {
  std::string text;
  std::string error;
};

Outcome render(const std::string& source, const ordered_json& chat,
               const RenderOptions& options) {
  try {
    const ChatTemplate compiled = ChatTemplate::compile(source, "golden");
    return {compiled.render(Chat::parse(chat.dump(), "case"), options).text,
            ""};
  } catch (const FileError& error) {
    return {"", error.what()};
  }
}

void expect_case(const Outcome& got, const ordered_json& wanted) {
  if (wanted.is_null()) {
    EXPECT_FALSE(got.error.empty()) << "rendered: " << got.text;
  } else {
    EXPECT_EQ(got.error, "");
    EXPECT_EQ(got.text, wanted.get<std::string>());
  }
}

void check_file(const fs::path& path, test::CaseCounter& counter) {
  RenderOptions options;
  options.as_transformers = false;
  options.clock = golden_time;
  const ordered_json file = test::read_ordered_json(path);
  for (const auto& row : file.at("cases")) {
    SCOPED_TRACE(row.at("template").get<std::string>() + "\n" +
                 row.at("chat").dump());
    expect_case(render(row.at("template"), row.at("chat"), options),
                row.at("rendered"));
    counter.ran();
  }
}

TEST(ChatTemplateGolden, AgreesWithJinja) {
  test::CaseCounter counter("chat templates");
  const fs::path folder = test::source_path("tests/golden/chat/cases");
  for (const fs::path& path : test::files_below(folder, ".json")) {
    check_file(path, counter);
  }
  if (const char* more = std::getenv("GRAFT_CHAT_CASES")) {
    check_file(more, counter);
  }
  EXPECT_GT(counter.ran_count(), 0u);
}

TEST(ChatTemplateGolden, AgreesWithTheSharedCases) {
  const auto goldens = test::goldens_dir();
  if (!goldens) GTEST_SKIP() << "no shared goldens";
  test::CaseCounter counter("shared chat templates");
  for (const fs::path& path :
       test::files_below(*goldens / "tokenizers" / "chat", ".json")) {
    const ordered_json file = test::read_ordered_json(path);
    RenderOptions options;
    options.as_transformers = false;
    for (const char* name : {"bos_token", "eos_token"}) {
      if (file.at(name).is_string()) {
        options.tokens.emplace_back(name, file.at(name));
      }
    }
    for (const auto& row : file.at("cases")) {
      SCOPED_TRACE(path.string() + " " + row.at("messages").dump());
      ordered_json chat = row.at("variables");
      chat["messages"] = row.at("messages");
      chat["add_generation_prompt"] = row.at("add_generation_prompt");
      expect_case(render(file.at("template"), chat, options),
                  row.at("rendered"));
      counter.ran();
    }
  }
  EXPECT_GT(counter.ran_count(), 0u);
}

}  // namespace
}  // namespace graft
