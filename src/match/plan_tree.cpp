// Builds the tree of paths, joins children that are alike, prints it. Entry
// point: plan_tree_to_text.
#include "graft/match/plan_tree.h"

#include <algorithm>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>

#include "match/component_path_internal.h"
#include "match/folded_path_internal.h"
#include "match/site_text_internal.h"
#include "match/text_table_internal.h"

namespace graft {
namespace {

const std::string kNothing = "-  ";

struct Node {
  std::string name;       // one component, or "{0-31}" of several
  std::string hf;         // Hugging Face names of its parts
  std::string shape;      // empty for containers
  std::string state;      // what it gets, or why not
  std::string signature;  // equal for nodes that differ in name alone
  std::vector<std::unique_ptr<Node>> children;  // in model order
  std::unordered_map<std::string, Node*> index;

  Node& child(const std::string& child_name) {
    Node*& found = index[child_name];
    if (!found) {
      children.push_back(std::make_unique<Node>());
      found = children.back().get();
      found->name = child_name;
    }
    return *found;
  }
};

bool is_shown(const ModuleInfo& info) {
  return takes_adapter(info.kind) || info.kind == LayerKind::kEmbedding;
}

class PlanTree {
 public:
  PlanTree(const Inventory& inventory, const Plan& plan)
      : inventory_(inventory), plan_(plan) {
    for (const Site& site : plan.sites) sites_[site.module].push_back(&site);
    for (const Exclusion& exclusion : plan.exclusions) {
      reasons_.emplace(exclusion.path, exclusion.reason);
    }
  }

  std::string str() {
    for (const ModuleInfo& info : inventory_.modules) add(info);
    fold(root_);
    for (const auto& child : root_.children) print(*child, 1, "");
    std::string out = "Tree of " + inventory_.source;
    if (inventory_.model_type) out += " (" + *inventory_.model_type + ')';
    return out + "\n\n" + table_.str() + footnote();
  }

 private:
  void add(const ModuleInfo& info) {
    if (!is_shown(info)) {
      if (info.kind == LayerKind::kNorm) ++norms_;
      return;
    }
    Node& node = place(info.path);
    // As the weight is stored: (vocabulary, width), (out, in).
    node.shape = info.kind == LayerKind::kEmbedding
                     ? shape_text(info.in, info.out)
                     : shape_text(info.out / info.experts, info.in);
    if (info.experts > 1) {
      node.shape = std::to_string(info.experts) + " x " + node.shape;
    }
    std::vector<std::string> hf_paths;
    for (const ModulePart& part : info.parts) hf_paths.push_back(part.path);
    node.hf = hf_label(hf_paths);
    if (info.same_as) {
      node.state = "the same as " + inventory_.modules[*info.same_as].path;
    } else if (const auto found = sites_.find(info.path);
               found != sites_.end()) {
      add_sites(info, found->second, node);
    } else {
      node.state = kNothing + why_not(info);
    }
  }

  Node& place(std::string_view path) {
    Node* node = &root_;
    for (std::size_t dot = path.find('.'); dot != std::string_view::npos;
         dot = path.find('.')) {
      node = &node->child(std::string(path.substr(0, dot)));
      path.remove_prefix(dot + 1);
    }
    return node->child(std::string(path));
  }

  static std::string shape_text(std::int64_t rows, std::int64_t in) {
    if (in == 0) return "?";
    return std::to_string(rows) + " x " + std::to_string(in);
  }

  // A whole adapter is said on the layer, parts below it.
  void add_sites(const ModuleInfo& info, const std::vector<const Site*>& sites,
                 Node& node) const {
    if (sites.front()->component.empty()) {
      node.state = settings_text(*sites.front());
      return;
    }
    for (const ModulePart& part : info.parts) {
      if (part.component.empty()) continue;
      Node& child = node.child(part.component);
      child.hf = hf_label({part.path});
      child.shape = shape_text(part.rows.size(), info.in);
      const auto site = std::ranges::find_if(
          sites, [&](const Site* s) { return s->component == part.component; });
      child.state =
          site != sites.end()
              ? settings_text(**site)
              : kNothing + reason_of(component_path(info.path, part.component));
    }
  }

  std::string reason_of(const std::string& path) const {
    const auto found = reasons_.find(path);
    return found == reasons_.end() ? "" : found->second;
  }

  std::string why_not(const ModuleInfo& info) const {
    if (!takes_adapter(info.kind)) {
      return std::string(layer_kind_name(info.kind)) + ", takes no adapter";
    }
    const auto found = reasons_.find(info.path);
    if (found != reasons_.end()) return found->second;
    for (const ModulePart& part : info.parts) {
      const auto of_part =
          reasons_.find(component_path(info.path, part.component));
      if (of_part != reasons_.end()) return of_part->second + ", ...";
    }
    return "";
  }

  // Numbers among children with equal signatures become one child.
  void fold(Node& node) {
    for (const auto& child : node.children) fold(*child);
    std::vector<std::unique_ptr<Node>> kept;
    std::map<std::string, std::pair<std::size_t, std::vector<std::int64_t>>>
        numbered;
    for (auto& child : node.children) {
      if (!is_path_number(child->name)) {
        kept.push_back(std::move(child));
        continue;
      }
      const auto at = numbered.try_emplace(child->signature, kept.size(),
                                           std::vector<std::int64_t>());
      at.first->second.second.push_back(std::stoll(child->name));
      if (at.second) kept.push_back(std::move(child));
    }
    for (auto& [signature, group] : numbered) {
      if (group.second.size() < 2) continue;
      kept[group.first]->name = "{" + compress_layers(group.second) + "}";
    }
    node.children = std::move(kept);
    node.signature = node.shape + '\n' + node.state;
    for (const auto& child : node.children) {
      const bool number = is_path_number(child->name);
      node.signature += "\n(" + child->name + (number ? "#" : "") + ' ' +
                        child->signature + ')';
    }
  }

  // Chains of single children share a line: "decoder.layers.{0-31}".
  void print(const Node& node, std::size_t depth, const std::string& before) {
    const std::string name = before + node.name;
    const bool chain = node.children.size() == 1 && node.state.empty();
    if (chain) return print(*node.children.front(), depth, name + '.');
    table_.add_row(
        {std::string(2 * depth, ' ') + name, node.hf, node.shape, node.state});
    for (const auto& child : node.children) print(*child, depth + 1, "");
  }

  std::string footnote() const {
    const std::string out =
        "\n-  no adapter: no entry hits it, or what is said\n";
    if (norms_ == 0) return out;
    return out + "not shown: " + with_separators(norms_) +
           (norms_ == 1 ? " norm\n" : " norms\n");
  }

  const Inventory& inventory_;
  const Plan& plan_;
  std::unordered_map<std::string, std::vector<const Site*>> sites_;
  std::unordered_map<std::string, std::string> reasons_;
  Node root_;
  std::size_t norms_ = 0;
  TextTable table_{{TextTable::Align::kLeft, TextTable::Align::kLeft,
                    TextTable::Align::kRight, TextTable::Align::kLeft}};
};

}  // namespace

std::string plan_tree_to_text(const Inventory& inventory, const Plan& plan) {
  return PlanTree(inventory, plan).str();
}

}  // namespace graft
