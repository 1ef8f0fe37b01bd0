// Reads the bytes as config.json.
#include "fuzz/targets.h"
#include "graft/base/error.h"
#include "graft/formats/hf/model_config.h"

namespace graft::fuzz {

void model_config(std::string_view bytes) {
  try {
    read_model_config(memory_file(bytes));
  } catch (const Error&) {
  }
}

}  // namespace graft::fuzz
