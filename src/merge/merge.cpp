// Writes the planned shards into a temporary directory and renames it. Entry
// points: merge_checkpoint, convert_checkpoint.
#include "graft/merge/merge.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <system_error>
#include <utility>

#include "graft/base/error.h"
#include "graft/io/atomic_output.h"
#include "graft/io/gguf.h"
#include "merge/merge_base_internal.h"
#include "merge/tensor_stream_internal.h"

namespace graft {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMerge = "merge";
constexpr const char* kConvert = "convert";

// True when replacing `output` would delete `input`.
bool holds(const fs::path& output, const fs::path& input) {
  const fs::path outer = fs::weakly_canonical(output);
  fs::path inner = fs::weakly_canonical(input);
  while (inner != outer && inner.has_relative_path()) {
    inner = inner.parent_path();
  }
  return inner == outer;
}

void check_places(const char* operation, const fs::path& base,
                  const fs::path& output, const fs::path& adapter) {
  if (output.empty()) {
    throw ConfigError(ErrorText{.operation = operation,
                                .what = "the output has no name",
                                .hint = "Choose a new directory"});
  }
  for (const auto& [path, word] :
       {std::pair(base, "base"), std::pair(adapter, "adapter")}) {
    if (path.empty() || !holds(output, path)) continue;
    throw ConfigError(ErrorText{
        .operation = operation,
        .what = "the output " + output.string() + " is, or holds, the " + word,
        .hint = "Choose a new directory"});
  }
}

// Anything that a merge does not write makes the folder somebody's.
void check_replaceable(const char* operation, const MergeBase& base,
                       const fs::path& output) {
  if (!fs::is_directory(output) || fs::is_empty(output)) return;
  const auto found = base.foreign_entry(output);
  if (!found) return;
  throw ConfigError(
      ErrorText{.operation = operation,
                .what = "--overwrite replaces only a model, and the output " +
                        output.string() + " holds '" + *found +
                        "', which is no part of one",
                .hint = "Choose another output, or move it away"});
}

MergedTensor describe(const OutputTensor& tensor,
                      const BlockStatistics& statistics) {
  MergedTensor out{.name = tensor.name,
                   .max_rounding = statistics.max_rounding,
                   .changed = statistics.changed};
  if (statistics.base_squares > 0.0) {
    out.relative_change =
        std::sqrt(statistics.delta_squares / statistics.base_squares);
  }
  return out;
}

// Returns the largest rounding.
double write_shard(const OutputShard& shard, const fs::path& target,
                   const MergeOptions& options, ProgressMeter& meter,
                   MergeReport& report) {
  AtomicFile file(target);
  file.write(shard.header);
  const auto statistics =
      stream_shard(shard, options, meter,
                   [&file](const OutputTensor& tensor, std::uint64_t offset,
                           std::span<const std::byte> bytes) {
                     file.write_at(tensor.begin + offset, bytes);
                   });
  file.commit();
  std::error_code error;
  const fs::perms mode = fs::status(shard.source, error).permissions();
  if (!error && mode != fs::perms::unknown) {
    fs::permissions(target, mode, error);
  }
  double largest = 0.0;
  for (std::size_t i = 0; i < shard.tensors.size(); ++i) {
    largest = std::max(largest, statistics[i].max_rounding);
    if (shard.tensors[i].parts.empty()) {
      ++report.copied_tensors;
    } else {
      report.merged.push_back(describe(shard.tensors[i], statistics[i]));
    }
  }
  report.shards.push_back(target.filename().string());
  return largest;
}

AtomicDirectory::Existing existing(const MergeOptions& options) {
  return options.overwrite ? AtomicDirectory::Existing::kReplace
                           : AtomicDirectory::Existing::kRefuse;
}

}  // namespace

ConvertReport convert_checkpoint(const fs::path& gguf, const fs::path& output,
                                 const MergeOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  check_places(kConvert, gguf, output, options.adapter);
  if (!is_gguf_file(gguf)) {
    throw FileError(ErrorText{.operation = kConvert,
                              .what = gguf.string(),
                              .expected = "a GGUF file"});
  }
  const MergeBase source(gguf, options.dtype);
  const MergePlan plan = plan_copy(source.shards());
  if (options.overwrite) check_replaceable(kConvert, source, output);
  AtomicDirectory directory(output, existing(options));
  ConvertReport out{.bytes = plan.bytes};
  out.files = source.write_side_files(directory.path(), options).copied;
  ProgressMeter meter(options, plan.bytes);
  MergeReport report;
  for (const OutputShard& shard : plan.shards) {
    const double rounding =
        write_shard(shard, directory.path() / shard.source.filename(), options,
                    meter, report);
    out.max_rounding = std::max(out.max_rounding, rounding);
    out.tensors += shard.tensors.size();
  }
  directory.commit();
  const std::chrono::duration<double> elapsed =
      std::chrono::steady_clock::now() - start;
  out.seconds = elapsed.count();
  return out;
}

MergeReport merge_checkpoint(const fs::path& base, const AdapterFile& adapter,
                             const fs::path& output,
                             const MergeOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  check_places(kMerge, base, output, options.adapter);
  const MergeBase source(base, options.dtype);
  const MergePlan plan =
      plan_merge(source.shards(), adapter, source.tied_head());
  if (options.overwrite) check_replaceable(kMerge, source, output);
  AtomicDirectory directory(output, existing(options));
  MergeReport report{.adapter_pairs = adapter.records.size(),
                     .untied = plan.untied,
                     .bytes = plan.bytes};
  const SideFiles files = source.write_side_files(directory.path(), options);
  report.copied_files = files.copied;
  report.skipped_files = files.skipped;
  if (plan.untied) {
    untie_config(directory.path() / "config.json");
    if (const auto index = source.index_path()) {
      update_index(plan, directory.path() / index->filename());
    }
  }
  ProgressMeter meter(options, plan.bytes);
  for (const OutputShard& shard : plan.shards) {
    write_shard(shard, directory.path() / shard.source.filename(), options,
                meter, report);
  }
  directory.commit();
  const std::chrono::duration<double> elapsed =
      std::chrono::steady_clock::now() - start;
  report.seconds = elapsed.count();
  return report;
}

}  // namespace graft
