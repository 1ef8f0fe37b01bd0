// Selection in peft syntax against what HF PEFT really adapted, refused and
// warned of. Every run is compared; what a Rule cannot say is counted.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "graft/base/error.h"
#include "graft/match/name_pattern.h"
#include "graft/match/selector.h"
#include "support/peft_run.h"
#include "support/shared_data.h"

namespace graft {
namespace {

using test::Json;

constexpr const char* kSchema = "graft.peft_selection/1";

// A plan, or the text of the refusal.
struct Outcome {
  std::optional<Plan> plan;
  std::string refusal;
};

Outcome select(const Inventory& inventory, const Json& run) {
  try {
    const Selector selector =
        Selector::compile({test::make_peft_rule(run.at("config"))});
    return {selector.select(inventory), ""};
  } catch (const ConfigError& error) {
    return {std::nullopt, error.what()};
  }
}

// `adapters` of the vectors: path, r, alpha, scaling, shapes.
Json adapters_of(const Plan& plan) {
  Json out = Json::array();
  for (const Site& site : plan.sites) {
    if (!site.parameter.empty()) continue;
    const std::int64_t rank = site.adapter.rank;
    out.push_back({site.hf_paths.at(0),
                   rank,
                   site.adapter.alpha,
                   site.scale,
                   {rank, site.in},
                   {site.rows.size(), rank}});
  }
  return out;
}

// `parameter_adapters`: path, experts, r, alpha, scaling, shapes; sorted, since
// PEFT's order is that of its nested wrappers.
std::set<std::string> parameter_lines(const Plan& plan) {
  std::set<std::string> out;
  for (const Site& site : plan.sites) {
    if (site.parameter.empty()) continue;
    const std::int64_t rows = site.experts * site.adapter.rank;
    out.insert(Json({site.hf_paths.at(0),
                     site.experts,
                     site.adapter.rank,
                     site.adapter.alpha,
                     site.scale,
                     {rows, site.in},
                     {site.rows_of_expert(), rows}})
                   .dump());
  }
  return out;
}

// Alpha and scaling as numbers of one type.
Json with_doubles(Json adapter, std::size_t first) {
  adapter[first] = adapter[first].get<double>();
  adapter[first + 1] = adapter[first + 1].get<double>();
  return adapter;
}

using Keys = std::set<std::string>;

// Keys of a pattern map that the plan says have no effect.
Keys unused_keys(const Plan& plan, const std::string& field, const Json& keys) {
  Keys out;
  for (const auto& [key, value] : keys.items()) {
    const std::string start = field + " key '" + key + "' matches no";
    for (const std::string& warning : plan.warnings) {
      if (warning.starts_with(start)) out.insert(key);
    }
  }
  return out;
}

// Whether a key has an effect although PEFT says that it has none: PEFT looks
// at adapted layers only, not at parameters, nor at keys that are a path.
bool has_quiet_effect(const std::string& key, const Json& expect) {
  const NamePattern pattern = NamePattern::peft_regex("(.*\\.)?(" + key + ")");
  for (const auto& path : expect.value("targeted_parameters", Json::array())) {
    if (pattern.matches(path.get<std::string>())) return true;
  }
  const Json& adapters = expect.at("adapters");
  return std::any_of(adapters.begin(), adapters.end(),
                     [&](const Json& adapter) { return adapter[0] == key; });
}

Keys peft_unused_keys(const Json& run, const std::string& field,
                      const Json& keys) {
  const Json& expect = run.at("expect");
  std::string text;
  for (const auto& warning : expect.at("warnings")) {
    const std::string line = warning.at(1);
    if (line.find(field + " keys did not match") != line.npos) text += line;
  }
  Keys out;
  for (const auto& [key, value] : keys.items()) {
    // As Python writes a text in a list.
    std::string quoted;
    for (const char c : key) quoted += c == '\\' ? "\\\\" : std::string(1, c);
    const char quote = key.find('\'') == key.npos ? '\'' : '"';
    const bool told = text.find(quote + quoted + quote) != text.npos;
    if (told && !has_quiet_effect(key, expect)) out.insert(key);
  }
  return out;
}

void check_adapters(const Plan& plan, const Json& run) {
  const Json& expect = run.at("expect");
  Json adapters = Json::array();
  for (const auto& adapter : expect.at("adapters")) {
    adapters.push_back(with_doubles(adapter, 2));
  }
  EXPECT_EQ(adapters_of(plan).dump(), adapters.dump());
  std::set<std::string> parameters;
  for (const auto& adapter :
       expect.value("parameter_adapters", Json::array())) {
    parameters.insert(with_doubles(adapter, 3).dump());
  }
  EXPECT_EQ(parameter_lines(plan), parameters);
  for (const char* field : {"rank_pattern", "alpha_pattern"}) {
    const Json keys = run.at("config").value(field, Json::object());
    EXPECT_EQ(unused_keys(plan, field, keys),
              peft_unused_keys(run, field, keys));
  }
}

// What PEFT's message comes to in graft's words.
struct Refusal {
  const char* peft;
  const char* graft;
};
constexpr std::array<Refusal, 18> kRefusals{{
    {"is not supported. Currently", "takes no adapter"},
    {"Targeting a Conv2d with groups", "takes no adapter"},
    {" has no attribute ", "which is adapted itself"},
    {"modules_to_save cannot be applied", "modules_to_save takes no copy"},
    {"that is a child of", "modules_to_save takes no copy"},
    {"Please specify `target_modules`", "no targets are given"},
    {"`layers_to_transform` cannot be used", "layers_to_transform cannot"},
    {"`layers_pattern` cannot be used", "layers_pattern cannot be used"},
    {"When `layers_pattern` is specified", "layers_pattern needs"},
    {"`r` should be a positive integer", "a positive number"},
    {"dimensional Parameter", "axes: it takes no adapter"},
    {"does not work with lora_dropout", "which takes no dropout"},
    {"does not work with use_dora", "which takes no DoRA"},
    {"does not work with fan_in_fan_out", "beside transposed layers"},
    {"Trying to wrap an `nn.Parameter`", "target_modules adapts already"},
    {"on the top-level module", "which belongs to no module"},
    {"without also targeting", "cannot be adapted without"},
    {"should not contain an empty string", "not contain an empty string"},
}};

struct Empty {
  const char* peft;
  EmptyRule::Cause cause;
};
constexpr std::array<Empty, 4> kEmpty{{
    {"All modules were excluded", EmptyRule::Cause::kAllExcluded},
    {"No `target_modules` passed", EmptyRule::Cause::kNoTargets},
    {"Target modules ", EmptyRule::Cause::kNotFound},
    {"No modules were targeted", EmptyRule::Cause::kMixed},
}};

bool tells(const Outcome& outcome, std::string_view text) {
  return outcome.refusal.find(text) != std::string::npos;
}

// PEFT stops at the first module that it cannot adapt; graft names them all,
// but shows eight, so that PEFT's may be among the rest.
bool tells_as_peft(const Outcome& outcome, const Refusal& refusal) {
  if (tells(outcome, refusal.graft)) return true;
  return tells(outcome, "\nand ") &&
         std::any_of(
             kRefusals.begin(), kRefusals.end(),
             [&](const Refusal& other) { return tells(outcome, other.graft); });
}

void check_error(const Outcome& outcome, const Json& error) {
  const std::string message = error.at("message");
  // graft compiles every expression, PEFT those that it comes to.
  if (tells(outcome, "is malformed")) return;
  if (error.at("type") == "NoMatchingPeftModuleError") {
    ASSERT_TRUE(outcome.plan) << outcome.refusal;
    EXPECT_TRUE(outcome.plan->sites.empty());
    ASSERT_EQ(outcome.plan->empty_rules.size(), 1u) << message;
    for (const Empty& empty : kEmpty) {
      if (!message.starts_with(empty.peft)) continue;
      EXPECT_EQ(outcome.plan->empty_rules[0].cause, empty.cause) << message;
      return;
    }
  }
  for (const Refusal& refusal : kRefusals) {
    if (message.find(refusal.peft) == message.npos) continue;
    EXPECT_TRUE(tells_as_peft(outcome, refusal))
        << message << " / " << outcome.refusal;
    return;
  }
  EXPECT_NE(error.at("type"), "re.error") << message;
  // A refusal that is not in the table has to be one all the same.
  EXPECT_TRUE(!outcome.plan || outcome.plan->sites.empty()) << message;
}

// A path that PEFT adapts and graft, which has adapters for linear layers
// only, must refuse; empty when there is none.
std::string unsupported_path(const Json& model, const Json& expect) {
  std::map<std::string, std::string> kinds;
  for (const auto& module : model.at("modules")) kinds[module[0]] = module[1];
  for (const auto& adapter : expect.at("adapters")) {
    const std::string path = adapter[0];
    if (adapter[1].is_null() || !test::takes_adapters(kinds.at(path))) {
      return path;
    }
  }
  return "";
}

void check_unsupported(const Outcome& outcome, const std::string& path) {
  const std::string& text = outcome.refusal;
  EXPECT_NE(text.find("'" + path + "'"), std::string::npos) << text;
  const bool told = text.find("takes no adapter") != text.npos ||
                    text.find("which is adapted itself") != text.npos;
  EXPECT_TRUE(told) << text;
}

// PEFT copies modules inside a copied one again, some of them under names of
// its own; graft has them in the copy.
std::vector<std::string> outermost(const Json& paths) {
  std::vector<std::string> out;
  for (const std::string path : paths) {
    const bool inside =
        std::any_of(out.begin(), out.end(), [&](const std::string& other) {
          return path.starts_with(other + ".");
        });
    if (!inside) out.push_back(path);
  }
  return out;
}

void check_run(const Json& model, const Json& run) {
  const Inventory inventory = test::make_hf_inventory(model, run.at("config"));
  const Outcome outcome = select(inventory, run);
  const Json& expect = run.at("expect");
  if (expect.contains("error")) {
    check_error(outcome, expect.at("error"));
    return;
  }
  const std::string unsupported = unsupported_path(model, expect);
  if (!unsupported.empty()) {
    check_unsupported(outcome, unsupported);
    return;
  }
  ASSERT_TRUE(outcome.plan) << outcome.refusal;
  check_adapters(*outcome.plan, run);
  EXPECT_EQ(outcome.plan->full_copies,
            outermost(expect.value("modules_to_save", Json::array())));
  EXPECT_TRUE(outcome.plan->empty_rules.empty());
}

// True when PEFT's error is about containers of the Hugging Face tree alone
// (model.layers.2, hit beside linears): a family's inventory has no such names,
// so graft adapts the linears.
bool is_about_containers(Inventory inventory, const Json& run) {
  std::set<std::string> holders;
  for (const ParameterInfo& info : inventory.parameters) {
    holders.insert(info.path.substr(0, info.path.rfind('.')));
  }
  std::erase_if(inventory.modules, [&](const ModuleInfo& module) {
    const bool container = module.kind == LayerKind::kContainer ||
                           module.kind == LayerKind::kModuleList;
    return container && !holders.contains(module.path);
  });
  const Outcome outcome = select(inventory, run);
  return outcome.plan && !outcome.plan->sites.empty();
}

void check_fused_run(const Json& model, const Json& run,
                     test::CaseCounter& counter) {
  const Json& expect = run.at("expect");
  const Inventory hf = test::make_hf_inventory(model, run.at("config"));
  const Outcome outcome = select(test::make_fused_inventory(hf), run);
  counter.ran();
  if (!expect.contains("error")) {
    const std::string unsupported = unsupported_path(model, expect);
    if (!unsupported.empty()) return check_unsupported(outcome, unsupported);
    ASSERT_TRUE(outcome.plan) << outcome.refusal;
    return check_adapters(*outcome.plan, run);
  }
  if (is_about_containers(hf, run)) {
    counter.skipped("error about HF containers, which a family does not name");
    return;
  }
  const bool nothing = !outcome.plan || outcome.plan->sites.empty();
  EXPECT_TRUE(nothing) << expect.at("error").at("message");
}

using RunCheck = std::function<void(const Json& model, const Json& run)>;

// Calls `check` on every run that a Rule can say; at most one in a hundred may
// be left out.
void for_each_run(test::CaseCounter& counter, const RunCheck& check) {
  const auto vectors = test::vectors_dir();
  if (!vectors) return;
  std::size_t runs = 0;
  std::size_t outside = 0;
  for (const auto& path : test::files_below(*vectors, ".json")) {
    const Json data = test::read_ordered_json(path);
    if (data.value("schema", "") != kSchema) continue;
    for (const auto& model : data.at("models")) {
      for (const auto& run : model.at("runs")) {
        SCOPED_TRACE(model.at("id").get<std::string>() + " " +
                     run.at("config").dump());
        ++runs;
        const std::string reason = test::outside_reason(run);
        if (reason.empty()) {
          check(model, run);
          continue;
        }
        counter.skipped(reason);
        ++outside;
      }
    }
  }
  EXPECT_GT(runs, 0u);
  EXPECT_LE(outside, 1 + runs / 100);
}

TEST(PeftSelection, vector_hf_modules) {
  test::CaseCounter counter("peft selection");
  for_each_run(counter, [&](const Json& model, const Json& run) {
    check_run(model, run);
    counter.ran();
  });
}

TEST(PeftSelection, vector_fused_layers) {
  test::CaseCounter counter("peft selection on fused layers");
  for_each_run(counter, [&](const Json& model, const Json& run) {
    if (model.at("is_hf_model")) check_fused_run(model, run, counter);
  });
}

}  // namespace
}  // namespace graft
