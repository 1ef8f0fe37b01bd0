// Rows of B go to their modules; every pair is checked on the way.
#include <algorithm>
#include <set>
#include <utility>

#include "formats/hf/hf_modules_internal.h"
#include "formats/hf/tensor_scan_internal.h"
#include "graft/base/error.h"
#include "graft/base/half.h"

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

// Rows of a matrix, without a copy.
HostTensor slice_rows(const HostTensor& matrix, RowSet rows) {
  HostTensor out = matrix;
  const std::size_t row_bytes =
      static_cast<std::size_t>(matrix.shape[1]) * dtype_size(matrix.dtype);
  out.shape[0] = rows.size();
  out.bytes =
      matrix.bytes.subspan(static_cast<std::size_t>(rows.begin) * row_bytes,
                           static_cast<std::size_t>(rows.size()) * row_bytes);
  return out;
}

void check_record(const Site& site, const AdapterRecord& record,
                  const HfModuleOptions& options) {
  const std::string name = site.path();
  if (site.adapter.kind == AdapterKind::kDora || record.magnitude) {
    refuse(options, name + ": DoRA adapters cannot be written yet");
  }
  const std::vector<std::int64_t> a = {site.adapter.rank, site.in};
  const std::vector<std::int64_t> b = {site.rows.size(), site.adapter.rank};
  if (record.a.shape != a || record.b.shape != b) {
    refuse(options, name + ": the tensors do not have the shapes of the plan");
  }
  if (site.hf_paths.empty() || site.hf_paths.size() != site.hf_rows.size()) {
    refuse(options, name + ": the plan has no Hugging Face name for it",
           "Only models with such names can be saved in this form");
  }
}

void add_modules(const Site& site, const AdapterRecord& record,
                 const HfModuleOptions& options, std::vector<HfModule>& out) {
  check_record(site, record, options);
  const HostTensor a = convert(record.a, options.dtype);
  const HostTensor b = convert(record.b, options.dtype);
  if (!is_all_finite(a) || !is_all_finite(b)) {
    refuse(options, site.path() + ": the adapter holds NaN or infinity as " +
                        std::string(dtype_name(options.dtype)));
  }
  for (std::size_t i = 0; i < site.hf_paths.size(); ++i) {
    const RowSet rows = {site.hf_rows[i].begin - site.rows.begin,
                         site.hf_rows[i].end - site.rows.begin};
    if (rows.begin < 0 || rows.end > site.rows.size()) {
      refuse(options, site.path() + ": the plan's rows do not fit together");
    }
    out.push_back({site.hf_paths[i], site.adapter, a, slice_rows(b, rows)});
  }
}

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
  std::vector<HfModule> out;
  for (std::size_t i = 0; i < adapter.records.size(); ++i) {
    add_modules(adapter.plan.sites[i], adapter.records[i], options, out);
  }
  check_whole(out, options);
  return out;
}

}  // namespace graft
