// Every tokenizer of the goldens: BPE, byte-level or SentencePiece's, must give
// the reference's ids and texts exactly; any other kind must be refused by
// name.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "graft/base/error.h"
#include "graft/text/tokenizer.h"
#include "support/shared_data.h"

namespace graft {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

bool holds_type(const json& part, const std::string& type) {
  if (part.is_object() && part.value("type", "") == type) return true;
  if (!part.is_structured()) return false;
  for (const auto& item : part) {
    if (holds_type(item, type)) return true;
  }
  return false;
}

// The class that graft claims: BPE over the byte-level alphabet, or with bytes
// to fall back on.
bool is_claimed(const json& file) {
  const json& model = file.at("model");
  const bool is_bpe = model.value("type", "BPE") == "BPE";
  const bool has_bytes = model.value("byte_fallback", false) ||
                         holds_type(file.at("decoder"), "ByteLevel");
  return is_bpe && has_bytes;
}

void check_row(const Tokenizer& tokenizer, const json& row) {
  using Ids = std::vector<std::int64_t>;
  const auto text = row.at("text").get<std::string>();
  const Ids ids = row.at("ids");
  const Ids ids_special = row.at("ids_special");
  EXPECT_EQ(tokenizer.encode(text, false), ids) << row.at("text");
  EXPECT_EQ(tokenizer.encode(text, true), ids_special) << row.at("text");
  EXPECT_EQ(tokenizer.decode(ids_special, true), row.at("decoded_skip"));
  EXPECT_EQ(tokenizer.decode(ids_special, false), row.at("decoded_full"));
  EXPECT_EQ(tokenizer.decode(ids, false), row.at("decoded_plain"));
}

void check_golden(const fs::path& folder, test::CaseCounter& rows) {
  const Tokenizer tokenizer = Tokenizer::open(folder);
  std::ifstream in(folder / "golden.jsonl");
  std::string line;
  std::size_t count = 0;
  while (std::getline(in, line)) {
    check_row(tokenizer, json::parse(line));
    rows.ran();
    ++count;
  }
  EXPECT_GT(count, 0u) << folder;
}

void check_refused(const fs::path& folder) {
  try {
    Tokenizer::open(folder);
    ADD_FAILURE() << folder << " opened";
  } catch (const FileError& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("tokenizer.json"), message.npos) << message;
    EXPECT_NE(message.find("is not supported yet"), message.npos) << message;
  }
}

std::vector<fs::path> tokenizer_folders() {
  std::vector<fs::path> out;
  const auto goldens = test::goldens_dir();
  if (!goldens || !fs::exists(*goldens / "tokenizers")) return out;
  for (const fs::path& folder :
       test::sub_directories(*goldens / "tokenizers")) {
    if (fs::exists(folder / "tokenizer.json")) out.push_back(folder);
  }
  return out;
}

TEST(Tokenizer, golden_bpe) {
  test::CaseCounter tokenizers("tokenizers, BPE");
  test::CaseCounter rows("tokenizer strings");
  for (const fs::path& folder : tokenizer_folders()) {
    SCOPED_TRACE(folder.string());
    const json file = test::read_json(folder / "tokenizer.json");
    if (is_claimed(file)) {
      check_golden(folder, rows);
      tokenizers.ran();
    } else {
      check_refused(folder);
      tokenizers.skipped("kind " + file.at("model").value("type", "none") +
                         ", refused by name");
    }
  }
}

TEST(Tokenizer, golden_of_this_repository) {
  test::CaseCounter rows("strings of tests/golden/text");
  for (const fs::path& folder :
       test::sub_directories(test::source_path("tests/golden/text"))) {
    SCOPED_TRACE(folder.string());
    check_golden(folder, rows);
  }
  EXPECT_GT(rows.ran_count(), 0u);
}

}  // namespace
}  // namespace graft
