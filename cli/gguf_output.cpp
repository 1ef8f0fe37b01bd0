// Words of --dtype, and the tokenizer of a GGUF file as files.
#include "gguf_output.h"

#include "graft/base/error.h"
#include "graft/base/logger.h"
#include "graft/text/tokenizer_export.h"

namespace graft::cli {

CLI::Option* add_dtype_option(CLI::App& app, std::string& word,
                              const std::string& help) {
  return app.add_option("--dtype", word, help)
      ->check(CLI::IsMember({"bf16", "f16", "f32"}));
}

DType output_dtype(const std::string& word) {
  if (word == "f16") return DType::kF16;
  return word == "f32" ? DType::kF32 : DType::kBF16;
}

void set_gguf_output(const std::filesystem::path& gguf, const std::string& word,
                     MergeOptions& options) {
  options.dtype = output_dtype(word);
  try {
    TokenizerFiles files = export_gguf_tokenizer(gguf);
    options.files = {
        {"tokenizer.json", std::move(files.tokenizer_json)},
        {"tokenizer_config.json", std::move(files.tokenizer_config_json)}};
  } catch (const FileError& error) {
    Logger("graft.convert")
        .warning(std::string("no tokenizer is written: ") + error.what());
  }
}

}  // namespace graft::cli
