// Writes a PEFT directory: one pair of tensors per HF module and a config
// that selects exactly these modules. Entry point: write_hf_adapter.
#include <algorithm>
#include <set>
#include <span>
#include <utility>

#include "formats/hf/adapter_config_writer_internal.h"
#include "formats/hf/adapter_names_internal.h"
#include "formats/hf/tensor_scan_internal.h"
#include "graft/base/error.h"
#include "graft/base/half.h"
#include "graft/formats/hf/adapter.h"
#include "graft/io/atomic_output.h"
#include "graft/io/safetensors_writer.h"

namespace graft {
namespace {

constexpr char kOperation[] = "save adapter";

// What PEFT sees of a site: one module, its own rank and alpha.
struct HfModule {
  AdaptedModule place;
  HostTensor a;  // (rank, in)
  HostTensor b;  // (rows, rank)
};

[[noreturn]] void refuse(const std::string& what,
                         const std::string& hint = {}) {
  throw ConfigError({.operation = kOperation, .what = what, .hint = hint});
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

void check_record(const Site& site, const AdapterRecord& record) {
  const std::string name = site.path();
  if (record.magnitude) refuse(name + ": DoRA adapters cannot be written yet");
  const std::vector<std::int64_t> a = {site.adapter.rank, site.in};
  const std::vector<std::int64_t> b = {site.rows.size(), site.adapter.rank};
  if (record.a.shape != a || record.b.shape != b) {
    refuse(name + ": the tensors do not have the shapes of the plan");
  }
  if (site.hf_paths.empty() || site.hf_paths.size() != site.hf_rows.size()) {
    refuse(name + ": the plan has no Hugging Face name for it",
           "Only models with such names can be saved in this form");
  }
}

void add_modules(const Site& site, const AdapterRecord& record, DType dtype,
                 std::vector<HfModule>& out) {
  check_record(site, record);
  const HostTensor a = convert(record.a, dtype);
  const HostTensor b = convert(record.b, dtype);
  if (!is_all_finite(a) || !is_all_finite(b)) {
    refuse(site.path() + ": the adapter holds NaN or infinity as " +
           std::string(dtype_name(dtype)));
  }
  for (std::size_t i = 0; i < site.hf_paths.size(); ++i) {
    const RowSet rows = {site.hf_rows[i].begin - site.rows.begin,
                         site.hf_rows[i].end - site.rows.begin};
    if (rows.begin < 0 || rows.end > site.rows.size()) {
      refuse(site.path() + ": the plan's rows do not fit together");
    }
    out.push_back({{site.hf_paths[i], site.adapter}, a, slice_rows(b, rows)});
  }
}

std::vector<HfModule> make_modules(const AdapterFile& adapter,
                                   const HfAdapterOptions& options) {
  if (adapter.plan.sites.empty()) refuse("the plan selects no module");
  check_hf_expressible(adapter.plan);
  if (adapter.plan.sites.size() != adapter.records.size()) {
    refuse("plan and tensors do not belong together");
  }
  if (!is_computable(options.dtype)) {
    refuse("adapters cannot be stored as " +
           std::string(dtype_name(options.dtype)));
  }
  std::vector<HfModule> out;
  for (std::size_t i = 0; i < adapter.records.size(); ++i) {
    add_modules(adapter.plan.sites[i], adapter.records[i], options.dtype, out);
  }
  std::set<std::string> seen;
  for (const HfModule& module : out) {
    if (!seen.insert(module.place.path).second) {
      refuse(module.place.path + ": two adapters on one module");
    }
  }
  const bool all_zero =
      std::all_of(out.begin(), out.end(),
                  [](const HfModule& module) { return is_all_zero(module.b); });
  if (all_zero && !options.allow_zero) {
    refuse("every lora_B is zero, so the adapter does nothing");
  }
  return out;
}

}  // namespace

void write_hf_adapter(const std::filesystem::path& directory,
                      const AdapterFile& adapter,
                      const HfAdapterOptions& options) {
  const std::vector<HfModule> modules = make_modules(adapter, options);
  std::vector<AdaptedModule> places;
  for (const HfModule& module : modules) places.push_back(module.place);
  const std::string base = options.base_model.empty()
                               ? adapter.base_model.value_or("")
                               : options.base_model;
  const std::string config =
      adapter_config_text(places, options.inventory, base);
  std::vector<std::pair<std::string, HostTensor>> tensors;
  for (const HfModule& module : modules) {
    tensors.emplace_back(lora_a_name(module.place.path), module.a);
    tensors.emplace_back(lora_b_name(module.place.path), module.b);
  }
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) {
    throw SystemError({.operation = kOperation,
                       .what = "cannot create " + directory.string(),
                       .got = error.message()});
  }
  save_safetensors(directory / kAdapterWeightsName, std::move(tensors));
  write_file_atomically(directory / kAdapterConfigName, config);
}

}  // namespace graft
