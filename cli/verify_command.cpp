// Recomputes a merge and prints what differs; exit code 3 when something does.
#include "verify_command.h"

#include <filesystem>
#include <iostream>

#include "arguments.h"
#include "byte_progress.h"
#include "graft/base/logger.h"
#include "graft/formats/checkpoint.h"
#include "graft/formats/hf/adapter.h"
#include "graft/formats/hf/model_location.h"
#include "graft/merge/merge.h"

namespace graft::cli {
namespace {

constexpr int kDiffers = 3;

struct Options {
  std::string base;
  std::string adapter;
  std::string merged;
  int threads = 0;
  bool json = false;
};

Options parse_options(const std::vector<std::string>& args) {
  Options out;
  CLI::App app(
      "Recomputes every tensor of a merge and compares it bit for bit; exit "
      "code 3 when they differ",
      "graft verify");
  app.add_option("BASE", out.base, "model directory, MODEL.gguf or hub id")
      ->required();
  app.add_option("ADAPTER", out.adapter, "adapter directory")->required();
  app.add_option("MERGED", out.merged, "the merged model")->required();
  app.add_option("--threads", out.threads, "0: one a processor (default)")
      ->check(CLI::Range(0, 1024));
  app.add_flag("--json", out.json, "print the report as JSON");
  parse_arguments(app, args);
  return out;
}

}  // namespace

int verify_command(const std::vector<std::string>& args) {
  const Options options = parse_options(args);
  const std::filesystem::path base = locate_model(options.base);
  const AdapterFile adapter =
      read_hf_adapter(options.adapter, open_checkpoint(base)->inventory());
  const Logger logger("graft.verify");
  for (const std::string& warning : adapter.warnings) logger.warning(warning);
  ByteProgress progress("verify");
  MergeOptions verify_options;
  verify_options.threads = options.threads;
  verify_options.progress = [&progress](const MergeProgress& state) {
    progress.update(state.bytes_done, state.bytes_total);
  };
  const VerifyReport report = verify_checkpoint(
      base, adapter, locate_model(options.merged), verify_options);
  std::cout << (options.json ? verify_report_to_json(report)
                             : verify_report_to_text(report));
  return report.matches() ? 0 : kDiffers;
}

}  // namespace graft::cli
