// Opens the bytes as a safetensors file and touches every tensor.
#include "fuzz/targets.h"
#include "graft/base/error.h"
#include "graft/io/safetensors.h"

namespace graft::fuzz {

void safetensors(std::string_view bytes) {
  try {
    const auto file = SafetensorsFile::open(memory_file(bytes));
    for (const TensorEntry& entry : file.entries()) {
      entry.element_count();
      file.tensor(entry);
    }
  } catch (const Error&) {
  }
}

}  // namespace graft::fuzz
