// Tells the formats apart.
#include "graft/formats/checkpoint.h"

#include "formats/gguf/gguf_checkpoint_internal.h"
#include "formats/hf/hf_checkpoint_internal.h"
#include "graft/io/gguf.h"

namespace graft {

std::unique_ptr<const Checkpoint> open_checkpoint(
    const std::filesystem::path& path) {
  if (is_gguf_file(path)) return open_gguf_checkpoint(path);
  return open_hf_checkpoint(path);
}

}  // namespace graft
