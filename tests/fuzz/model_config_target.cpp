// Reads the bytes as config.json beside the tensors of a small model.
#include "graft/formats/hf/model_config.h"

#include "fuzz/small_model.h"
#include "fuzz/targets.h"
#include "graft/formats/checkpoint.h"

namespace graft::fuzz {

void model_config(std::string_view bytes) {
  static const std::filesystem::path folder =
      memory_file(small_model_bytes(), "model.safetensors").parent_path();
  const auto path = memory_file(bytes, "config.json");
  read_generation_config(folder);
  read_model_config(path);
  const auto checkpoint = open_checkpoint(folder);
  Parts parts;
  parts.run([&] { checkpoint->config(); });
  parts.run([&] { checkpoint->inventory(); });
  parts.throw_if_refused();
}

}  // namespace graft::fuzz
