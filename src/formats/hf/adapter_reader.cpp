// Reads a PEFT directory: the config selects sites by PEFT's rules, then every
// tensor of the file has to be one that a site needs. Entry point:
// read_hf_adapter.
#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <span>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "formats/hf/adapter_config_internal.h"
#include "formats/hf/adapter_names_internal.h"
#include "formats/hf/expert_tensors_internal.h"
#include "formats/hf/json_fields_internal.h"
#include "formats/hf/key_mismatch_internal.h"
#include "formats/hf/tensor_scan_internal.h"
#include "graft/base/edit_distance.h"
#include "graft/base/error.h"
#include "graft/formats/hf/adapter.h"
#include "graft/io/safetensors.h"
#include "graft/match/selector.h"
#include "io/json_file_internal.h"

namespace graft {
namespace {

namespace fs = std::filesystem;

constexpr char kOperation[] = "adapter";

fs::path find_weights(const fs::path& directory) {
  std::error_code error;
  if (!fs::is_directory(directory, error)) {
    throw FileError({.operation = kOperation,
                     .what = directory.string(),
                     .got = "no directory",
                     .expected = "an adapter directory of HF PEFT"});
  }
  const fs::path path = directory / kAdapterWeightsName;
  if (fs::exists(path, error)) return path;
  ErrorText text{.operation = kOperation,
                 .what = path.string() + " is missing"};
  if (fs::exists(directory / "adapter_model.bin", error)) {
    text.hint =
        "adapter_model.bin is a pickle, which can run code and which graft "
        "does not read: load it with PEFT and save it again with "
        "safe_serialization=True";
  }
  throw FileError(text);
}

// Tensors that only other kinds of adapter have, told by the name's end.
void refuse_other_kinds(const SafetensorsFile& file) {
  static constexpr std::array<std::pair<std::string_view, const char*>, 6>
      kEndings = {{
          {".lora_embedding_A", "adapters on an embedding"},
          {".lora_embedding_B", "adapters on an embedding"},
          {".lora_magnitude_vector", "DoRA"},
          {".lora_magnitude_vector.weight", "DoRA"},
          {".lora_B.bias", "a bias on B (lora_bias)"},
          {".trainable_tokens_delta", "trainable tokens"},
      }};
  ProblemList problems(kOperation, file.path());
  std::set<std::string> told;
  for (const TensorEntry& entry : file.entries()) {
    for (const auto& [ending, kind] : kEndings) {
      if (!entry.name.ends_with(ending) || !told.insert(kind).second) continue;
      problems.add("tensor " + printable(entry.name) +
                   ": graft does not support " + kind + " yet");
    }
  }
  problems.throw_if_any();
}

// Every name, and what follows each of its dots: all that an entry can be.
std::unordered_set<std::string_view> dotted_endings(
    const std::vector<std::string>& names) {
  std::unordered_set<std::string_view> out;
  for (const std::string_view name : names) {
    out.insert(name);
    for (std::size_t dot = name.find('.'); dot != name.npos;
         dot = name.find('.', dot + 1)) {
      out.insert(name.substr(dot + 1));
    }
  }
  return out;
}

// A list entry that names nothing at all is a typo or another model's name;
// one whose modules are excluded, or left to another entry, is not.
void check_targets(const Rule& rule, const Inventory& inventory,
                   ProblemList& problems) {
  const bool is_list = !rule.peft.targets_regex && rule.written_by_person;
  if (!is_list) return;
  std::vector<std::string> names = hf_module_names(inventory, false);
  for (std::string& name : hf_module_names(inventory, true)) {
    names.push_back(std::move(name));
  }
  std::set<std::string> last;
  for (const std::string& name : names) last.insert(last_component(name));
  const std::vector<std::string> candidates(last.begin(), last.end());
  const std::unordered_set<std::string_view> endings = dotted_endings(names);
  for (const std::string& target : rule.targets) {
    if (endings.contains(target)) continue;
    std::string problem =
        "target '" + printable(target) + "' selects no module of the model";
    const auto nearest = nearest_names(last_component(target), candidates, 3);
    if (!nearest.empty())
      problem += " (nearest: " + sample_names(nearest) + ")";
    problems.add(problem);
  }
}

void check_sites(const Plan& plan, const HfAdapterConfig& config,
                 const Inventory& inventory, ProblemList& problems) {
  if (plan.sites.empty()) {
    std::string text = "the configuration selects no module of the model";
    for (const EmptyRule& empty : plan.empty_rules) {
      if (!empty.text.empty()) text += ". " + empty.text;
    }
    problems.add(text);
  }
  std::map<std::string, const ModuleInfo*> modules;
  for (const ModuleInfo& module : inventory.modules) {
    modules.emplace(module.path, &module);
  }
  for (const Site& site : plan.sites) {
    const std::string name = printable(site.hf_paths.at(0));
    if (site.parameter.empty() && !takes_adapter(site.layer_kind)) {
      problems.add("target " + name + " is of kind " +
                   std::string(layer_kind_name(site.layer_kind)) +
                   "; graft supports adapters on linear layers only");
    }
    const ModuleInfo& module = *modules.at(site.module);
    const bool tied = module.output_head && module.parameter_count == 0;
    if (tied && config.ensure_weight_tying) {
      problems.add("'ensure_weight_tying' with target " + name +
                   " adapts the embedding too, which graft does not support "
                   "yet");
    }
  }
}

Plan select_sites(const HfAdapterConfig& config, const Inventory& inventory,
                  const fs::path& file) {
  ProblemList problems(kOperation, file);
  Plan plan;
  try {
    check_targets(config.rule, inventory, problems);
    if (problems.empty()) {
      plan = Selector::compile({config.rule}).select(inventory);
      check_sites(plan, config, inventory, problems);
    }
  } catch (const ConfigError& error) {
    problems.add(error.what());
  }
  problems.throw_if_any();
  return plan;
}

// Takes tensors out of a file by name and remembers what is wrong.
class TensorTaker {
 public:
  explicit TensorTaker(const SafetensorsFile& file)
      : file_(file), problems_(kOperation, file.path()) {}

  // An empty tensor, and a problem, when it is absent or unfit.
  HostTensor take(const std::string& name, std::vector<std::int64_t> shape) {
    const TensorEntry* entry = file_.find_or_null(name);
    if (entry == nullptr) {
      missing_.push_back(name);
      return {};
    }
    taken_.insert(name);
    if (!is_computable(entry->dtype)) {
      add(name, "got " + std::string(dtype_name(entry->dtype)) +
                    ", expected F32, BF16, F16 or F64");
    } else if (entry->shape != shape) {
      add(name, "got shape " + shape_text(entry->shape) + ", expected " +
                    shape_text(shape));
    } else if (!is_all_finite(file_.tensor(*entry))) {
      add(name, "it holds NaN or infinity");
    } else {
      return file_.tensor(*entry);
    }
    return {};
  }

  // Accepts a tensor that may be there and is not used.
  bool skip(const std::string& name, std::vector<std::int64_t> shape) {
    const TensorEntry* entry = file_.find_or_null(name);
    if (entry == nullptr || entry->shape != shape) return false;
    return taken_.insert(name).second;
  }

  // Throws FileError when tensors are missing, unfit or left over.
  void finish() {
    std::vector<std::string> unused;
    for (const TensorEntry& entry : file_.entries()) {
      if (!taken_.contains(entry.name)) unused.push_back(entry.name);
    }
    add_names("absent, though the configuration asks for it", missing_);
    add_names("in the file, but of no targeted module", unused);
    problems_.throw_if_any(make_hint(unused));
  }

 private:
  void add(const std::string& name, const std::string& text) {
    if (++unfit_ <= kUnfitShown) {
      problems_.add("tensor " + printable(name) + ": " + text);
    } else if (unfit_ == kUnfitShown + 1) {
      problems_.add("and more tensors like these");
    }
  }

  void add_names(const std::string& label,
                 const std::vector<std::string>& names) {
    if (names.empty()) return;
    problems_.add(label + " (" + std::to_string(names.size()) +
                  "): " + sample_names(names));
  }

  std::string make_hint(const std::vector<std::string>& unused) const {
    if (missing_.empty() || unused.empty()) return {};
    const auto has_name = [](const std::string& key) {
      return key.find(".lora_A.default.") != key.npos ||
             key.find(".lora_B.default.") != key.npos;
    };
    if (std::all_of(unused.begin(), unused.end(), has_name)) {
      return "The keys hold the adapter's name 'default': save the adapter "
             "with PEFT's save_pretrained, which leaves it out";
    }
    return explain_names(missing_, unused);
  }

  static constexpr int kUnfitShown = 6;
  const SafetensorsFile& file_;
  ProblemList problems_;
  std::vector<std::string> missing_;
  std::set<std::string> taken_;
  int unfit_ = 0;
};

// Saved by PEFT beside an adapter on the head: the base's own frozen weight.
void skip_base_copy(const Site& site, TensorTaker& taker,
                    std::vector<std::string>& warnings) {
  const std::string& path = site.hf_paths.at(0);
  if (!taker.skip(base_copy_name(path), {site.rows.size(), site.in})) {
    return;
  }
  warnings.push_back("The adapter holds a copy of the base weight of " + path +
                     ". The base model's own is used.");
}

// What the tensors of each site are called. A router may go by its name in the
// checkpoint, as before transformers 5.
std::vector<std::string> tensor_paths(const SafetensorsFile& file,
                                      const std::vector<Site>& sites) {
  std::vector<std::string> out = parameter_tensor_paths(sites);
  for (std::size_t i = 0; i < sites.size(); ++i) {
    const std::string& stored = sites[i].hf_paths.at(0);
    const bool has_stored = file.find_or_null(lora_a_name(stored)) != nullptr;
    if (out[i].empty() || has_stored) out[i] = stored;
  }
  return out;
}

void take_records(const SafetensorsFile& file, AdapterFile& out) {
  TensorTaker taker(file);
  const std::vector<Site>& sites = out.plan.sites;
  const std::vector<std::string> paths = tensor_paths(file, sites);
  for (std::size_t i = 0; i < sites.size(); ++i) {
    const Site& site = sites[i];
    const std::int64_t ranks = site.experts * site.adapter.rank;
    AdapterRecord record;
    record.a = taker.take(lora_a_name(paths[i]), {ranks, site.in});
    record.b =
        taker.take(lora_b_name(paths[i]), {site.rows_of_expert(), ranks});
    if (!record.b.shape.empty()) {
      record.b = to_expert_major(record.b, site.experts);
    }
    out.records.push_back(std::move(record));
    skip_base_copy(site, taker, out.warnings);
  }
  taker.finish();
}

// ".experts.3." in a name: a layer for each matrix of an expert.
bool has_expert_layers(const SafetensorsFile& file) {
  constexpr std::string_view kExperts = ".experts.";
  return std::any_of(
      file.entries().begin(), file.entries().end(), [&](const auto& entry) {
        const std::size_t at = entry.name.find(kExperts);
        if (at == std::string::npos) return false;
        const char next = entry.name.c_str()[at + kExperts.size()];
        return next >= '0' && next <= '9';
      });
}

}  // namespace

AdapterFile read_hf_adapter(const fs::path& directory,
                            const Inventory& inventory) {
  const fs::path weights = find_weights(directory);
  const fs::path config_file = directory / kAdapterConfigName;
  HfAdapterConfig config =
      read_adapter_config(config_file, inventory.model_type);
  const SafetensorsFile file = SafetensorsFile::open(weights);
  refuse_other_kinds(file);
  config.rule.peft.experts_as_layers = has_expert_layers(file);
  AdapterFile out;
  out.base_model = std::move(config.base_model);
  out.warnings = std::move(config.warnings);
  out.plan = select_sites(config, inventory, config_file);
  take_records(file, out);
  const bool all_zero = std::all_of(
      out.records.begin(), out.records.end(),
      [](const AdapterRecord& record) { return is_all_zero(record.b); });
  if (all_zero) {
    out.warnings.push_back(file.path().string() +
                           ": every lora_B is zero, so the adapter does "
                           "nothing.");
  }
  return out;
}

}  // namespace graft
