// Writes an adapter into its base checkpoint without loading either, and
// recomputes the result to check it. Entry points: merge_checkpoint,
// verify_checkpoint.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "graft/base/cancellation.h"
#include "graft/base/dtype.h"
#include "graft/formats/adapter_record.h"

namespace graft {

struct MergeProgress {
  std::string tensor;  // the one that was worked on last
  std::uint64_t bytes_done = 0;
  std::uint64_t bytes_total = 0;
};

struct MergeOptions {
  // Called from the worker threads, from one at a time.
  std::function<void(const MergeProgress&)> progress;
  CancellationToken cancellation;  // stops with graft::Error
  int threads = 0;                 // 0: one a processor
  bool overwrite = false;          // replace an existing output directory
  std::filesystem::path adapter;   // its directory, never to be replaced
  // For a base that is a GGUF file: the type of the written tensors, and what
  // is written beside them (tokenizer.json, ...) by name.
  DType dtype = DType::kBF16;
  std::map<std::string, std::string> files;
};

// What the merge did to one tensor.
struct MergedTensor {
  std::string name;
  double relative_change = 0.0;  // Frobenius norm of delta over that of W
  double max_rounding = 0.0;     // largest |stored - fp32 result|
  bool changed = false;          // false: rounding swallowed the whole delta
};

struct MergeReport {
  std::vector<MergedTensor> merged;  // in file order
  std::size_t adapter_pairs = 0;     // all of the adapter's
  std::size_t copied_tensors = 0;    // byte for byte
  bool untied = false;  // the head got a tensor of its own, config.json says so
  std::vector<std::string> shards;         // names of the weight files
  std::vector<std::string> copied_files;   // tokenizer, configuration, ...
  std::vector<std::string> skipped_files;  // other weights
  std::uint64_t bytes = 0;                 // of tensors written
  double seconds = 0.0;                    // flushing to disk included
};

// W + scale * B A in fp32 (double for F64), rounded once to W's type, in row
// blocks: memory does not grow with the model. Keeps sharding, order, header
// and every other tensor byte for byte; the result is the same for any number
// of threads. `output` appears complete or not at all. A base that is a GGUF
// file becomes a Hugging Face directory of options.dtype. Throws ConfigError,
// FileError (all problems of the adapted tensors together), SystemError.
MergeReport merge_checkpoint(const std::filesystem::path& base,
                             const AdapterFile& adapter,
                             const std::filesystem::path& output,
                             const MergeOptions& options = {});

struct ConvertReport {
  std::size_t tensors = 0;
  double max_rounding = 0.0;       // largest |stored - decoded|
  std::vector<std::string> files;  // written, without the weights
  std::uint64_t bytes = 0;         // of tensors written
  double seconds = 0.0;
};

// A GGUF file as a Hugging Face directory: every tensor decoded and rounded
// once to options.dtype, in row blocks, as a merge does; config.json from the
// metadata, options.files beside. Throws as merge_checkpoint.
ConvertReport convert_checkpoint(const std::filesystem::path& gguf,
                                 const std::filesystem::path& output,
                                 const MergeOptions& options);

struct TensorDifference {
  std::string name;
  // "missing", "extra", "dtype", "shape", "merged values" or "copied values".
  std::string kind;
  std::uint64_t elements = 0;   // that differ in any bit
  double max_difference = 0.0;  // largest absolute, of computable types
};

struct VerifyReport {
  std::size_t merged_tensors = 0;  // expected to hold the adapter
  std::size_t copied_tensors = 0;  // expected to be the base's
  std::vector<TensorDifference> differences;
  std::vector<std::string> problems;  // outside tensors, one sentence each
  std::uint64_t bytes = 0;
  double seconds = 0.0;

  bool matches() const { return differences.empty() && problems.empty(); }
};

// Recomputes every tensor and compares bits; `merged` may be sharded in any
// way. Differences are a result, not an error.
VerifyReport verify_checkpoint(const std::filesystem::path& base,
                               const AdapterFile& adapter,
                               const std::filesystem::path& merged,
                               const MergeOptions& options = {});

// What `graft merge` and `graft verify` print; the JSON schemas
// "graft.merge/1" and "graft.verify/1" have the fields of the structs.
std::string merge_report_to_text(const MergeReport& report);
std::string merge_report_to_json(const MergeReport& report);
std::string verify_report_to_text(const VerifyReport& report);
std::string verify_report_to_json(const VerifyReport& report);

}  // namespace graft
