// LoRA adapters as llama.cpp's --lora reads them. Entry point:
// write_gguf_adapter. Format: docs/formats/gguf_adapter.md.
#pragma once

#include <filesystem>

#include "graft/base/dtype.h"
#include "graft/formats/adapter_record.h"
#include "graft/formats/hf/model_config.h"

namespace graft {

// Writes `adapter`, made for the model of `base`, as one GGUF file: A as
// NAME.lora_a (rank, in), B as NAME.lora_b (out, rank) with the rows in
// llama.cpp's order, `dtype` F32, F16 or BF16. The format has one alpha, and
// llama.cpp scales every pair by alpha / rank: where a site's own scale
// differs, its B is multiplied by what is missing, in fp32 before the one
// rounding. Deterministic bytes; the file appears complete or not at all.
//
// Throws FileError for a family that has no table of llama.cpp's names, and
// ConfigError for what llama.cpp cannot load: an adapter on the head of a tied
// model (its file has no such tensor), DoRA; and for what the Hugging Face
// writer refuses (NaN, an adapter that does nothing).
void write_gguf_adapter(const std::filesystem::path& path,
                        const AdapterFile& adapter, const ModelConfig& base,
                        DType dtype = DType::kF32);

}  // namespace graft
