// Opens the bytes as a GGUF file, touches every tensor and reads the
// tokenizer of the metadata.
#include "graft/io/gguf.h"

#include "fuzz/targets.h"
#include "graft/base/error.h"
#include "graft/text/tokenizer_export.h"

namespace graft::fuzz {

void gguf(std::string_view bytes) {
  const auto path = memory_file(bytes);
  try {
    const auto file = GgufFile::open(path);
    for (const GgufEntry& entry : file.entries()) {
      entry.element_count();
      file.tensor(entry);
    }
    export_gguf_tokenizer(path);
  } catch (const Error&) {
  }
}

}  // namespace graft::fuzz
