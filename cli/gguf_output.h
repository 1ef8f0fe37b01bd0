// Options of the commands that write a GGUF model as a Hugging Face directory.
// Entry points: add_dtype_option, output_dtype, set_gguf_output.
#pragma once

#include <filesystem>
#include <string>

#include "arguments.h"
#include "graft/base/dtype.h"
#include "graft/merge/merge.h"

namespace graft::cli {

// --dtype bf16 | f16 | f32 into `word`.
CLI::Option* add_dtype_option(CLI::App& app, std::string& word,
                              const std::string& help);

// Of bf16, f16 or f32.
DType output_dtype(const std::string& word);

// The type, and the tokenizer's files. A tokenizer that graft cannot read is a
// warning: the weights are of use without it.
void set_gguf_output(const std::filesystem::path& gguf, const std::string& word,
                     MergeOptions& options);

}  // namespace graft::cli
