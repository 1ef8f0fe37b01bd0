// Reads base and adapter, merges, prints the report.
#include "merge_command.h"

#include <filesystem>
#include <iostream>

#include "arguments.h"
#include "byte_progress.h"
#include "gguf_output.h"
#include "graft/base/error.h"
#include "graft/base/logger.h"
#include "graft/formats/checkpoint.h"
#include "graft/formats/hf/adapter.h"
#include "graft/formats/hf/model_location.h"
#include "graft/io/gguf.h"
#include "graft/merge/merge.h"

namespace graft::cli {
namespace {

struct Options {
  std::string base;
  std::string adapter;
  std::string output;
  std::string dtype;  // empty: not given
  int threads = 0;
  bool overwrite = false;
  bool json = false;
};

Options parse_options(const std::vector<std::string>& args) {
  Options out;
  CLI::App app(
      "Writes an adapter into its base: W + scale * B A in fp32, rounded once "
      "to the base's type; everything else is kept byte for byte",
      "graft merge");
  app.add_option("BASE", out.base, "model directory, MODEL.gguf or hub id")
      ->required();
  app.add_option("ADAPTER", out.adapter, "adapter directory")->required();
  app.add_option("-o,--output", out.output, "new directory")->required();
  add_dtype_option(app, out.dtype);
  app.add_flag("--overwrite", out.overwrite, "replace the output if it exists");
  app.add_option("--threads", out.threads, "0: one a processor (default)")
      ->check(CLI::Range(0, 1024));
  app.add_flag("--json", out.json, "print the report as JSON");
  parse_arguments(app, args);
  return out;
}

}  // namespace

int merge_command(const std::vector<std::string>& args) {
  const Options options = parse_options(args);
  const std::filesystem::path base = locate_model(options.base);
  const AdapterFile adapter =
      read_hf_adapter(options.adapter, open_checkpoint(base)->inventory());
  const Logger logger("graft.merge");
  for (const std::string& warning : adapter.warnings) logger.warning(warning);
  ByteProgress progress("merge");
  MergeOptions merge_options;
  merge_options.threads = options.threads;
  merge_options.overwrite = options.overwrite;
  merge_options.adapter = options.adapter;
  if (is_gguf_file(base)) {
    set_gguf_output(base, options.dtype, merge_options);
  } else if (!options.dtype.empty()) {
    throw ConfigError(ErrorText{
        .operation = "merge",
        .what = "--dtype is for a base that is a GGUF file; the types of a "
                "directory are kept"});
  }
  merge_options.progress = [&progress](const MergeProgress& state) {
    progress.update(state.bytes_done, state.bytes_total);
  };
  const MergeReport report =
      merge_checkpoint(base, adapter, options.output, merge_options);
  std::cout << (options.json ? merge_report_to_json(report)
                             : merge_report_to_text(report));
  if (!options.json) std::cout << "wrote " << options.output << '\n';
  return 0;
}

}  // namespace graft::cli
