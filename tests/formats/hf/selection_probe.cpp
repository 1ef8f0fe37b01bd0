// A program for tests/oracle: what graft writes into adapter_config.json for
// selections on models of the peft_selection layout, one JSON object a line.
//   selection_probe saved FILE COUNT SEED   every run that graft adapts, then
//                                           COUNT random selections a model
//   selection_probe experts                 model types on standard input ->
//                                           those whose experts are converted
#include <cstdint>
#include <exception>
#include <iostream>
#include <string>

#include "formats/hf/adapter_config_writer_internal.h"
#include "formats/hf/random_selection.h"
#include "graft/base/error.h"
#include "graft/match/selector.h"
#include "match/peft_conversion_internal.h"
#include "support/peft_run.h"
#include "support/shared_data.h"

namespace graft {
namespace {

using test::Json;

void print_case(const Json& model, std::int64_t run,
                const std::vector<AdaptedModule>& modules,
                const Inventory& inventory) {
  Json adapters = Json::array();
  for (const AdaptedModule& module : modules) {
    const AdapterSettings& settings = module.settings;
    adapters.push_back(
        {module.path, settings.rank, settings.alpha, lora_scale(settings)});
  }
  const std::string config = adapter_config_text(modules, {&inventory}, "");
  std::cout << Json{{"model", model.at("id")},
                    {"run", run},
                    {"config", config},
                    {"adapters", std::move(adapters)}}
                   .dump()
            << '\n';
}

// The modules that a run selects; nothing when graft refuses it or when
// parameters or full copies are part of it.
std::vector<AdaptedModule> selected_by(const Json& run,
                                       const Inventory& inventory) {
  std::vector<AdaptedModule> out;
  try {
    const Plan plan =
        Selector::compile({test::make_peft_rule(run.at("config"))})
            .select(inventory);
    refuse_unsupported_sites(plan, "probe");
    for (const Site& site : plan.sites) {
      if (!site.parameter.empty()) return {};
      out.push_back({site.hf_paths.at(0), site.adapter});
    }
  } catch (const ConfigError&) {
    out.clear();
  }
  return out;
}

void print_model(const Json& model, int count, unsigned seed) {
  std::int64_t index = -1;
  for (const auto& run : model.at("runs")) {
    ++index;
    if (!test::outside_reason(run).empty()) continue;
    const Inventory inventory =
        test::make_hf_inventory(model, run.at("config"));
    const auto modules = selected_by(run, inventory);
    if (!modules.empty()) print_case(model, index, modules, inventory);
  }
  const Inventory inventory = test::make_hf_inventory(model, Json::object());
  test::RandomSelection random(inventory, seed);
  for (int i = 0; i < count; ++i) {
    const auto modules = random.make();
    if (!modules.empty()) print_case(model, -1, modules, inventory);
  }
}

int print_converted_types() {
  Inventory inventory;
  inventory.parameters = {{"experts.gate_up_proj", {2, 3, 4}, false}};
  for (std::string type; std::getline(std::cin, type);) {
    inventory.model_type = type;
    const ExpertWords* words = expert_words_or_null(inventory);
    if (words == nullptr) continue;
    std::cout << type << ' ' << words->fused[0] << ' ' << words->fused[1]
              << '\n';
  }
  return 0;
}

int run(const std::vector<std::string>& args) {
  if (args.size() == 1 && args[0] == "experts") return print_converted_types();
  if (args.size() != 4 || args[0] != "saved") {
    std::cerr << "usage: selection_probe saved FILE COUNT SEED | experts\n";
    return 2;
  }
  const Json data = test::read_ordered_json(args[1]);
  for (const auto& model : data.at("models")) {
    print_model(model, std::stoi(args[2]),
                static_cast<unsigned>(std::stoul(args[3])));
  }
  return 0;
}

}  // namespace
}  // namespace graft

int main(int argc, char** argv) {
  try {
    return graft::run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
