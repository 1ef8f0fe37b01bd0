// Joins the layers of an inventory and its other parameters into one list.
#include "match/hf_parameter_internal.h"

#include <string>
#include <unordered_map>
#include <utility>

#include "match/component_path_internal.h"
#include "match/peft_targets_internal.h"

namespace graft {
namespace {

using ByModule = std::unordered_map<std::string_view, std::vector<std::size_t>>;

std::string_view parent_of(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? std::string_view()
                                       : path.substr(0, dot);
}

ByModule parameters_by_module(const Inventory& inventory) {
  ByModule out;
  for (std::size_t i = 0; i < inventory.parameters.size(); ++i) {
    out[parent_of(inventory.parameters[i].path)].push_back(i);
  }
  return out;
}

class Collector {
 public:
  explicit Collector(const Inventory& inventory)
      : inventory_(inventory), others_(parameters_by_module(inventory)) {}

  std::vector<HfParameter> collect() {
    add_others(HfParameter{});
    for (std::size_t i = 0; i < inventory_.modules.size(); ++i) {
      if (!inventory_.modules[i].same_as) add_module(i);
    }
    return std::move(out_);
  }

 private:
  void add_module(std::size_t index) {
    const ModuleInfo& info = inventory_.modules[index];
    for (const HfUnit& unit : hf_units(inventory_, index)) {
      HfParameter parameter;
      parameter.module = index;
      parameter.part = unit.part;
      parameter.module_path = unit.path;
      if (!info.hf_parameter.empty()) {
        add_own(info, std::move(parameter));
        continue;
      }
      std::int64_t out = info.out;
      if (unit.part != kWhole) {
        const ModulePart& part = info.parts[unit.part];
        parameter.component = part.component;
        parameter.first_row = part.rows.begin;
        out = part.rows.size();
      }
      add_weights(info, out, parameter);
      add_others(parameter);
    }
  }

  // Experts, or a router, of a family with a table.
  void add_own(const ModuleInfo& info, HfParameter parameter) {
    parameter.name = last_component(info.hf_parameter);
    parameter.shape = {info.out, info.in};
    if (info.kind == LayerKind::kTeGrouped) {
      parameter.shape = {info.experts, info.out / info.experts, info.in};
    }
    out_.push_back(std::move(parameter));
  }

  void add_weights(const ModuleInfo& info, std::int64_t out,
                   HfParameter parameter) {
    const bool linear = is_linear_kind(info.kind, true);
    if (!linear && info.kind != LayerKind::kEmbedding) return;
    parameter.name = "weight";
    const bool rows_first = linear && !info.transposed;
    parameter.shape =
        rows_first ? std::vector{out, info.in} : std::vector{info.in, out};
    out_.push_back(parameter);
    if (!info.has_bias) return;
    parameter.name = "bias";
    parameter.shape = {out};
    out_.push_back(std::move(parameter));
  }

  void add_others(const HfParameter& place) {
    const auto found = others_.find(place.module_path);
    if (found == others_.end()) return;
    for (const std::size_t index : found->second) {
      const ParameterInfo& info = inventory_.parameters[index];
      HfParameter& parameter = out_.emplace_back(place);
      const std::string_view path = info.path;
      parameter.name = path.substr(path.rfind('.') + 1);
      parameter.shape = info.shape;
      parameter.transposed = info.transposed && info.shape.size() == 3;
    }
  }

  const Inventory& inventory_;
  ByModule others_;
  std::vector<HfParameter> out_;
};

}  // namespace

std::string HfParameter::path() const {
  std::string out(module_path);
  out += '.';
  out += name;
  return out;
}

std::vector<HfParameter> hf_parameters(const Inventory& inventory) {
  return Collector(inventory).collect();
}

}  // namespace graft
