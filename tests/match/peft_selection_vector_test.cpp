// Selection in peft syntax against what HF PEFT really adapted.
#include <gtest/gtest.h>

#include <algorithm>

#include "graft/base/error.h"
#include "graft/match/selector.h"
#include "match/peft_run.h"
#include "support/shared_data.h"

namespace graft {
namespace {

using test::Json;

constexpr const char* kSchema = "graft.peft_selection/1";

// The plan as `adapters` of the vectors: path, r, alpha, scaling, shapes.
std::string adapters_text(const Plan& plan) {
  Json out = Json::array();
  for (const Site& site : plan.sites) {
    const std::int64_t rank = site.adapter.rank;
    out.push_back({site.hf_paths.at(0),
                   rank,
                   site.adapter.alpha,
                   site.scale,
                   {rank, site.in},
                   {site.rows.size(), rank}});
  }
  return out.dump();
}

std::string expected_text(const Json& adapters) {
  Json out = adapters;
  for (auto& adapter : out) {
    adapter[2] = adapter[2].get<double>();
    adapter[3] = adapter[3].get<double>();
  }
  return out.dump();
}

bool warns_of(const Plan& plan, const std::string& field) {
  return std::any_of(plan.warnings.begin(), plan.warnings.end(),
                     [&](const std::string& warning) {
                       return warning.find(field + " key") == 0;
                     });
}

// A key that is an adapted path, but does not match it as an expression, has
// an effect in PEFT and is warned about all the same; graft does not warn.
bool has_path_key(const Json& run, const std::string& field) {
  if (!run.at("config").contains(field)) return false;
  for (const auto& adapter : run.at("expect").at("adapters")) {
    if (run.at("config").at(field).contains(adapter[0].get<std::string>())) {
      return true;
    }
  }
  return false;
}

bool peft_warns_of(const Json& expect, const std::string& field) {
  for (const auto& warning : expect.at("warnings")) {
    const std::string text = warning.at(1);
    if (text.find(field + " keys did not match") != std::string::npos) {
      return true;
    }
  }
  return false;
}

void check_adapters(const Inventory& inventory, const Json& run,
                    const std::string& label) {
  const Json& expect = run.at("expect");
  try {
    const Selector selector =
        Selector::compile({test::make_peft_rule(run.at("config"))});
    const Plan plan = selector.select(inventory);
    EXPECT_EQ(adapters_text(plan), expected_text(expect.at("adapters")))
        << label;
    for (const char* field : {"rank_pattern", "alpha_pattern"}) {
      if (has_path_key(run, field)) continue;
      EXPECT_EQ(warns_of(plan, field), peft_warns_of(expect, field)) << label;
    }
  } catch (const ConfigError& error) {
    ADD_FAILURE() << label << ": " << error.what();
  }
}

// PEFT's error is graft's error, or an empty plan that check_unmatched names.
void check_refused(const Inventory& inventory, const Json& run,
                   const std::string& label) {
  try {
    const Selector selector =
        Selector::compile({test::make_peft_rule(run.at("config"))});
    EXPECT_EQ(selector.select(inventory).sites.size(), 0u) << label;
  } catch (const ConfigError&) {
  }
}

// True when PEFT's error is about containers of the Hugging Face tree alone
// (model.layers.2, hit beside linears): a family's inventory has no such names,
// so graft adapts the linears.
bool is_about_containers(Inventory inventory, const Json& run) {
  std::erase_if(inventory.modules, [](const ModuleInfo& module) {
    return module.kind == LayerKind::kContainer ||
           module.kind == LayerKind::kModuleList;
  });
  try {
    const Selector selector =
        Selector::compile({test::make_peft_rule(run.at("config"))});
    return !selector.select(inventory).sites.empty();
  } catch (const ConfigError&) {
    return false;
  }
}

void run_model(const Json& model, test::CaseCounter& counter, bool fused) {
  for (const auto& run : model.at("runs")) {
    const std::string reason = test::outside_reason(model, run);
    if (!reason.empty()) {
      counter.skipped(reason);
      continue;
    }
    const Json& config = run.at("config");
    const std::string label =
        model.at("id").get<std::string>() + " " + config.dump();
    Inventory inventory = test::make_hf_inventory(model, config);
    const bool refused = run.at("expect").contains("error");
    if (refused && fused && is_about_containers(inventory, run)) {
      counter.skipped(
          "error about HF containers, which a family does not name");
      continue;
    }
    if (fused) inventory = test::make_fused_inventory(inventory);
    if (refused) {
      check_refused(inventory, run, label);
    } else {
      check_adapters(inventory, run, label);
    }
    counter.ran();
  }
}

void run_all(const std::string& name, bool fused) {
  const auto vectors = test::vectors_dir();
  if (!vectors) return;
  test::CaseCounter counter(name);
  for (const auto& path : test::files_below(*vectors, ".json")) {
    const Json data = test::read_ordered_json(path);
    if (data.value("schema", "") != kSchema) continue;
    for (const auto& model : data.at("models")) {
      const bool hf = model.at("is_hf_model");
      if (!fused || hf) run_model(model, counter, fused);
    }
  }
  EXPECT_GT(counter.ran_count(), 0u);
}

TEST(PeftSelection, vector_hf_modules) { run_all("peft selection", false); }

TEST(PeftSelection, vector_fused_layers) {
  run_all("peft selection on fused layers", true);
}

}  // namespace
}  // namespace graft
