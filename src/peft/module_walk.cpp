// The reference's walk over a module tree. Entry point: walk_modules.
#include <string>
#include <unordered_set>
#include <vector>

#include "peft/adapted_linear_internal.h"
#include "peft/module_walk_internal.h"

namespace graft {
namespace {

bool is_list(LayerKind kind) {
  return kind == LayerKind::kModuleList || kind == LayerKind::kSequential;
}

bool is_adapter(const torch::nn::Module& module) {
  return dynamic_cast<const AdaptedLinear*>(&module) != nullptr;
}

class Walker {
 public:
  explicit Walker(const WalkVisitor& visit) : visit_(visit) {}

  void walk(const WalkStep& step) {
    if (finished_.count(&step.module) > 0) return;
    const bool selected = visit_(step);
    const bool container =
        is_list(step.kind) || step.kind == LayerKind::kModuleDict;
    walk_children(step, container);
    // The reference remembers what its walk returned: not the containers it
    // rebuilt, nor a module that it replaced.
    if (!selected && !container) finished_.insert(&step.module);
  }

  LayerKind kind_of(const torch::nn::Module& module) {
    return kinds_.kind_of(module);
  }

 private:
  void walk_children(const WalkStep& step, bool container) {
    const std::size_t end = path_.size();
    if (step.name) {
      if (end > 0) path_ += '.';
      path_ += *step.name;
    }
    std::unordered_set<const torch::nn::Module*> siblings;
    std::int64_t index = 0;
    for (const auto& item : step.module.named_children()) {
      const torch::nn::Module* child = item.value().get();
      if (child == nullptr || is_adapter(*child)) continue;
      if (!container && !siblings.insert(child).second) continue;
      walk_child(step, item.key(), *child, index++);
    }
    path_.resize(end);
  }

  void walk_child(const WalkStep& parent, const std::string& key,
                  const torch::nn::Module& child, std::int64_t index) {
    const bool numbered = is_list(parent.kind);
    const std::string name = numbered ? std::to_string(index) : key;
    // The path grows below; the prefix must not move with it.
    const std::string prefix = path_;
    std::optional<std::int64_t> layer = parent.layer;
    if (!layer && parent.kind == LayerKind::kModuleList) layer = index;
    walk(WalkStep{child, kind_of(child), name, prefix, layer});
  }

  const WalkVisitor& visit_;
  KindReader kinds_;
  std::string path_;
  std::unordered_set<const torch::nn::Module*> finished_;
};

}  // namespace

std::string WalkStep::path() const {
  if (!name) return {};
  if (!prefix || prefix->empty()) return std::string(*name);
  std::string text(*prefix);
  text += '.';
  text += *name;
  return text;
}

void walk_modules(const torch::nn::Module& root, const WalkVisitor& visit) {
  Walker walker(visit);
  walker.walk(WalkStep{root, walker.kind_of(root), {}, {}, {}});
}

}  // namespace graft
