// Whole models against recorded walks: order, hits, warnings.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "graft/base/error.h"
#include "graft/peft/lora.h"
#include "peft/module_walk_internal.h"
#include "peft/sha256.h"
#include "peft/stand_in.h"
#include "support/shared_data.h"

namespace graft {
namespace {

using Json = nlohmann::ordered_json;
using Chunks = std::vector<std::shared_ptr<torch::nn::Module>>;

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) {
    if (!text.empty()) text += '\n';
    text += line;
  }
  return text;
}

struct Model {
  Chunks chunks;
  std::map<const torch::nn::Module*, std::string> kinds;
};

Model make_model(const Json& item) {
  Model model;
  for (const Json& chunk : item.at("chunks")) {
    model.chunks.push_back(test::make_tree(
        chunk, [&](const torch::nn::Module* module, const std::string& kind) {
          model.kinds[module] = kind;
        }));
  }
  return model;
}

void check_modules(const Model& model, const Json& item) {
  std::vector<std::string> lines;
  for (const auto& chunk : model.chunks) {
    walk_modules(*chunk, [&](const WalkStep& step) {
      lines.push_back(step.path() + "\t" + model.kinds.at(&step.module));
      return false;
    });
  }
  EXPECT_EQ(lines.size(), item.at("module_count").get<std::size_t>());
  // The recorded text starts at the root, whose line begins with a tab.
  EXPECT_EQ(test::sha256_hex(joined(lines)), item.at("modules_sha256"));
}

struct Walked {
  std::size_t visited = 0;
  Json hits = Json::array();
  Json per_pattern = Json::array();
};

void count_pattern(Json& counts, const std::string& pattern) {
  for (Json& entry : counts) {
    if (entry.at(0) != pattern) continue;
    entry[1] = entry.at(1).get<int>() + 1;
    return;
  }
  counts.push_back({pattern, 1});
}

Walked walk(const Chunks& chunks, ModuleMatcher& matcher) {
  Walked walked;
  for (const auto& chunk : chunks) {
    walk_modules(*chunk, [&](const WalkStep& step) {
      ++walked.visited;
      const auto match = matcher.match(step.module, step.name, step.prefix);
      if (!match) return false;
      walked.hits.push_back(test::hit_json(match));
      count_pattern(walked.per_pattern, match->pattern.value_or(""));
      return false;
    });
  }
  return walked;
}

void check_hits(const Walked& walked, const Json& expect) {
  EXPECT_EQ(walked.visited, expect.at("visited").get<std::size_t>());
  EXPECT_EQ(walked.hits.size(), expect.at("hit_count").get<std::size_t>());
  EXPECT_EQ(walked.per_pattern, expect.at("hits_per_pattern"));
  if (expect.contains("hits")) {
    EXPECT_EQ(walked.hits, expect.at("hits"));
  }
  std::vector<std::string> lines;
  for (const Json& hit : walked.hits) {
    lines.push_back(hit.at(0).get<std::string>() + "\t" +
                    hit.at(1).get<std::string>());
  }
  EXPECT_EQ(test::sha256_hex(joined(lines)), expect.at("hits_sha256_in_order"));
  std::sort(lines.begin(), lines.end());
  EXPECT_EQ(test::sha256_hex(joined(lines)), expect.at("hits_sha256_sorted"));
}

std::unique_ptr<ModuleMatcher> make_method(const Json& run) {
  if (run.at("method") == "canonical_lora") {
    return std::make_unique<CanonicalLora>();
  }
  return std::make_unique<Lora>();
}

void check_run(const Chunks& chunks, const Json& run) {
  const Json& expect = run.at("expect");
  const std::unique_ptr<ModuleMatcher> method = make_method(run);
  test::configure(*method, run.at("config"));
  test::LogCapture log;
  try {
    method->init_target_match_state();
    const Walked walked = walk(chunks, *method);
    method->validate_target_matches();
    ASSERT_FALSE(expect.contains("error"));
    check_hits(walked, expect);
  } catch (const ConfigError& error) {
    ASSERT_TRUE(expect.contains("error")) << error.what();
    if (expect.at("error") == "AssertionError") {
      EXPECT_EQ(error.what(), expect.at("message").get<std::string>());
    }
  }
  EXPECT_EQ(test::take_warning(log), expect.at("unmatched_warning"));
}

TEST(ModuleWalk, vector_models) {
  for (const Json& file : test::vector_files("graft.matcher.model_walks/1")) {
    test::CaseCounter counter("model walks " + file.value("set", ""));
    for (const Json& item : file.at("models")) {
      SCOPED_TRACE(item.at("id").get<std::string>());
      const Model model = make_model(item);
      check_modules(model, item);
      for (const Json& run : item.at("runs")) {
        SCOPED_TRACE(run.at("config").dump());
        check_run(model.chunks, run);
        counter.ran();
      }
    }
  }
}

}  // namespace
}  // namespace graft
