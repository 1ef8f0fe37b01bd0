// Opens what merge and verify work on. Entry point: open_merge_inputs.
#include "merge_inputs.h"

#include "graft/base/logger.h"
#include "graft/formats/checkpoint.h"
#include "graft/formats/hf/adapter.h"
#include "graft/formats/hf/model_location.h"

namespace graft::cli {

MergeArguments::MergeArguments(CLI::App& app, const std::string& command)
    : recipe_(app, {command, {"compute.threads"}},
              ScopedRecipeArguments::Flags::kNone) {
  app.add_option("BASE", base, "model directory, MODEL.gguf or hub id")
      ->required();
  app.add_option("ADAPTER", adapter, "adapter directory")->required();
  app.add_option("--threads", threads_, "0: one a processor (default)")
      ->check(CLI::Range(0, 1024));
  app.add_flag("--json", json, "print the report as JSON");
}

int MergeArguments::threads() const {
  const auto set = recipe_.recipe().compute.threads;
  return set ? static_cast<int>(*set) : threads_;
}

MergeInputs open_merge_inputs(const MergeArguments& arguments,
                              ByteProgress& progress) {
  MergeInputs out;
  out.base = locate_model(arguments.base);
  const Inventory inventory = open_checkpoint(out.base)->inventory();
  const Logger logger("graft.merge");
  // First: what is wrong with the base may be why the adapter does not fit.
  for (const std::string& text : inventory.warnings) logger.warning(text);
  out.adapter = read_hf_adapter(arguments.adapter, inventory);
  for (const std::string& text : out.adapter.warnings) logger.warning(text);
  out.options.threads = arguments.threads();
  out.options.progress = [&progress](const MergeProgress& state) {
    progress.update(state.bytes_done, state.bytes_total);
  };
  return out;
}

}  // namespace graft::cli
