// Adapters between a live model and Hugging Face adapter directories. Entry
// points: attach_adapter, snapshot_adapter, load_hf_adapter, save_hf_adapter.
#include "graft/checkpoint/live_adapter.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <string>
#include <utility>

#include "graft/base/error.h"
#include "graft/base/logger.h"
#include "graft/formats/hf/adapter.h"
#include "graft/io/atomic_output.h"

namespace graft {
namespace {

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  }
  return text + "]";
}

void check_shape(const Site& site, const std::string& factor,
                 const HostTensor& tensor,
                 const std::vector<std::int64_t>& expected) {
  if (tensor.shape == expected) return;
  throw ConfigError(ErrorText{"attach adapter",
                              factor + " of '" + site.path() + "'",
                              shape_text(tensor.shape),
                              shape_text(expected),
                              {}});
}

void check_records(const AdapterFile& file) {
  if (file.records.size() != file.plan.sites.size()) {
    throw ConfigError(ErrorText{"attach adapter",
                                "tensors of its sites",
                                std::to_string(file.records.size()),
                                std::to_string(file.plan.sites.size()),
                                {}});
  }
  for (std::size_t i = 0; i < file.records.size(); ++i) {
    const Site& site = file.plan.sites[i];
    const std::int64_t rank = site.adapter.rank;
    check_shape(site, "A", file.records[i].a, {site.experts * rank, site.in});
    check_shape(site, "B", file.records[i].b, {site.rows.size(), rank});
  }
}

void copy_into(const at::Tensor& parameter, const HostTensor& values) {
  at::Tensor target = parameter;
  target.copy_(from_host_tensor(values).view(parameter.sizes()));
}

// Experts one below another.
HostTensor host_copy(const at::Tensor& parameter) {
  return to_host_tensor(parameter.detach()
                            .to(at::kCPU, at::kFloat, false, true)
                            .reshape({-1, parameter.size(-1)}));
}

const LiveAdapter& adapter_at(const std::vector<LiveAdapter>& adapters,
                              const Site& site, std::size_t likely) {
  const auto is_it = [&](const LiveAdapter& adapter) {
    return adapter.site.module == site.module && adapter.site.rows == site.rows;
  };
  if (likely < adapters.size() && is_it(adapters[likely])) {
    return adapters[likely];
  }
  const auto found = std::find_if(adapters.begin(), adapters.end(), is_it);
  if (found == adapters.end()) {
    throw ConfigError(ErrorText{"snapshot adapter",
                                "site '" + site.path() + "'",
                                "no such live adapter",
                                {},
                                {}});
  }
  return *found;
}

}  // namespace

std::vector<LiveAdapter> attach_adapter(nn::CausalLm& model,
                                        const AdapterFile& file) {
  check_records(file);
  std::vector<LiveAdapter> adapters =
      inject(model, file.plan, InjectOptions{.initialise = false});
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < adapters.size(); ++i) {
    copy_into(adapters[i].a, file.records[i].a);
    copy_into(adapters[i].b, file.records[i].b);
  }
  return adapters;
}

AdapterFile snapshot_adapter(const Plan& plan,
                             const std::vector<LiveAdapter>& adapters) {
  AdapterFile file;
  file.plan = plan;
  file.records.reserve(plan.sites.size());
  for (std::size_t i = 0; i < plan.sites.size(); ++i) {
    const LiveAdapter& adapter = adapter_at(adapters, plan.sites[i], i);
    file.records.push_back({host_copy(adapter.a), host_copy(adapter.b), {}});
  }
  return file;
}

AdapterFile load_hf_adapter(BaseModel& base,
                            const std::filesystem::path& directory) {
  AdapterFile file = read_hf_adapter(directory, base.inventory);
  const Logger log("graft.checkpoint.adapter");
  for (const std::string& warning : file.warnings) log.warning(warning);
  attach_adapter(*base.model, file);
  return file;
}

void save_hf_adapter(const AdapterFile& file, const Inventory& inventory,
                     const std::string& base_model,
                     const std::filesystem::path& directory) {
  AtomicDirectory output(directory, AtomicDirectory::Existing::kReplace);
  HfAdapterOptions options;
  options.base_model = base_model;
  options.inventory = &inventory;
  // A run may save before its first real step.
  options.allow_zero = true;
  write_hf_adapter(output.path(), file, options);
  output.commit();
}

}  // namespace graft
