// Maps the adapter's sites to the checkpoint's tensors. Entry points:
// plan_merge, find_tied_head.
#include "merge/merge_plan_internal.h"

#include <algorithm>
#include <set>
#include <utility>

#include "graft/base/error.h"
#include "graft/formats/hf/checkpoint_inventory.h"
#include "graft/io/safetensors_writer.h"
#include "io/json_file_internal.h"

namespace graft {
namespace {

constexpr const char* kOperation = "merge";
constexpr const char* kWeight = ".weight";
constexpr std::size_t kProblemLimit = 10;

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string out = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    out += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  }
  return out + "]";
}

// One HF tensor that a site covers.
struct Target {
  std::string tensor;
  std::int64_t rows = 0;
  LoraPart part;
};

std::vector<Target> targets_of(const Site& site, const AdapterRecord& record) {
  std::vector<std::string> paths = site.hf_paths;
  std::vector<RowSet> rows = site.hf_rows;
  if (paths.empty()) {  // an inventory of HF names
    paths = {site.module};
    rows = {site.rows};
  }
  std::vector<Target> out;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    out.push_back({.tensor = paths[i] + kWeight,
                   .rows = rows[i].size(),
                   .part = {.a = record.a,
                            .b = record.b,
                            .b_row_begin = rows[i].begin - site.rows.begin,
                            .scale = site.scale}});
  }
  return out;
}

bool is_matrix_site(const Site& site) {
  return site.layer_kind != LayerKind::kConv1d &&
         site.layer_kind != LayerKind::kConv2d &&
         site.layer_kind != LayerKind::kEmbedding;
}

// Collects what is wrong with the adapted tensors.
class Planner {
 public:
  Planner(const ShardedSafetensors& base, const AdapterFile& adapter,
          const std::optional<TiedHead>& tied)
      : base_(base), adapter_(adapter), tied_(tied) {}

  MergePlan plan() {
    check_records();
    for (std::size_t i = 0; i < adapter_.plan.sites.size(); ++i) {
      add_site(adapter_.plan.sites[i], adapter_.records[i]);
    }
    throw_problems();
    MergePlan out;
    for (const SafetensorsFile& shard : base_.shards()) {
      out.shards.push_back(make_shard(shard));
    }
    out.untied = tied_ && parts_.contains(tied_->head_tensor);
    if (out.untied) give_head_a_tensor(out.shards);
    for (const OutputShard& shard : out.shards) {
      for (const OutputTensor& tensor : shard.tensors) {
        out.bytes += tensor.base.bytes.size();
      }
    }
    return out;
  }

 private:
  void check_records() const {
    if (adapter_.records.size() != adapter_.plan.sites.size() ||
        adapter_.records.empty()) {
      throw ConfigError(ErrorText{
          .operation = kOperation,
          .what = "the adapter has no pair for every site, or none at all",
          .got = std::to_string(adapter_.records.size()) + " pairs",
          .expected = std::to_string(adapter_.plan.sites.size())});
    }
  }

  void add_site(const Site& site, const AdapterRecord& record) {
    const std::string where = "site " + printable(site.path()) + ": ";
    if (record.magnitude) {
      problems_.push_back(where + "graft does not merge DoRA yet");
      return;
    }
    if (!is_matrix_site(site)) {
      problems_.push_back(where + "graft does not merge a layer of kind " +
                          std::string(layer_kind_name(site.layer_kind)) +
                          " yet");
      return;
    }
    for (Target& target : targets_of(site, record)) {
      if (!check_target(site, target)) continue;
      parts_[target.tensor].push_back(std::move(target.part));
    }
  }

  bool is_head(const std::string& tensor) const {
    return tied_ && tied_->head_tensor == tensor;
  }

  bool check_target(const Site& site, const Target& target) {
    const std::string where = "tensor " + printable(target.tensor) + ": ";
    const std::string& stored =
        is_head(target.tensor) ? tied_->embedding_tensor : target.tensor;
    const TensorEntry* entry = base_.find_or_null(stored);
    if (entry == nullptr) {
      problems_.push_back(where + "not in the base");
      return false;
    }
    if (!is_computable(entry->dtype)) {
      problems_.push_back(where + "stored as " +
                          std::string(dtype_name(entry->dtype)) +
                          ", a quantised or integer type that cannot be "
                          "merged into");
      return false;
    }
    const std::vector<std::int64_t> expected{target.rows, site.in};
    const LoraPart& part = target.part;
    const bool pair_fits =
        part.a.shape == std::vector{site.adapter.rank, site.in} &&
        part.b.shape == std::vector{site.rows.size(), site.adapter.rank} &&
        part.b_row_begin >= 0 &&
        part.b_row_begin + target.rows <= site.rows.size();
    if (entry->shape != expected || !pair_fits) {
      problems_.push_back(where + "shape " + shape_text(entry->shape) + ", A " +
                          shape_text(part.a.shape) + ", B " +
                          shape_text(part.b.shape) + " do not fit the site's " +
                          shape_text(expected));
      return false;
    }
    return true;
  }

  void throw_problems() const {
    if (problems_.empty()) return;
    std::string what = base_.shards().front().path().parent_path().string();
    for (std::size_t i = 0; i < std::min(problems_.size(), kProblemLimit);
         ++i) {
      what += (i == 0 ? ": " : "; ") + problems_[i];
    }
    if (problems_.size() > kProblemLimit) {
      what +=
          "; and " + std::to_string(problems_.size() - kProblemLimit) + " more";
    }
    throw FileError(ErrorText{.operation = kOperation, .what = what});
  }

  OutputShard make_shard(const SafetensorsFile& shard) const {
    OutputShard out;
    out.source = shard.path();
    const auto header = shard.mapping().bytes().first(shard.data_offset());
    out.header.assign(reinterpret_cast<const char*>(header.data()),
                      header.size());
    for (const TensorEntry& entry : shard.entries()) {
      OutputTensor tensor{.name = entry.name,
                          .base = shard.tensor(entry),
                          .source = &shard,
                          .begin = shard.data_offset() + entry.begin};
      const auto found = parts_.find(entry.name);
      if (found != parts_.end()) tensor.parts = found->second;
      out.tensors.push_back(std::move(tensor));
    }
    return out;
  }

  // The head gets its own tensor, made from the embedding: in the place of one
  // that transformers would ignore, else at the end of the last file.
  void give_head_a_tensor(std::vector<OutputShard>& shards) const {
    OutputTensor head;
    for (const SafetensorsFile& shard : base_.shards()) {
      const TensorEntry* entry = shard.find_or_null(tied_->embedding_tensor);
      if (entry == nullptr) continue;
      head = {.name = tied_->head_tensor,
              .base = shard.tensor(*entry),
              .source = &shard,
              .parts = parts_.at(tied_->head_tensor)};
    }
    for (OutputShard& shard : shards) {
      std::erase_if(shard.tensors, [this](const OutputTensor& tensor) {
        return tensor.name == tied_->head_tensor;
      });
    }
    shards.back().tensors.push_back(std::move(head));
    for (std::size_t i = 0; i < shards.size(); ++i) {
      rebuild(shards[i], base_.shards()[i].metadata());
    }
  }

  // A new header for the tensors that the shard has now.
  static void rebuild(OutputShard& shard,
                      const std::map<std::string, std::string>& metadata) {
    std::vector<TensorLayout> layout;
    for (const OutputTensor& tensor : shard.tensors) {
      layout.push_back({tensor.name, tensor.base.dtype, tensor.base.shape});
    }
    shard.header = make_safetensors_header(layout, metadata);
    std::uint64_t position = shard.header.size();
    for (OutputTensor& tensor : shard.tensors) {
      tensor.begin = position;
      position += tensor.base.bytes.size();
    }
  }

  const ShardedSafetensors& base_;
  const AdapterFile& adapter_;
  const std::optional<TiedHead>& tied_;
  std::map<std::string, std::vector<LoraPart>> parts_;  // by tensor
  std::vector<std::string> problems_;
};

std::string hf_path(const ModuleInfo& module) {
  return module.parts.empty() ? module.path : module.parts.front().path;
}

}  // namespace

MergePlan plan_merge(const ShardedSafetensors& base, const AdapterFile& adapter,
                     const std::optional<TiedHead>& tied) {
  return Planner(base, adapter, tied).plan();
}

std::optional<TiedHead> find_tied_head(const std::filesystem::path& base) {
  const Inventory inventory = read_inventory(base);
  for (const ModuleInfo& head : inventory.modules) {
    if (!head.output_head || head.parameter_count != 0) continue;
    for (const ModuleInfo& module : inventory.modules) {
      if (module.kind == LayerKind::kEmbedding && module.in == head.out &&
          module.out == head.in) {
        return TiedHead{.head_tensor = hf_path(head) + kWeight,
                        .embedding_tensor = hf_path(module) + kWeight};
      }
    }
  }
  return std::nullopt;
}

}  // namespace graft
