// The documented call of a method on live models, and its plan without the
// attaching. Entry points: Peft::apply, Peft::plan.
#include "graft/peft/peft.h"

#include <algorithm>
#include <set>
#include <typeinfo>
#include <unordered_set>
#include <utility>

#include "graft/base/error.h"
#include "graft/nn/linear_slot.h"
#include "graft/peft/inject.h"
#include "graft/peft/lora.h"
#include "peft/adapted_linear_internal.h"
#include "peft/inject_internal.h"
#include "peft/live_inventory_internal.h"
#include "peft/live_slots_internal.h"
#include "peft/module_walk_internal.h"

namespace graft {

// One module that match() took.
struct Peft::Hit {
  ModuleInfo info;
  const torch::nn::Module* module;
  Match match;
};

// What the hits of one chunk come to.
struct Peft::Selection {
  Plan plan;
  std::vector<std::string> faults;
  // Pattern -> first hit that takes no adapter, while it has no site.
  std::vector<std::pair<std::string, std::string>> fruitless;
};

namespace {

// The documented match, known to be free of effects that a second walk would
// have to see.
bool has_documented_match(const Peft& method) {
  return typeid(method) == typeid(Lora) ||
         typeid(method) == typeid(CanonicalLora);
}

bool names_module(const Match& match, const ModuleInfo& info) {
  return match.pattern == info.path || match.pattern == info.name();
}

bool is_linear_like(LayerKind kind) {
  return is_linear_kind(kind, true) || kind == LayerKind::kTeGrouped ||
         kind == LayerKind::kTeDuplicated;
}

bool is_adaptable(const torch::nn::Module& module) {
  return dynamic_cast<const nn::LinearSlot*>(&module) != nullptr;
}

EntryReport& entry_of(Plan& plan, const std::string& pattern) {
  for (EntryReport& entry : plan.entries) {
    if (entry.entry == pattern) return entry;
  }
  EntryReport entry;
  entry.entry = pattern;
  return plan.entries.emplace_back(std::move(entry));
}

// The plan without sites whose rows have just such an adapter: applying twice
// changes nothing.
Plan without_attached(torch::nn::Module& chunk, Plan plan) {
  const SlotIndex index(chunk);
  std::erase_if(plan.sites, [&](const Site& site) {
    const auto* slot =
        dynamic_cast<const nn::LinearSlot*>(index.module_or_null(site.module));
    const AdaptedLinear* adapted =
        slot == nullptr ? nullptr : adapted_or_null(*slot);
    if (adapted == nullptr) return false;
    const auto& present = adapted->adapters();
    return std::any_of(present.begin(), present.end(), [&](const auto& other) {
      return other->site().rows == site.rows;
    });
  });
  return plan;
}

}  // namespace

Site Peft::make_site(const ModuleInfo& info, const Match& match,
                     AdapterKind kind) const {
  Site site;
  site.module = info.path;
  site.rows = {0, info.out};
  site.in = info.in;
  site.module_out = info.out;
  site.experts = info.experts;
  site.layer_kind = info.kind;
  site.layer = info.layer;
  site.expert = info.expert;
  site.pattern = match.pattern.value_or(std::string());
  site.adapter.kind = kind;
  site.adapter.rank = dim;
  site.adapter.alpha = alpha;
  site.adapter.dropout = dropout;
  site.adapter.init = init;
  site.scale = lora_scale(site.adapter);
  return site;
}

std::vector<Peft::Hit> Peft::hits_of(const torch::nn::Module& chunk) {
  std::vector<Hit> hits;
  ParameterCounter counter;
  walk_modules(chunk, [&](const WalkStep& step) {
    std::optional<Match> found = match(step.module, step.name, step.prefix);
    if (!found) return false;
    hits.push_back(
        {describe_module(step, counter), &step.module, *std::move(found)});
    return true;
  });
  return hits;
}

// A shared module has one set of adapters, under its first path.
void Peft::drop_repeated(std::vector<Hit>& hits, ModuleSet& seen) {
  std::erase_if(
      hits, [&](const Hit& hit) { return !seen.insert(hit.module).second; });
}

void Peft::record_hits(const std::vector<Hit>& hits) {
  for (const Hit& hit : hits) {
    if (hit.match.pattern) {
      record_match(*hit.match.pattern, hit.match.full_name);
    }
  }
}

void Peft::select(const std::vector<Hit>& hits, Selection& selection) {
  Plan& plan = selection.plan;
  for (const Hit& hit : hits) {
    const std::string pattern = hit.match.pattern.value_or(std::string());
    if (!is_adaptable(*hit.module)) {
      const std::string why = describe_unadaptable(*hit.module);
      plan.exclusions.push_back({hit.info.path, why});
      const std::string fault = "'" + hit.info.path + "' is " + why;
      if (is_linear_like(hit.info.kind) || names_module(hit.match, hit.info)) {
        selection.faults.push_back(fault);
      } else {
        selection.fruitless.emplace_back(pattern, fault);
      }
      continue;
    }
    EntryReport& entry = entry_of(plan, pattern);
    for (Site& site : sites_of(hit.info, hit.match)) {
      entry.sites.push_back(plan.sites.size());
      plan.sites.push_back(std::move(site));
    }
  }
}

std::vector<std::string> Peft::faults_of(
    const std::vector<Selection>& selections) {
  std::set<std::string> fruitful;
  std::vector<std::string> faults;
  for (const Selection& selection : selections) {
    for (const EntryReport& entry : selection.plan.entries) {
      fruitful.insert(entry.entry);
    }
    faults.insert(faults.end(), selection.faults.begin(),
                  selection.faults.end());
  }
  for (const Selection& selection : selections) {
    for (const auto& [pattern, fault] : selection.fruitless) {
      if (fruitful.count(pattern) == 0) faults.push_back(fault);
    }
  }
  return faults;
}

std::vector<Plan> Peft::plans_of(
    const std::vector<const torch::nn::Module*>& chunks) {
  // Validation walk.
  std::vector<std::vector<Hit>> hits;
  for (const torch::nn::Module* chunk : chunks) {
    hits.push_back(hits_of(*chunk));
  }
  validate_target_matches();
  const std::vector<std::string> unmatched = unmatched_aliases();
  reset_target_match_state();

  // Transform walk. A subclass may answer differently now.
  std::vector<Selection> selections(chunks.size());
  ModuleSet seen;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    if (has_documented_match(*this)) {
      record_hits(hits[i]);
    } else {
      hits[i] = hits_of(*chunks[i]);
    }
    selections[i].plan.source = "live model";
    selections[i].plan.base_parameters = count_parameters(*chunks[i]);
    drop_repeated(hits[i], seen);
    select(hits[i], selections[i]);
  }
  throw_faults("select modules", faults_of(selections));
  std::vector<Plan> plans;
  for (Selection& selection : selections) {
    for (const std::string& alias : unmatched) entry_of(selection.plan, alias);
    plans.push_back(std::move(selection.plan));
  }
  return plans;
}

Plan Peft::plan(const torch::nn::Module& chunk) {
  init_target_match_state();
  return plans_of({&chunk}).front();
}

void Peft::apply(torch::nn::Module& model, bool training) {
  apply(std::vector<torch::nn::Module*>{&model}, training);
}

void Peft::apply(const std::vector<torch::nn::Module*>& chunks, bool training) {
  init_target_match_state();
  std::vector<Plan> plans = plans_of({chunks.begin(), chunks.end()});
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    plans[i] = without_attached(*chunks[i], std::move(plans[i]));
    check_plan(*chunks[i], plans[i]);
  }
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    inject(*chunks[i], plans[i], InjectOptions{seed, true});
    for (const LiveAdapter& adapter : adapters_of(*chunks[i])) {
      adapter.a.requires_grad_(training);
      adapter.b.requires_grad_(training);
    }
    chunks[i]->train(training);
  }
}

}  // namespace graft
