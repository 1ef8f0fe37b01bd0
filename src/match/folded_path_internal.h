// Many modules that differ in layer and expert alone, said in one line. Entry
// points: path_numbers, fold_path, LayerGrid, FoldedPaths, folded_names,
// folded_labels, short_labels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace graft {

// What the numbers in a path say where no table does: the one below "experts"
// or "local_experts" is the expert, the first other one the layer.
struct PathNumbers {
  std::optional<std::int64_t> layer;
  std::optional<std::int64_t> expert;
};
PathNumbers path_numbers(std::string_view path);
// A component of at most nine digits.
bool is_path_number(std::string_view component);

// ("decoder.layers.3.mlp.experts.7.linear_fc1", 3, 7)
//   -> "decoder.layers.*.mlp.experts.*.linear_fc1"
std::string fold_path(std::string_view path, std::optional<std::int64_t> layer,
                      std::optional<std::int64_t> expert);

// Exactly layers x experts modules, each `repeat` times: no more, no fewer.
struct LayerBlock {
  std::vector<std::int64_t> layers;   // ascending; empty: in no layer
  std::vector<std::int64_t> experts;  // ascending; empty: in no expert
  std::size_t count = 0;              // modules in all
};

class LayerGrid {
 public:
  void add(std::optional<std::int64_t> layer,
           std::optional<std::int64_t> expert);
  // As few blocks as equal expert sets give, by first layer.
  std::vector<LayerBlock> blocks() const;

 private:
  using Row = std::map<std::optional<std::int64_t>, std::size_t>;
  std::map<std::optional<std::int64_t>, Row> rows_;  // layer -> expert -> count
};

// "layers 0-31, experts 0-7", "layer 3"; empty outside of layers.
std::string block_text(const LayerBlock& block);

// Folded paths in order of appearance, each with its grid.
class FoldedPaths {
 public:
  void add(const std::string& folded, std::optional<std::int64_t> layer,
           std::optional<std::int64_t> expert);
  const std::vector<std::pair<std::string, LayerGrid>>& all() const {
    return paths_;
  }

 private:
  std::vector<std::pair<std::string, LayerGrid>> paths_;
  std::map<std::string, std::size_t> index_;
};

// "model.layers.*.mlp.up_proj (layers 0-3, 7), lm_head", for paths of which
// nothing else is known.
std::string folded_names(const std::vector<std::string>& paths);

// The same with short labels, and names in the same layers together:
// "up_proj, down_proj (layers 0-3); lm_head".
std::string folded_labels(const std::vector<std::string>& paths);

// For each path its shortest dotted ending that no other path of the list
// has; equal paths share theirs.
std::map<std::string, std::string> short_labels(
    const std::vector<std::string>& paths);

}  // namespace graft
