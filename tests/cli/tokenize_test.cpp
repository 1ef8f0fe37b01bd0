// `graft tokenize`: JSON lines in, JSON lines out, exact on the goldens.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/program.h"
#include "cli/small_model.h"
#include "support/shared_data.h"

namespace graft::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

std::string tokenizer() { return tiny_model().string(); }

TEST(Tokenize, there_and_back) {
  const std::string rows =
      "{\"text\":\"The Golden Wren left.\"}\n{\"text\":\"\"}\n"
      "{\"text\":\"caf\\u00e9 \\ud83d\\ude80\\u0000\\n\"}\n";
  const Outcome ids =
      run_graft({"tokenize", tokenizer(), "--no-special"}, rows);
  expect_quiet_success(ids);
  ASSERT_EQ(lines_of(ids.out).size(), 3u);
  EXPECT_EQ(json::parse(lines_of(ids.out)[1]).at("ids").size(), 0u);
  const Outcome text =
      run_graft({"tokenize", tokenizer(), "--decode"}, ids.out);
  expect_quiet_success(text);
  const auto want = lines_of(rows);
  const auto got = lines_of(text.out);
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(json::parse(got[i]), json::parse(want[i]));
  }
}

TEST(Tokenize, empty_input_and_missing_last_line_break) {
  EXPECT_EQ(run_graft({"tokenize", tokenizer()}).out, "");
  const Outcome whole =
      run_graft({"tokenize", tokenizer()}, "{\"text\":\"a\"}\n");
  EXPECT_EQ(run_graft({"tokenize", tokenizer()}, "{\"text\":\"a\"}").out,
            whole.out);
  EXPECT_EQ(run_graft({"tokenize", tokenizer()}, "{\"text\":\"a\"}\r\n").out,
            whole.out);
}

// Rows before the bad one may already be out: this is a stream.
TEST(Tokenize, bad_lines_are_named_by_number) {
  const std::vector<std::string> rows = {"",
                                         "[]",
                                         "5",
                                         "{",
                                         "{\"text\": 5}",
                                         "{\"txt\": \"a\"}",
                                         "{\"ids\": [1]}",
                                         "{\"text\": \"\xff\"}",
                                         "{\"text\": \"\\ud800\"}",
                                         "{\"text\": \"a\"} x",
                                         std::string(100000, '[')};
  for (const std::string& row : rows) {
    SCOPED_TRACE(row.substr(0, 40));
    const Outcome outcome =
        run_graft({"tokenize", tokenizer()}, "{\"text\":\"a\"}\n" + row + "\n");
    EXPECT_EQ(outcome.code, 3);
    EXPECT_THAT(outcome.err, HasSubstr("error: tokenize: line 2: "));
  }
}

TEST(Tokenize, bad_ids_are_named_by_line) {
  for (const char* row :
       {"{}", "{\"ids\": 5}", "{\"ids\": [-1]}", "{\"ids\": [1.5]}",
        "{\"ids\": [\"a\"]}", "{\"ids\": [99999999999999999999]}"}) {
    SCOPED_TRACE(row);
    const Outcome outcome =
        run_graft({"tokenize", tokenizer(), "--decode"}, row);
    expect_error(outcome, 3, {"tokenize: line 1: "});
  }
}

TEST(Tokenize, bad_paths_and_options) {
  const TemporaryDirectory directory;
  directory.write("broken/tokenizer.json", "{\"model\": ");
  directory.write("list/tokenizer.json", "[]");
  directory.write("deep/tokenizer.json", std::string(100000, '['));
  const fs::path& path = directory.path();
  expect_error(run_graft({"tokenize", path / "missing"}), 2, {"missing"});
  expect_error(run_graft({"tokenize", path}), 3, {path / "tokenizer.json"});
  for (const char* name : {"broken", "list", "deep"}) {
    expect_error(run_graft({"tokenize", path / name}), 3,
                 {path / name / "tokenizer.json"});
  }
  expect_error(run_graft({"tokenize", tokenizer(), "--skip-special"}), 2,
               {"--decode"});
  expect_error(run_graft({"tokenize", tokenizer(), "--decode", "--no-special"}),
               2, {"--no-special"});
}

TEST(Tokenize, chats_go_through_the_models_template) {
  const TemporaryDirectory directory;
  link_tiny_model(directory.path());
  directory.write("chat_template.jinja",
                  "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n"
                  "{% endfor %}{% if add_generation_prompt %}[assistant]"
                  "{% endif %}");
  const std::string chat =
      "{\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}],"
      "\"add_generation_prompt\":true}";
  const Outcome ids = run_graft({"tokenize", directory.path()}, chat);
  expect_quiet_success(ids);
  EXPECT_EQ(ids.out, run_graft({"tokenize", directory.path(), "--no-special"},
                               "{\"text\":\"[user] Hello\\n[assistant]\"}")
                         .out);
  expect_error(run_graft({"tokenize", tokenizer()}, chat), 2,
               {"no chat template", "chat_template.jinja"});
}

TEST(Tokenize, bare_templates_render_text) {
  const TemporaryDirectory directory;
  const std::string path =
      directory
          .write("t.jinja",
                 "{% for m in messages %}\n{{ m.content | trim }}{{ eos_token "
                 "}}\n{% endfor %}{{ raise_exception(no) if no }}\n")
          .string();
  const std::string chat =
      "{\"eos_token\":\"!\",\"messages\":[{\"content\":\" h\\u00e9 \"}]}\n";
  const Outcome text = run_graft({"tokenize", "--template", path}, chat);
  expect_quiet_success(text);
  EXPECT_EQ(text.out, "{\"text\":\"h\u00e9!\\n\"}\n");
  expect_error(run_graft({"tokenize", "--template", path},
                         "{\"messages\":[],\"no\":\"never\"}"),
               3, {"line 1", "t.jinja:3", "the template refuses: never"});
  directory.write("bad.jinja", "a\n{% if %}");
  expect_error(run_graft({"tokenize", "--template",
                          (directory.path() / "bad.jinja").string()},
                         chat),
               3, {"bad.jinja:2", "got '%}'"});
  expect_error(run_graft({"tokenize"}), 2,
               {"PATH, or --template, is required"});
  expect_error(run_graft({"tokenize", "--template", "missing"}), 3,
               {"missing"});
}

// Every case of the shared goldens, as a stranger's program would feed it.
TEST(Tokenize, renders_the_shared_chats) {
  const auto goldens = goldens_dir();
  if (!goldens) GTEST_SKIP() << "no shared goldens";
  for (const fs::path& file :
       files_below(*goldens / "tokenizers" / "chat", ".json")) {
    const auto golden = read_ordered_json(file);
    const TemporaryDirectory directory;
    const std::string path =
        directory.write("t.jinja", golden.at("template").get<std::string>())
            .string();
    for (const auto& row : golden.at("cases")) {
      nlohmann::ordered_json line = row;
      for (const char* name : {"bos_token", "eos_token"}) {
        if (golden.at(name).is_string()) line[name] = golden.at(name);
      }
      const Outcome outcome =
          run_graft({"tokenize", "--template", path}, line.dump());
      if (row.at("rendered").is_null()) {
        EXPECT_EQ(outcome.code, 3) << file << outcome.out;
      } else {
        expect_quiet_success(outcome);
        EXPECT_EQ(json::parse(outcome.out).at("text"), row.at("rendered"));
      }
    }
  }
}

bool holds_type(const json& part, const std::string& type) {
  if (part.is_object() && part.value("type", "") == type) return true;
  if (!part.is_structured()) return false;
  return std::any_of(part.begin(), part.end(),
                     [&](const json& item) { return holds_type(item, type); });
}

// The class that graft claims: BPE over the byte-level alphabet, or with bytes
// to fall back on.
bool is_claimed(const json& file) {
  const json& model = file.at("model");
  const bool has_bytes = model.value("byte_fallback", false) ||
                         holds_type(file.value("decoder", json()), "ByteLevel");
  return model.value("type", "BPE") == "BPE" && has_bytes;
}

struct Direction {
  std::vector<std::string> flags;
  std::string from, to;       // fields of a golden row
  std::string input, output;  // fields of the command's lines
};

void check_direction(const fs::path& folder, const std::vector<json>& rows,
                     const Direction& direction) {
  SCOPED_TRACE(folder.string() + " " + direction.to);
  std::string input;
  for (const json& row : rows) {
    input += json{{direction.input, row.at(direction.from)}}.dump() + "\n";
  }
  std::vector<std::string> words = {"tokenize", folder.string()};
  words.insert(words.end(), direction.flags.begin(), direction.flags.end());
  const Outcome outcome = run_graft(std::move(words), std::move(input));
  expect_quiet_success(outcome);
  const std::vector<std::string> lines = lines_of(outcome.out);
  ASSERT_EQ(lines.size(), rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(json::parse(lines[i]).at(direction.output),
              rows[i].at(direction.to))
        << rows[i].at("text");
  }
}

void check_style(const fs::path& folder) {
  std::vector<json> rows;
  for (const std::string& line : lines_of(read_text(folder / "golden.jsonl"))) {
    rows.push_back(json::parse(line));
  }
  ASSERT_FALSE(rows.empty());
  const std::vector<Direction> directions = {
      {{}, "text", "ids_special", "text", "ids"},
      {{"--no-special"}, "text", "ids", "text", "ids"},
      {{"--decode"}, "ids_special", "decoded_full", "ids", "text"},
      {{"--decode"}, "ids", "decoded_plain", "ids", "text"},
      {{"--decode", "--skip-special"},
       "ids_special",
       "decoded_skip",
       "ids",
       "text"}};
  for (const Direction& direction : directions) {
    check_direction(folder, rows, direction);
  }
}

TEST(Tokenize, golden_styles) {
  const auto goldens = goldens_dir();
  CaseCounter counter("tokenizers through graft tokenize");
  if (!goldens) return;
  for (const fs::path& folder : sub_directories(*goldens / "tokenizers")) {
    if (!fs::exists(folder / "tokenizer.json")) continue;
    if (is_claimed(read_json(folder / "tokenizer.json"))) {
      check_style(folder);
      counter.ran();
    } else {
      expect_error(run_graft({"tokenize", folder}, "{\"text\":\"a\"}\n"), 3,
                   {folder / "tokenizer.json", "not supported"});
      counter.skipped("not byte-level BPE, refused by name");
    }
  }
  EXPECT_GT(counter.ran_count(), 0u);
}

}  // namespace
}  // namespace graft::test
