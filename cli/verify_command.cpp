// Recomputes a merge and prints what differs; exit code 3 when something does.
#include "verify_command.h"

#include <iostream>

#include "arguments.h"
#include "graft/formats/hf/model_location.h"
#include "merge_inputs.h"

namespace graft::cli {
namespace {

constexpr int kDiffers = 3;

constexpr char kAbout[] =
    "Recomputes every tensor of a merge and compares it bit for bit; exit code "
    "3 when they differ";

}  // namespace

int verify_command(const std::vector<std::string>& args) {
  CLI::App app(kAbout, "graft verify");
  MergeArguments common(app, "verify");
  std::string merged;
  app.add_option("MERGED", merged, "the merged model")->required();
  parse_arguments(app, args);
  ByteProgress progress("verify");
  const MergeInputs inputs = open_merge_inputs(common, progress);
  const VerifyReport report = verify_checkpoint(
      inputs.base, inputs.adapter, locate_model(merged), inputs.options);
  std::cout << (common.json ? verify_report_to_json(report)
                            : verify_report_to_text(report));
  return report.matches() ? 0 : kDiffers;
}

}  // namespace graft::cli
