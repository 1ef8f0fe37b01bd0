// The families that graft knows, one function and one file each. Private to
// formats: others ask find_family_or_null.
#pragma once

#include "formats/hf/family_internal.h"

namespace graft {

Family llama_family();
Family qwen2_family();
Family qwen3_family();
Family mistral_family();
Family gemma2_family();
Family gemma3_text_family();
Family phi3_family();
Family smollm3_family();
Family mixtral_family();
Family qwen3_moe_family();
Family olmo2_family();

}  // namespace graft
