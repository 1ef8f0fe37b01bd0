// The order in which modules are visited and the names they go by: the
// reference's walk, which replaces nothing here. Entry point: walk_modules.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <typeindex>
#include <unordered_map>

#include "graft/match/module_info.h"

namespace graft {

// layer_kind_of with a memory, for walks over many modules of few types.
class KindReader {
 public:
  LayerKind kind_of(const torch::nn::Module& module);

 private:
  std::unordered_map<std::type_index, LayerKind> kinds_;
};

// Strings are valid during the visit. The root has neither name nor prefix.
struct WalkStep {
  const torch::nn::Module& module;
  LayerKind kind;
  std::optional<std::string_view> name;
  std::optional<std::string_view> prefix;
  std::optional<std::int64_t> layer;  // index in the outermost list

  std::string path() const;
};

// Pre-order, children in registration order; items of lists and sequentials
// are named by their numbers, below their container. Adapters are passed over.
// Returns whether the module was selected: one that was not is visited once,
// however many parents it has; a selected one under each of them (but once
// below one parent), as is a container that lists items.
using WalkVisitor = std::function<bool(const WalkStep&)>;
void walk_modules(const torch::nn::Module& root, const WalkVisitor& visit);

}  // namespace graft
