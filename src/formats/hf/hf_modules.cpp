// Rows of B go to their modules; every pair is checked on the way.
#include <algorithm>
#include <set>
#include <utility>

#include "formats/hf/adapter_names_internal.h"
#include "formats/hf/expert_tensors_internal.h"
#include "formats/hf/hf_modules_internal.h"
#include "formats/hf/tensor_scan_internal.h"
#include "graft/base/error.h"
#include "graft/base/half.h"
#include "match/peft_conversion_internal.h"

namespace graft {
namespace {

[[noreturn]] void refuse(const HfModuleOptions& options,
                         const std::string& what,
                         const std::string& hint = {}) {
  throw ConfigError(
      {.operation = options.operation, .what = what, .hint = hint});
}

HostTensor convert(const HostTensor& tensor, DType dtype) {
  if (tensor.dtype == dtype) return tensor;
  const std::vector<float> values = tensor.to_floats();
  std::vector<std::byte> bytes(values.size() * dtype_size(dtype));
  from_f32(dtype, values.data(), values.size(), bytes.data());
  return HostTensor::make_owned(dtype, tensor.shape, std::move(bytes));
}

void check_record(const Site& site, const AdapterRecord& record,
                  const HfModuleOptions& options) {
  const std::string name = site.path();
  if (site.adapter.kind == AdapterKind::kDora || record.magnitude) {
    refuse(options, name + ": DoRA adapters cannot be written yet");
  }
  const std::vector<std::int64_t> a = {site.experts * site.adapter.rank,
                                       site.in};
  const std::vector<std::int64_t> b = {site.rows.size(), site.adapter.rank};
  if (record.a.shape != a || record.b.shape != b) {
    refuse(options, name + ": the tensors do not have the shapes of the plan");
  }
  if (site.hf_paths.empty() || site.hf_paths.size() != site.hf_rows.size()) {
    refuse(options, name + ": the plan has no Hugging Face name for it",
           "Only models with such names can be saved in this form");
  }
}

// The expert that has these rows of the site.
HostTensor a_of(const HostTensor& a, const Site& site, RowSet rows) {
  if (site.experts == 1) return a;
  const std::int64_t expert = rows.begin / site.rows_of_expert();
  return slice_rows(
      a, {expert * site.adapter.rank, (expert + 1) * site.adapter.rank});
}

void check_rows(const Site& site, RowSet rows, const HfModuleOptions& options) {
  if (rows.begin < 0 || rows.end > site.rows.size()) {
    refuse(options, site.path() + ": the plan's rows do not fit together");
  }
  if (site.experts > 1 && rows.size() > site.rows_of_expert()) {
    refuse(options,
           site.path() + ": the checkpoint has no names of single experts",
           "Adapters on all experts at once can be written as parameters");
  }
}

bool is_single_expert(const Site& site) {
  return site.layer_kind == LayerKind::kTeGrouped && !site.component.empty();
}

class Splitter {
 public:
  Splitter(const AdapterFile& adapter, const HfModuleOptions& options)
      : adapter_(adapter),
        options_(options),
        tensor_paths_(parameter_tensor_paths(adapter.plan.sites)) {
    if (options.inventory != nullptr) {
      words_ = expert_words_or_null(*options.inventory);
    }
  }

  std::vector<HfModule> run() {
    for (std::size_t i = 0; i < adapter_.records.size(); ++i) add_site(i);
    return std::move(out_);
  }

 private:
  void add_site(std::size_t index) {
    const Site& site = adapter_.plan.sites[index];
    const AdapterRecord& record = adapter_.records[index];
    check_record(site, record, options_);
    const HostTensor a = convert(record.a, options_.dtype);
    const HostTensor b = convert(record.b, options_.dtype);
    if (!is_all_finite(a) || !is_all_finite(b)) {
      refuse(options_, site.path() + ": the adapter holds NaN or infinity as " +
                           std::string(dtype_name(options_.dtype)));
    }
    const bool parameters = options_.experts == ExpertLayout::kParameters;
    if (parameters && !site.hf_parameter.empty()) {
      out_.push_back({site.hf_parameter, site.adapter, a,
                      to_rank_major(b, site.experts), true,
                      tensor_paths_[index]});
      return;
    }
    if (parameters && is_single_expert(site)) {
      refuse(options_, site.path() +
                           ": an adapter on one expert is none on "
                           "a parameter, which has all experts");
    }
    for (std::size_t i = 0; i < site.hf_paths.size(); ++i) {
      const RowSet rows = {site.hf_rows[i].begin - site.rows.begin,
                           site.hf_rows[i].end - site.rows.begin};
      check_rows(site, rows, options_);
      add_layer(site, site.hf_paths[i], {a_of(a, site, rows), b, rows});
    }
  }

  struct Factors {
    HostTensor a;
    HostTensor b;
    RowSet rows;
  };

  // PEFT takes a dense layer that is called as the experts once were for them.
  void add_layer(const Site& site, const std::string& path, Factors factors) {
    HfModule module{path, site.adapter, std::move(factors.a),
                    slice_rows(factors.b, factors.rows)};
    const bool renamed = words_ != nullptr &&
                         options_.experts == ExpertLayout::kParameters &&
                         is_former_expert(last_component(path));
    if (renamed) {
      module.is_parameter = true;
      module.path += ".weight";
    }
    out_.push_back(std::move(module));
  }

  bool is_former_expert(const std::string& name) const {
    return std::any_of(words_->rows.begin(), words_->rows.end(),
                       [&](const auto& row) { return row.layer == name; });
  }

  const AdapterFile& adapter_;
  const HfModuleOptions& options_;
  std::vector<std::string> tensor_paths_;
  const ExpertWords* words_ = nullptr;
  std::vector<HfModule> out_;
};

void check_whole(const std::vector<HfModule>& modules,
                 const HfModuleOptions& options) {
  std::set<std::string> seen;
  for (const HfModule& module : modules) {
    if (!seen.insert(module.path).second) {
      refuse(options, module.path + ": two adapters on one module");
    }
  }
  const bool all_zero =
      std::all_of(modules.begin(), modules.end(),
                  [](const HfModule& module) { return is_all_zero(module.b); });
  if (all_zero && !options.allow_zero) {
    refuse(options, "every lora_B is zero, so the adapter does nothing");
  }
}

}  // namespace

ExpertLayout expert_layout(const Plan& plan, ExpertLayout wanted) {
  if (wanted != ExpertLayout::kAuto) return wanted;
  const bool single =
      std::any_of(plan.sites.begin(), plan.sites.end(), is_single_expert);
  return single ? ExpertLayout::kLayers : ExpertLayout::kParameters;
}

std::vector<HfModule> split_by_hf_module(const AdapterFile& adapter,
                                         const HfModuleOptions& options) {
  if (adapter.plan.sites.empty()) {
    refuse(options, "the plan selects no module");
  }
  refuse_unsupported_sites(adapter.plan, options.operation);
  if (adapter.plan.sites.size() != adapter.records.size()) {
    refuse(options, "plan and tensors do not belong together");
  }
  if (!is_computable(options.dtype)) {
    refuse(options, "adapters cannot be stored as " +
                        std::string(dtype_name(options.dtype)));
  }
  std::vector<HfModule> out = Splitter(adapter, options).run();
  check_whole(out, options);
  return out;
}

}  // namespace graft
