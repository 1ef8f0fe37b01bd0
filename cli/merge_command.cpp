// Reads base and adapter, merges, prints the report.
#include "merge_command.h"

#include <iostream>

#include "arguments.h"
#include "gguf_output.h"
#include "graft/base/error.h"
#include "graft/io/gguf.h"
#include "merge_inputs.h"

namespace graft::cli {
namespace {

constexpr char kAbout[] =
    "Writes an adapter into its base: W + scale * B A in fp32, rounded once to "
    "the base's type; everything else is kept byte for byte";

}  // namespace

int merge_command(const std::vector<std::string>& args) {
  CLI::App app(kAbout, "graft merge");
  MergeArguments common(app, "merge");
  std::string output;
  std::string dtype;  // empty: not given
  bool overwrite = false;
  app.add_option("-o,--output", output, "new directory")->required();
  add_dtype_option(app, dtype,
                   "type of the tensors made from a GGUF file: bf16 "
                   "(default), f16 or f32");
  app.add_flag("--overwrite", overwrite, "replace an earlier result");
  parse_arguments(app, args);
  ByteProgress progress("merge");
  MergeInputs inputs = open_merge_inputs(common, progress);
  inputs.options.overwrite = overwrite;
  inputs.options.adapter = common.adapter;
  if (is_gguf_file(inputs.base)) {
    set_gguf_output(inputs.base, dtype, inputs.options);
  } else if (!dtype.empty()) {
    throw ConfigError(ErrorText{
        .operation = "merge",
        .what = "--dtype is for a base that is a GGUF file; the types of a "
                "directory are kept"});
  }
  const MergeReport report =
      merge_checkpoint(inputs.base, inputs.adapter, output, inputs.options);
  std::cout << (common.json ? merge_report_to_json(report)
                            : merge_report_to_text(report));
  if (!common.json) std::cout << "wrote " << output << '\n';
  return 0;
}

}  // namespace graft::cli
