// The saved selection is short and, by graft's own reading of PEFT's rules,
// exact: on hand-made rows and on random selections over models of real names.
// tests/oracle asks PEFT itself.
#include "formats/hf/target_choice_internal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "formats/hf/adapter_config_internal.h"
#include "formats/hf/adapter_config_writer_internal.h"
#include "formats/hf/adapter_names_internal.h"
#include "formats/hf/key_merging_internal.h"
#include "formats/hf/random_selection.h"
#include "graft/io/atomic_output.h"
#include "graft/match/selector.h"
#include "support/peft_run.h"
#include "support/shared_data.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

using testing::ElementsAre;
using Names = std::vector<std::string>;

// A decoder with attention and a gated MLP, or experts, in each layer.
Inventory make_model(int layers, int experts, const std::string& stack) {
  Inventory out;
  const auto add = [&out](const std::string& path, LayerKind kind) {
    ModuleInfo info;
    info.path = path;
    info.kind = kind;
    info.in = info.out = kind == LayerKind::kLinear ? 8 : 0;
    out.modules.push_back(std::move(info));
  };
  for (int layer = 0; layer < layers; ++layer) {
    const std::string block = stack + "." + std::to_string(layer);
    for (const char* name : {"q_proj", "k_proj", "v_proj", "o_proj"}) {
      add(block + ".self_attn." + name, LayerKind::kLinear);
    }
    add(block + ".mlp", LayerKind::kContainer);
    for (int expert = 0; expert < std::max(experts, 1); ++expert) {
      std::string mlp = block + ".mlp.";
      if (experts > 0) mlp += "experts." + std::to_string(expert) + ".";
      for (const char* name : {"gate_proj", "up_proj", "down_proj"}) {
        add(mlp + name, LayerKind::kLinear);
      }
    }
  }
  add("lm_head", LayerKind::kLinear);
  return out;
}

Names paths_where(const Inventory& inventory,
                  const std::function<bool(const ModuleInfo&)>& wanted) {
  Names out;
  for (const ModuleInfo& info : inventory.modules) {
    if (info.kind == LayerKind::kLinear && wanted(info)) {
      out.push_back(info.path);
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

bool contains(const ModuleInfo& info, std::string_view text) {
  return info.path.find(text) != std::string::npos;
}

TEST(TargetChoice, last_names_where_all_of_them_are_adapted) {
  const Inventory model = make_model(12, 4, "model.layers");
  const TargetChoice choice = choose_targets(
      paths_where(model, [](const auto& i) { return contains(i, "attn"); }),
      hf_tree_names(model));
  EXPECT_THAT(choice.targets,
              ElementsAre("k_proj", "o_proj", "q_proj", "v_proj"));
  EXPECT_TRUE(choice.layers.empty());
  EXPECT_TRUE(choice.excludes.empty());
}

TEST(TargetChoice, layers_where_these_are_fewer_entries) {
  const Inventory model = make_model(12, 0, "model.layers");
  const auto late = [](const ModuleInfo& info) {
    return contains(info, "layers.10.") || contains(info, "layers.11.");
  };
  const TargetChoice choice =
      choose_targets(paths_where(model, late), hf_tree_names(model));
  EXPECT_EQ(choice.targets.size(), 7u);
  EXPECT_THAT(choice.layers, ElementsAre(10, 11));
  EXPECT_EQ(choice.layers_pattern, "layers");
  const auto one = [&](const ModuleInfo& info) {
    return late(info) && info.name() == "q_proj";
  };
  EXPECT_THAT(
      choose_targets(paths_where(model, one), hf_tree_names(model)).targets,
      ElementsAre("10.self_attn.q_proj", "11.self_attn.q_proj"));
}

// It would be read as layer 0, and 0 and 3 be fewer entries than 14 tails.
TEST(TargetChoice, a_number_beyond_all_layers_is_no_layer) {
  Inventory model = make_model(12, 0, "model.layers");
  for (ModuleInfo& info : model.modules) {
    const std::size_t at = info.path.find(".11.");
    if (at == std::string::npos) continue;
    info.path.replace(at, 4, ".99999999999999999999.");
  }
  const auto chosen = [](const ModuleInfo& info) {
    return contains(info, "layers.3.") || contains(info, "layers.999");
  };
  const TargetChoice choice =
      choose_targets(paths_where(model, chosen), hf_tree_names(model));
  EXPECT_EQ(choice.targets.size(), 14u);
  EXPECT_TRUE(choice.layers.empty());
}

TEST(TargetChoice, a_full_path_stands_beside_layers) {
  const Inventory model = make_model(12, 0, "model.layers");
  const TargetChoice choice =
      choose_targets(paths_where(model,
                                 [](const auto& info) {
                                   return contains(info, "layers.3.") ||
                                          info.path == "lm_head";
                                 }),
                     hf_tree_names(model));
  // Seven tails and the head need no more entries than layers would.
  EXPECT_EQ(choice.targets.size(), 8u);
  EXPECT_TRUE(choice.layers.empty());
  const TargetChoice more =
      choose_targets(paths_where(model,
                                 [](const auto& info) {
                                   return contains(info, "layers.3.") ||
                                          contains(info, "layers.4.") ||
                                          info.path == "lm_head";
                                 }),
                     hf_tree_names(model));
  EXPECT_THAT(more.layers, ElementsAre(3, 4));
  EXPECT_THAT(more.targets, testing::Contains("lm_head"));
}

TEST(TargetChoice, excludes_where_few_are_left_out) {
  const Inventory model = make_model(12, 0, "model.layers");
  const TargetChoice choice = choose_targets(
      paths_where(model,
                  [](const auto& info) {
                    return !contains(info, "layers.7.mlp.up_proj") &&
                           info.path != "lm_head";
                  }),
      hf_tree_names(model));
  EXPECT_EQ(choice.targets.size(), 7u);
  EXPECT_THAT(choice.excludes, ElementsAre("7.mlp.up_proj"));
}

// "q" is an ending of "a.q": no list selects it alone.
TEST(TargetChoice, a_regular_expression_where_no_list_will_do) {
  const TargetChoice choice = choose_targets(
      {"b.a.q", "q"}, {"", "a", "a.q", "b", "b.a", "b.a.q", "q"});
  EXPECT_TRUE(choice.is_regex);
  EXPECT_THAT(choice.targets, ElementsAre("b\\.a\\.q|q"));
}

TEST(KeyMerging, joins_numbers_then_last_names) {
  EXPECT_THAT(merge_tails({"q_proj", "k_proj"}),
              testing::UnorderedElementsAre("k_proj", "q_proj"));
  EXPECT_THAT(merge_tails({"2.attn.q", "10.attn.q", "2.attn.k", "10.attn.k"}),
              ElementsAre("(2|10)\\.attn\\.(k|q)"));
  EXPECT_THAT(
      merge_tails({"0.e.1.up", "0.e.2.up", "1.e.1.up"}),
      testing::UnorderedElementsAre("(0|1)\\.e\\.1\\.up", "0\\.e\\.2\\.up"));
  EXPECT_THAT(merge_tails({"a+b.c"}), ElementsAre("a\\+b\\.c"));
}

using Sizes = std::map<std::string, std::pair<std::int64_t, double>>;

// Rank and alpha by path as the written file selects them.
Sizes selected_by(const std::string& config, const Inventory& inventory) {
  const test::TemporaryDirectory directory;
  const auto file = directory.path() / "adapter_config.json";
  write_file_atomically(file, config);
  const Rule rule = read_adapter_config(file, inventory.model_type).rule;
  const Plan plan = Selector::compile({rule}).select(inventory);
  EXPECT_TRUE(plan.warnings.empty()) << plan.warnings.front() << config;
  Sizes out;
  for (const Site& site : plan.sites) {
    for (const std::string& path : site.hf_paths) {
      out[path] = {site.adapter.rank, site.adapter.alpha};
    }
  }
  return out;
}

void check_exact(const std::vector<AdaptedModule>& modules,
                 const Inventory& inventory) {
  const std::string config = adapter_config_text(modules, {&inventory}, "");
  Sizes expected;
  for (const AdaptedModule& module : modules) {
    expected[module.path] = {module.settings.rank, module.settings.alpha};
  }
  EXPECT_EQ(selected_by(config, inventory), expected) << config;
  std::vector<AdaptedModule> reversed(modules.rbegin(), modules.rend());
  EXPECT_EQ(adapter_config_text(reversed, {&inventory}, ""), config);
}

void check_model(const Inventory& inventory, unsigned seed, int times) {
  test::RandomSelection random(inventory, seed);
  for (int i = 0; i < times; ++i) {
    const auto modules = random.make();
    if (modules.empty()) continue;
    check_exact(modules, inventory);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(SavedSelection, is_exact_on_random_selections) {
  check_model(make_model(12, 0, "model.layers"), 1, 60);
  check_model(make_model(4, 6, "model.layers"), 2, 60);
  check_model(make_model(3, 2, "layers"), 3, 60);
  check_model(make_model(25, 0, "transformer.h"), 4, 20);
}

// Models of the selection vectors: odd names, nested stacks, roots.
TEST(SavedSelection, vector_models) {
  const auto vectors = test::vectors_dir();
  if (!vectors) return;
  test::CaseCounter counter("saved selections");
  for (const auto& path : test::files_below(*vectors, ".json")) {
    const test::Json data = test::read_ordered_json(path);
    if (data.value("schema", "") != "graft.peft_selection/1") continue;
    for (const auto& model : data.at("models")) {
      SCOPED_TRACE(model.at("id").get<std::string>());
      Inventory inventory =
          test::make_hf_inventory(model, test::Json::object());
      // Packed experts and what PEFT makes of their names: no layers.
      inventory.parameters.clear();
      check_model(inventory, 7, 20);
      counter.ran();
    }
  }
  EXPECT_GT(counter.ran_count(), 0u);
}

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  const std::chrono::duration<double> time =
      std::chrono::steady_clock::now() - start;
  return time.count();
}

// 97 layers of 64 experts: nearly all of them, then every second one at random,
// which nothing can say in short.
TEST(SavedSelection, takes_well_under_a_second_on_18624_layers) {
  const Inventory model = make_model(97, 64, "model.layers");
  std::vector<AdaptedModule> most;
  std::vector<AdaptedModule> half;
  std::mt19937 random(11);
  for (const ModuleInfo& info : model.modules) {
    if (!contains(info, "experts.")) continue;
    AdaptedModule module{info.path, {}};
    module.settings.rank = info.name() == "up_proj" ? 4 : 8;
    if (!contains(info, "layers.5.mlp")) most.push_back(module);
    if (random() % 2 == 0) half.push_back(module);
  }
  for (const auto& modules : {most, half}) {
    std::string config;
    const double writing = seconds_of(
        [&] { config = adapter_config_text(modules, {&model}, ""); });
    Sizes sizes;
    const double reading =
        seconds_of([&] { sizes = selected_by(config, model); });
    EXPECT_LT(writing, 1.0);
    EXPECT_EQ(sizes.size(), modules.size());
    std::printf("%zu modules: written in %.3f s, %zu bytes, read in %.3f s\n",
                modules.size(), writing, config.size(), reading);
  }
}

}  // namespace
}  // namespace graft
