// The tokenizer inside a GGUF file, in the terms of tokenizer.json. Entry
// points: read_gguf_tokenizer, read_gguf_tokenizer_config. A new pre-tokenizer
// is one row of the table in gguf_tokenizer.cpp.
#pragma once

#include "graft/io/gguf_metadata.h"
#include "graft/text/tokenizer.h"
#include "text/tokenizer_file_internal.h"

namespace graft::text {

// The parts that the pipeline is made of, as tokenizer.json would hold them.
// Throws FileError for a model other than byte-level BPE ("gpt2") and
// SentencePiece's BPE ("llama"), and for a pre-tokenizer that has no row, by
// name.
TokenizerFile read_gguf_tokenizer(const GgufMetadata& metadata);

// Special tokens by name, and the chat template.
TokenizerConfig read_gguf_tokenizer_config(const GgufMetadata& metadata);

}  // namespace graft::text
