// Sizes and names of a plan's parts. Entry points: Site, Plan,
// compress_layers.
#include "graft/match/plan.h"

#include <algorithm>
#include <numeric>

#include "graft/base/error.h"
#include "match/component_path_internal.h"

namespace graft {

std::int64_t Site::parameter_count() const {
  if (!has_shape()) return 0;
  const std::int64_t pair = adapter.rank * (experts * in + rows.size());
  return adapter.kind == AdapterKind::kDora ? pair + rows.size() : pair;
}

std::string Site::path() const {
  std::string out = component_path(module, component);
  return parameter.empty() ? out : out + '.' + parameter;
}

void refuse_unsupported_sites(const Plan& plan, std::string_view operation) {
  const auto turned =
      std::find_if(plan.sites.begin(), plan.sites.end(),
                   [](const Site& site) { return site.transposed; });
  if (turned != plan.sites.end()) {
    throw ConfigError(ErrorText{
        .operation = std::string(operation),
        .what = "'" + turned->path() +
                "' is an adapter on a parameter that is stored transposed",
        .expected = "experts of (experts, out, in): others can be planned, "
                    "but not yet trained, saved or merged"});
  }
  if (!plan.full_copies.empty()) {
    throw ConfigError(ErrorText{
        .operation = std::string(operation),
        .what = "modules_to_save would train a full copy of '" +
                plan.full_copies.front() + "'",
        .expected = "adapters only: full copies cannot be trained yet"});
  }
}

std::string component_path(std::string_view module,
                           std::string_view component) {
  if (component.empty()) return std::string(module);
  const std::size_t parent = module.rfind('.') + 1;  // 0 without a dot
  return std::string(module.substr(0, parent)) + std::string(component);
}

std::string_view last_component(std::string_view path) {
  return path.substr(path.rfind('.') + 1);
}

bool Plan::has_shapes() const {
  return std::all_of(sites.begin(), sites.end(),
                     [](const Site& site) { return site.has_shape(); });
}

std::uint64_t Plan::trainable_parameters() const {
  return std::accumulate(
      sites.begin(), sites.end(), std::uint64_t{0},
      [](std::uint64_t sum, const Site& site) {
        return sum + static_cast<std::uint64_t>(site.parameter_count());
      });
}

std::string compress_layers(std::vector<std::int64_t> layers) {
  std::sort(layers.begin(), layers.end());
  layers.erase(std::unique(layers.begin(), layers.end()), layers.end());
  std::string out;
  for (std::size_t first = 0; first < layers.size();) {
    std::size_t last = first;
    while (last + 1 < layers.size() && layers[last + 1] == layers[last] + 1) {
      ++last;
    }
    if (!out.empty()) out += ',';
    out += std::to_string(layers[first]);
    if (last > first) out += '-' + std::to_string(layers[last]);
    first = last + 1;
  }
  return out;
}

}  // namespace graft
