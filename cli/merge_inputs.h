// What merge and verify have in common: base, adapter, threads, progress.
// Entry points: MergeArguments, open_merge_inputs.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>

#include "byte_progress.h"
#include "graft/formats/adapter_record.h"
#include "graft/merge/merge.h"
#include "recipe_arguments.h"

namespace graft::cli {

// Their shared words, added to `app`; it must outlive the parsing.
class MergeArguments {
 public:
  MergeArguments(CLI::App& app, const std::string& command);

  // 0: one a processor. --set compute.threads wins over --threads.
  int threads() const;

  std::string base;
  std::string adapter;
  bool json = false;

 private:
  int threads_ = 0;
  ScopedRecipeArguments recipe_;
};

struct MergeInputs {
  std::filesystem::path base;
  AdapterFile adapter;
  MergeOptions options;  // threads and progress
};

// Finds the base and reads the adapter; their warnings go to the log.
// `progress` must outlive the result.
MergeInputs open_merge_inputs(const MergeArguments& arguments,
                              ByteProgress& progress);

}  // namespace graft::cli
