// The walk and what applying a method leaves behind, against recorded trees.
// Where the reference is wrong, tests/golden/peft/walk_results.json says by
// which defect of docs/reference-differences.md, and what graft gives.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "graft/base/error.h"
#include "graft/peft/lora.h"
#include "peft/adapted_linear_internal.h"
#include "peft/module_walk_internal.h"
#include "peft/stand_in.h"
#include "support/shared_data.h"

namespace graft {
namespace {

using Json = nlohmann::ordered_json;
using KindWords = std::map<const torch::nn::Module*, std::string>;

std::shared_ptr<torch::nn::Module> build(const Json& item, KindWords& kinds) {
  return test::make_tree(
      item.at("tree"), [&](const torch::nn::Module* module,
                           const std::string& kind) { kinds[module] = kind; });
}

Json or_null(std::optional<std::string_view> text) {
  return text ? Json(std::string(*text)) : Json(nullptr);
}

struct Walked {
  Json visits = Json::array();
  std::vector<std::string> hits;
};

Walked walk(const Json& item) {
  KindWords kinds;
  const auto root = build(item, kinds);
  const bool leaf_only = item.value("leaf_only", false);
  ModuleMatcher matcher;
  test::configure(matcher, item);
  Walked walked;
  walk_modules(*root, [&](const WalkStep& step) {
    const std::string& kind = kinds.at(&step.module);
    if (leaf_only && !test::reference_has_parameters(kind)) return false;
    walked.visits.push_back({or_null(step.name), or_null(step.prefix)});
    const auto match = matcher.match(step.module, step.name, step.prefix);
    if (match) walked.hits.push_back(*match->full_name);
    return match.has_value();
  });
  return walked;
}

// Paths that the reference wrapped, one per wrapper.
std::vector<std::string> recorded_hits(const Json& item) {
  std::vector<std::string> hits;
  std::set<int> seen;
  const char* key = item.contains("returned") ? "returned" : "model_after";
  for (const Json& row : item.at(key)) {
    if (row.at(1) == "wrapper" && seen.insert(row.at(2).get<int>()).second) {
      hits.push_back(row.at(0));
    }
  }
  return hits;
}

void check_walk(const Json& item) {
  const Walked walked = walk(item);
  const Json& visits = item.at("visits");
  if (item.contains("expect")) {
    // The reference fails on the way; graft goes on.
    ASSERT_GE(walked.visits.size(), visits.size());
    EXPECT_EQ(
        Json(std::vector<Json>(walked.visits.begin(),
                               walked.visits.begin() +
                                   static_cast<std::ptrdiff_t>(visits.size()))),
        visits);
    return;
  }
  EXPECT_EQ(walked.visits, visits);
  EXPECT_EQ(walked.hits, recorded_hits(item));
}

// Rows [path, kind, identity, adapted], nothing folded but adapters.
class Listing {
 public:
  explicit Listing(const KindWords& kinds) : kinds_(kinds) {}

  void add(const torch::nn::Module& module, const std::string& path) {
    const auto [id, is_new] = ids_.try_emplace(&module, ids_.size());
    const auto* slot = dynamic_cast<const nn::LinearSlot*>(&module);
    const bool adapted = slot != nullptr && adapted_or_null(*slot) != nullptr;
    rows.push_back({path, kinds_.at(&module), id->second, adapted});
    if (adapted) adapted_paths.push_back(path);
    modules.push_back(&module);
    for (const auto& child : module.named_children()) {
      if (dynamic_cast<const AdaptedLinear*>(child.value().get())) continue;
      add(*child.value(),
          path.empty() ? child.key() : path + "." + child.key());
    }
  }

  Json rows = Json::array();
  Json adapted_paths = Json::array();
  std::vector<const torch::nn::Module*> modules;  // of the rows

 private:
  const KindWords& kinds_;
  std::map<const torch::nn::Module*, std::size_t> ids_;
};

// The recorded tree in the same rows: a wrapper and its base are one module.
Json folded(const Json& recorded) {
  Json rows = Json::array();
  std::map<int, std::size_t> ids;
  for (std::size_t i = 0; i < recorded.size(); ++i) {
    Json row = recorded.at(i);
    const bool wrapper = row.at(1) == "wrapper";
    if (wrapper) row[1] = recorded.at(++i).at(1);
    row[2] = ids.try_emplace(row.at(2).get<int>(), ids.size()).first->second;
    row.push_back(wrapper);
    rows.push_back(std::move(row));
  }
  return rows;
}

// What graft leaves: {"adapted": paths} or {"error": text}.
struct Outcome {
  Json summary;
  Json rows;
};

// What the hits of a walk come to by graft's own rule, whatever the reference
// did: every hit slot is adapted where it stands; a hit on anything else is
// passed over, unless it was named or its pattern found no slot.
struct Rule {
  std::set<const torch::nn::Module*> slots;
  bool is_error = false;
};

Rule rule_of(const torch::nn::Module& root, const Json& item) {
  Lora method;
  test::configure(method, item);
  Rule rule;
  std::set<std::string> fruitful;
  std::set<std::string> others;
  walk_modules(root, [&](const WalkStep& step) {
    const auto match = method.match(step.module, step.name, step.prefix);
    if (!match) return false;
    const std::string pattern = match->pattern.value_or("");
    if (dynamic_cast<const nn::LinearSlot*>(&step.module) != nullptr) {
      rule.slots.insert(&step.module);
      fruitful.insert(pattern);
      return true;
    }
    const bool named = pattern == step.name || pattern == step.path();
    rule.is_error = rule.is_error || named;
    others.insert(pattern);
    return true;
  });
  for (const std::string& pattern : others) {
    rule.is_error = rule.is_error || fruitful.count(pattern) == 0;
  }
  return rule;
}

Outcome apply(const Json& item) {
  KindWords kinds;
  const auto root = build(item, kinds);
  const Rule rule = rule_of(*root, item);
  Listing before(kinds);
  before.add(*root, "");
  Lora method;
  method.dim = 1;
  test::configure(method, item);
  const test::LogCapture log;
  Outcome outcome;
  try {
    method.apply(*root);
  } catch (const ConfigError& error) {
    outcome.summary["error"] = error.what();
  }
  Listing listing(kinds);
  listing.add(*root, "");
  outcome.rows = listing.rows;
  EXPECT_EQ(outcome.summary.contains("error"), rule.is_error)
      << outcome.summary.dump();
  EXPECT_EQ(before.modules, listing.modules);  // nothing rebuilt or renamed
  for (std::size_t i = 0; i < listing.modules.size(); ++i) {
    const bool wanted =
        !rule.is_error && rule.slots.count(listing.modules[i]) > 0;
    EXPECT_EQ(listing.rows[i].at(3), wanted) << listing.rows[i].dump();
  }
  if (outcome.summary.is_null()) {
    outcome.summary["adapted"] = listing.adapted_paths;
  }
  return outcome;
}

void check_outcome(const Json& item, const Json& table, bool is_public,
                   test::CaseCounter& counter) {
  const std::string id = item.at("id");
  const Outcome outcome = apply(item);
  const bool agrees = item.contains("model_after") &&
                      folded(item.at("model_after")) == outcome.rows;
  for (const Json& entry : table) {
    if (entry.at("case") != id) continue;
    EXPECT_FALSE(agrees) << "the table row is out of date";
    EXPECT_EQ(outcome.summary, entry.at("graft"));
    counter.ran();
    return;
  }
  // Trees of other data have no rows in the table; graft's own rule, which
  // apply() checked, decides for them.
  EXPECT_TRUE(agrees || !is_public)
      << outcome.summary.dump() << outcome.rows.dump();
  counter.ran();
}

TEST(ModuleWalk, vector_walk_cases) {
  const Json table = test::read_ordered_json(
      test::source_path("tests/golden/peft/walk_results.json"));
  for (const Json& file : test::vector_files("graft.matcher.walk/1")) {
    const bool is_public = file.value("set", "") == "public";
    test::CaseCounter walks("walks " + file.value("set", ""));
    test::CaseCounter counter("applied " + file.value("set", ""));
    for (const Json& item : file.at("cases")) {
      SCOPED_TRACE(item.at("id").get<std::string>());
      check_walk(item);
      walks.ran();
      check_outcome(item, table.at("cases"), is_public, counter);
    }
  }
}

}  // namespace
}  // namespace graft
