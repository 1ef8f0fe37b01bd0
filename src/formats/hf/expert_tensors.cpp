// Pure moves of elements and names; any dtype.
#include "formats/hf/expert_tensors_internal.h"

#include <cstring>
#include <map>
#include <string_view>
#include <utility>

#include "formats/hf/adapter_names_internal.h"

namespace graft {
namespace {

std::string parent_of(const std::string& path) {
  return path.substr(0, path.rfind('.'));
}

// transformers registers down_proj behind the matrices before the activation;
// otherwise the plan's order is that of the model.
int registration(const Site& site) {
  return last_component(site.hf_parameter) == "down_proj" ? 1 : 0;
}

bool is_later(const std::vector<Site>& sites, std::size_t a, std::size_t b) {
  const int first = registration(sites[a]);
  const int second = registration(sites[b]);
  return second != first ? second > first : b > a;
}

// Element (i, j, k) of a (first, second, third) block goes to (j, k, i).
struct Axes {
  std::int64_t first;
  std::int64_t second;
  std::int64_t third;
};

std::vector<std::byte> rotate_axes(const HostTensor& tensor, Axes axes) {
  const std::size_t size = dtype_size(tensor.dtype);
  std::vector<std::byte> out(tensor.bytes.size());
  const std::byte* source = tensor.bytes.data();
  for (std::int64_t i = 0; i < axes.first; ++i) {
    for (std::int64_t rest = 0; rest < axes.second * axes.third; ++rest) {
      const auto place = static_cast<std::size_t>(rest * axes.first + i);
      std::memcpy(&out[place * size], source, size);
      source += size;
    }
  }
  return out;
}

}  // namespace

std::vector<std::string> parameter_tensor_paths(
    const std::vector<Site>& sites) {
  std::map<std::string, std::vector<std::size_t>> by_module;
  for (std::size_t i = 0; i < sites.size(); ++i) {
    const std::string& parameter = sites[i].hf_parameter;
    if (!parameter.empty()) by_module[parent_of(parameter)].push_back(i);
  }
  std::vector<std::string> out(sites.size());
  for (const auto& [module, members] : by_module) {
    for (const std::size_t site : members) {
      out[site] = module;
      for (const std::size_t other : members) {
        if (is_later(sites, site, other)) out[site] += ".base_layer";
      }
    }
  }
  return out;
}

HostTensor to_rank_major(const HostTensor& b, std::int64_t experts) {
  if (experts == 1) return b;
  const std::int64_t rows = b.shape[0] / experts;
  return HostTensor::make_owned(b.dtype, {rows, b.shape[1] * experts},
                                rotate_axes(b, {experts, rows, b.shape[1]}));
}

HostTensor to_expert_major(const HostTensor& b, std::int64_t experts) {
  if (experts == 1) return b;
  const std::int64_t rank = b.shape[1] / experts;
  // (rows, rank, experts) turned twice is (experts, rows, rank).
  HostTensor half =
      HostTensor::make_owned(b.dtype, {rank, experts * b.shape[0]},
                             rotate_axes(b, {b.shape[0], rank, experts}));
  return HostTensor::make_owned(b.dtype, {experts * b.shape[0], rank},
                                rotate_axes(half, {rank, experts, b.shape[0]}));
}

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

}  // namespace graft
