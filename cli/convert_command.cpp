// A GGUF file becomes a Hugging Face directory, an adapter becomes a GGUF file.
#include "convert_command.h"

#include <filesystem>
#include <iostream>

#include "arguments.h"
#include "byte_progress.h"
#include "gguf_output.h"
#include "graft/base/error.h"
#include "graft/base/logger.h"
#include "graft/formats/checkpoint.h"
#include "graft/formats/gguf/adapter.h"
#include "graft/formats/hf/adapter.h"
#include "graft/formats/hf/model_location.h"
#include "graft/merge/merge.h"

namespace graft::cli {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string input;
  std::string output;
  std::string to = "hf";
  std::string base;
  std::string dtype;
  int threads = 0;
  bool overwrite = false;
};

Options parse_options(const std::vector<std::string>& args) {
  Options out;
  CLI::App app(
      "Writes a GGUF model as a Hugging Face directory (weights, "
      "configuration, tokenizer, chat template), or an adapter as the GGUF "
      "file that llama.cpp's --lora reads",
      "graft convert");
  app.add_option("INPUT", out.input, "MODEL.gguf, or an adapter directory")
      ->required();
  app.add_option("-o,--output", out.output,
                 "new directory, or FILE.gguf of an adapter")
      ->required();
  app.add_option("--to", out.to,
                 "hf: MODEL.gguf to a directory (default); gguf: an adapter "
                 "to a file")
      ->check(CLI::IsMember({"hf", "gguf"}));
  app.add_option("--base", out.base,
                 "with --to gguf: the adapter's model, for names and rows");
  add_dtype_option(app, out.dtype,
                   "of the tensors: bf16, f16 or f32 (default: bf16 for a "
                   "model, f32 for an adapter)");
  app.add_flag("--overwrite", out.overwrite, "replace the output if it exists");
  app.add_option("--threads", out.threads, "0: one a processor (default)")
      ->check(CLI::Range(0, 1024));
  parse_arguments(app, args);
  return out;
}

void check_adapter_options(const Options& options) {
  const auto refuse = [](const std::string& what, const std::string& hint) {
    throw ConfigError({.operation = "convert", .what = what, .hint = hint});
  };
  if (options.base.empty()) {
    refuse("--to gguf needs the model that the adapter was made for",
           "Name it with --base MODEL");
  }
  if (!fs::is_directory(options.input)) {
    refuse("--to gguf takes an adapter directory, got " + options.input,
           "graft writes no GGUF files of whole models");
  }
  if (fs::exists(options.output) &&
      (!options.overwrite || !fs::is_regular_file(options.output))) {
    refuse(options.output + " exists",
           fs::is_regular_file(options.output)
               ? "Take another name, or --overwrite"
               : "It is no file: take another name");
  }
}

int convert_adapter(const Options& options) {
  check_adapter_options(options);
  const auto base = open_checkpoint(locate_model(options.base));
  const Inventory inventory = base->inventory();
  const Logger logger("graft.convert");
  for (const std::string& text : inventory.warnings) logger.warning(text);
  const AdapterFile adapter = read_hf_adapter(options.input, inventory);
  for (const std::string& text : adapter.warnings) logger.warning(text);
  const DType dtype =
      options.dtype.empty() ? DType::kF32 : output_dtype(options.dtype);
  write_gguf_adapter(options.output, adapter, base->config(), dtype);
  std::cout << adapter.records.size() << " pairs of matrices as "
            << dtype_name(dtype) << ", " << fs::file_size(options.output)
            << " bytes\nwrote " << options.output << '\n';
  return 0;
}

int convert_model(const Options& options) {
  if (!options.base.empty()) {
    throw ConfigError({.operation = "convert",
                       .what = "--base goes with an adapter",
                       .hint = "Add --to gguf"});
  }
  const fs::path model = locate_model(options.input);
  const std::string dtype = options.dtype.empty() ? "bf16" : options.dtype;
  MergeOptions convert_options;
  convert_options.threads = options.threads;
  convert_options.overwrite = options.overwrite;
  set_gguf_output(model, dtype, convert_options);
  ByteProgress progress("convert");
  convert_options.progress = [&progress](const MergeProgress& state) {
    progress.update(state.bytes_done, state.bytes_total);
  };
  const ConvertReport report =
      convert_checkpoint(model, options.output, convert_options);
  std::cout << report.tensors << " tensors as " << dtype << ", " << report.bytes
            << " bytes, largest rounding " << report.max_rounding << ", "
            << report.seconds << " s\n";
  for (const std::string& file : report.files) std::cout << file << '\n';
  std::cout << "wrote " << options.output << '\n';
  return 0;
}

}  // namespace

int convert_command(const std::vector<std::string>& args) {
  const Options options = parse_options(args);
  return options.to == "gguf" ? convert_adapter(options)
                              : convert_model(options);
}

}  // namespace graft::cli
