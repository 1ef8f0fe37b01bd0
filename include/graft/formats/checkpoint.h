// A model on disk as the rest of graft sees it, whatever the files: a Hugging
// Face directory or one GGUF file. Entry point: open_checkpoint. A new format
// is one class behind this interface.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "graft/base/stored_tensor.h"
#include "graft/formats/hf/model_config.h"
#include "graft/io/mapped_file.h"
#include "graft/match/module_info.h"

namespace graft {

// Immutable. Every function throws FileError for what the files lack or graft
// does not support.
class Checkpoint {
 public:
  virtual ~Checkpoint() = default;

  virtual const std::filesystem::path& path() const = 0;
  // Needs no runtime for the family: names and shapes alone.
  virtual Inventory inventory() const = 0;
  virtual ModelConfig config() const = 0;
  virtual GenerationConfig generation() const = 0;
  // By its Hugging Face name ("model.layers.0.self_attn.q_proj.weight"), rows
  // in Hugging Face order; a view that keeps the file mapped.
  virtual StoredTensor tensor(const std::string& hf_name) const = 0;
  // The files that hold tensors, in the order of the model's layers where their
  // names tell it.
  virtual std::vector<std::filesystem::path> weight_files() const = 0;
  // The one file that all tensors are views of, so that a streaming reader can
  // give its pages back; null when there are several.
  virtual const MappedFile* mapping_or_null() const { return nullptr; }
};

// A file that begins with "GGUF", or a directory with safetensors.
std::unique_ptr<const Checkpoint> open_checkpoint(
    const std::filesystem::path& path);

}  // namespace graft
