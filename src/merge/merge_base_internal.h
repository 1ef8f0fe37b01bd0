// What a merge, its check or a conversion starts from: a safetensors directory
// whose files are kept as they are, or a GGUF file that becomes one. Entry
// point: MergeBase. Private to merge.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graft/base/dtype.h"
#include "graft/formats/checkpoint.h"
#include "graft/io/sharded_safetensors.h"
#include "graft/merge/merge.h"
#include "merge/merge_plan_internal.h"
#include "merge/side_file_internal.h"

namespace graft {

class MergeBase {
 public:
  // `dtype`: what the tensors of a GGUF file become.
  MergeBase(const std::filesystem::path& path, DType dtype);

  // The output files without an adapter; views into the base.
  std::vector<OutputShard> shards() const;
  std::optional<TiedHead> tied_head() const;
  // Everything beside the weights: copies, or files made from the metadata and
  // `options.files`.
  SideFiles write_side_files(const std::filesystem::path& output,
                             const MergeOptions& options) const;
  // What stands in the way of replacing `output`: see foreign_entry of
  // side_file_internal.h.
  std::optional<std::string> foreign_entry(
      const std::filesystem::path& output) const;
  // The index of the directory, if there is one.
  std::optional<std::filesystem::path> index_path() const;

 private:
  std::filesystem::path path_;
  DType dtype_;
  std::optional<ShardedSafetensors> weights_;     // a directory
  std::unique_ptr<const Checkpoint> checkpoint_;  // a GGUF file
};

// A new header for the tensors that the shard has now, and their places.
void lay_out(OutputShard& shard);

}  // namespace graft
