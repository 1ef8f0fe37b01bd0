// Decodes a GGUF file into a Hugging Face directory.
#include "convert_command.h"

#include <filesystem>
#include <iostream>

#include "arguments.h"
#include "byte_progress.h"
#include "gguf_output.h"
#include "graft/formats/hf/model_location.h"
#include "graft/merge/merge.h"

namespace graft::cli {
namespace {

struct Options {
  std::string model;
  std::string output;
  std::string dtype = "bf16";
  int threads = 0;
  bool overwrite = false;
};

Options parse_options(const std::vector<std::string>& args) {
  Options out;
  CLI::App app(
      "Writes a GGUF model as a Hugging Face directory: weights, "
      "configuration, tokenizer, chat template",
      "graft convert");
  app.add_option("MODEL", out.model, "MODEL.gguf")->required();
  app.add_option("-o,--output", out.output, "new directory")->required();
  add_dtype_option(app, out.dtype);
  app.add_flag("--overwrite", out.overwrite, "replace the output if it exists");
  app.add_option("--threads", out.threads, "0: one a processor (default)")
      ->check(CLI::Range(0, 1024));
  parse_arguments(app, args);
  return out;
}

}  // namespace

int convert_command(const std::vector<std::string>& args) {
  const Options options = parse_options(args);
  const std::filesystem::path model = locate_model(options.model);
  MergeOptions convert_options;
  convert_options.threads = options.threads;
  convert_options.overwrite = options.overwrite;
  set_gguf_output(model, options.dtype, convert_options);
  ByteProgress progress("convert");
  convert_options.progress = [&progress](const MergeProgress& state) {
    progress.update(state.bytes_done, state.bytes_total);
  };
  const ConvertReport report =
      convert_checkpoint(model, options.output, convert_options);
  std::cout << report.tensors << " tensors as " << options.dtype << ", "
            << report.bytes << " bytes, largest rounding "
            << report.max_rounding << ", " << report.seconds << " s\n";
  for (const std::string& file : report.files) std::cout << file << '\n';
  std::cout << "wrote " << options.output << '\n';
  return 0;
}

}  // namespace graft::cli
