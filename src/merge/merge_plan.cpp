// Maps the adapter's sites to the checkpoint's tensors. Entry points:
// plan_merge, find_tied_head.
#include "merge/merge_plan_internal.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "graft/base/error.h"
#include "graft/formats/hf/checkpoint_inventory.h"
#include "io/json_file_internal.h"
#include "merge/merge_base_internal.h"

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

// One HF tensor that a site covers: one part, or one for each expert of a
// packed one.
struct Target {
  std::string tensor;
  std::vector<std::int64_t> shape;
  std::vector<LoraPart> parts;
};

// A packed tensor, and the weight that a parameter's name says itself, need no
// ".weight".
std::string tensor_of(const Site& site, const std::string& path) {
  const bool own = !site.parameter.empty() || path == site.hf_parameter;
  return own ? path : path + kWeight;
}

HostTensor rows_of(const HostTensor& matrix, RowSet rows) {
  HostTensor out = matrix;
  const std::size_t row_bytes =
      static_cast<std::size_t>(row_width(matrix)) * dtype_size(matrix.dtype);
  out.shape[0] = rows.size();
  out.bytes =
      matrix.bytes.subspan(static_cast<std::size_t>(rows.begin) * row_bytes,
                           static_cast<std::size_t>(rows.size()) * row_bytes);
  return out;
}

// What the site adds to `rows` of its own, which begin a tensor.
Target target_of(const Site& site, const AdapterRecord& record, RowSet rows) {
  const std::int64_t matrix = std::min(rows.size(), site.rows_of_expert());
  const std::int64_t rank = site.adapter.rank;
  Target out{.shape = {rows.size(), site.in}};
  if (matrix < rows.size()) {
    out.shape = {rows.size() / matrix, matrix, site.in};
  }
  for (std::int64_t row = 0; row < rows.size(); row += matrix) {
    const std::int64_t expert = (rows.begin + row) / site.rows_of_expert();
    out.parts.push_back(
        {.a = rows_of(record.a, {expert * rank, (expert + 1) * rank}),
         .b = record.b,
         .b_row_begin = rows.begin + row,
         .scale = site.scale,
         .rows = {row, row + matrix}});
  }
  return out;
}

std::vector<Target> targets_of(const Site& site, const AdapterRecord& record) {
  std::vector<std::string> paths = site.hf_paths;
  std::vector<RowSet> rows = site.hf_rows;
  if (paths.empty()) {  // an inventory of HF names
    paths = {site.module};
    rows = {site.rows};
  }
  std::vector<Target> out;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    out.push_back(target_of(
        site, record,
        {rows[i].begin - site.rows.begin, rows[i].end - site.rows.begin}));
    out.back().tensor = tensor_of(site, paths[i]);
  }
  return out;
}

// The pair has the shapes of its site, and each tensor is whole experts of it
// or rows of one.
bool pair_fits(const Site& site, const AdapterRecord& record) {
  const std::int64_t rank = site.adapter.rank;
  const std::int64_t of_expert = site.rows_of_expert();
  const auto is_inside = [&](RowSet rows) {
    const std::int64_t begin = rows.begin - site.rows.begin;
    return begin >= 0 && rows.size() > 0 && rows.end <= site.rows.end &&
           (rows.size() <= of_expert
                ? begin / of_expert == (begin + rows.size() - 1) / of_expert
                : begin % of_expert == 0 && rows.size() % of_expert == 0);
  };
  return of_expert > 0 &&
         record.a.shape == std::vector{site.experts * rank, site.in} &&
         record.b.shape == std::vector{site.rows.size(), rank} &&
         std::all_of(site.hf_rows.begin(), site.hf_rows.end(), is_inside);
}

bool is_matrix_site(const Site& site) {
  return site.layer_kind != LayerKind::kConv1d &&
         site.layer_kind != LayerKind::kConv2d &&
         site.layer_kind != LayerKind::kEmbedding;
}

// Collects what is wrong with the adapted tensors.
class Planner {
 public:
  Planner(std::vector<OutputShard> shards, const AdapterFile& adapter,
          const std::optional<TiedHead>& tied)
      : shards_(std::move(shards)), adapter_(adapter), tied_(tied) {
    for (OutputShard& shard : shards_) {
      for (OutputTensor& tensor : shard.tensors) {
        tensors_.emplace(tensor.name, &tensor);
      }
    }
  }

  MergePlan plan() {
    check_records();
    for (std::size_t i = 0; i < adapter_.plan.sites.size(); ++i) {
      add_site(adapter_.plan.sites[i], adapter_.records[i]);
    }
    throw_problems();
    for (auto& [name, parts] : parts_) {
      if (!is_head(name)) tensors_.at(name)->parts = parts;
    }
    const bool untied = tied_ && parts_.contains(tied_->head_tensor);
    if (untied) give_head_a_tensor();
    MergePlan out = plan_copy(std::move(shards_));
    out.untied = untied;
    return out;
  }

 private:
  void check_records() const {
    refuse_unsupported_sites(adapter_.plan, kOperation);
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
    if (!pair_fits(site, record)) {
      problems_.push_back(where + "A " + shape_text(record.a.shape) + ", B " +
                          shape_text(record.b.shape) + " do not fit rank " +
                          std::to_string(site.adapter.rank) + " on " +
                          std::to_string(site.rows.size()) + " rows of " +
                          std::to_string(site.in) + ", " +
                          std::to_string(site.experts) + " experts");
      return;
    }
    for (Target& target : targets_of(site, record)) {
      if (!check_target(target)) continue;
      std::vector<LoraPart>& parts = parts_[target.tensor];
      std::move(target.parts.begin(), target.parts.end(),
                std::back_inserter(parts));
    }
  }

  bool is_head(const std::string& tensor) const {
    return tied_ && tied_->head_tensor == tensor;
  }

  // GPTQ, AWQ and compressed-tensors keep a weight's integers under a name of
  // their own.
  std::string absence_of(const std::string& tensor) const {
    const std::string module = tensor.substr(0, tensor.rfind('.') + 1);
    for (const char* integers : {"qweight", "weight_packed"}) {
      if (!tensors_.contains(module + integers)) continue;
      return "stored quantised, as " + printable(module + integers) +
             ", which cannot be merged into";
    }
    return "not in the base";
  }

  bool check_target(const Target& target) {
    const std::string where = "tensor " + printable(target.tensor) + ": ";
    const std::string& stored =
        is_head(target.tensor) ? tied_->embedding_tensor : target.tensor;
    const auto found = tensors_.find(stored);
    if (found == tensors_.end()) {
      problems_.push_back(where + absence_of(stored));
      return false;
    }
    const HostTensor& base = found->second->base;
    if (!is_computable(base.dtype)) {
      problems_.push_back(where + "stored as " +
                          std::string(dtype_name(base.dtype)) +
                          ", a quantised or integer type that cannot be "
                          "merged into");
      return false;
    }
    if (base.shape != target.shape) {
      problems_.push_back(where + "shape " + shape_text(base.shape) +
                          " does not fit the site's " +
                          shape_text(target.shape));
      return false;
    }
    return true;
  }

  void throw_problems() const {
    if (problems_.empty()) return;
    std::string what = shards_.front().source.parent_path().string();
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

  // The head gets its own tensor, made from the embedding: in the place of one
  // that transformers would ignore, else at the end of the last file.
  void give_head_a_tensor() {
    OutputTensor head = *tensors_.at(tied_->embedding_tensor);
    head.name = tied_->head_tensor;
    head.parts = parts_.at(tied_->head_tensor);
    for (OutputShard& shard : shards_) {
      std::erase_if(shard.tensors, [this](const OutputTensor& tensor) {
        return tensor.name == tied_->head_tensor;
      });
    }
    shards_.back().tensors.push_back(std::move(head));
    for (OutputShard& shard : shards_) lay_out(shard);
  }

  std::vector<OutputShard> shards_;
  std::map<std::string, OutputTensor*> tensors_;  // of shards_, by name
  const AdapterFile& adapter_;
  const std::optional<TiedHead>& tied_;
  std::map<std::string, std::vector<LoraPart>> parts_;  // by tensor
  std::vector<std::string> problems_;
};

std::string hf_path(const ModuleInfo& module) {
  return module.parts.empty() ? module.path : module.parts.front().path;
}

}  // namespace

std::uint64_t OutputTensor::byte_size() const {
  std::uint64_t size = dtype_size(base.dtype);
  for (const std::int64_t dimension : base.shape) {
    size *= static_cast<std::uint64_t>(dimension);
  }
  return size;
}

MergePlan plan_merge(std::vector<OutputShard> shards,
                     const AdapterFile& adapter,
                     const std::optional<TiedHead>& tied) {
  return Planner(std::move(shards), adapter, tied).plan();
}

MergePlan plan_copy(std::vector<OutputShard> shards) {
  MergePlan out{.shards = std::move(shards)};
  for (const OutputShard& shard : out.shards) {
    for (const OutputTensor& tensor : shard.tensors) {
      out.bytes += tensor.byte_size();
    }
  }
  return out;
}

std::optional<TiedHead> find_tied_head(const std::filesystem::path& base) {
  return find_tied_head(read_inventory(base));
}

std::optional<TiedHead> find_tied_head(const Inventory& inventory) {
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
