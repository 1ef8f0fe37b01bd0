// Finds the kind of model; files from before the field `type` are BPE when
// they have merges.
#include "text/bpe_model_internal.h"
#include "text/model_internal.h"
#include "text/tokenizer_file_internal.h"

namespace graft::text {

std::unique_ptr<const Model> make_model(TokenizerFile& file) {
  const auto model = file.part("model");
  if (!model) Part(file.document, file.path.string(), "model").fail("missing");
  const bool is_typed = model->has("type") || !file.has_merges;
  const std::string type = is_typed ? model->type() : "BPE";
  if (type != "BPE") model->unsupported(type);
  return std::make_unique<BpeModel>(file);
}

}  // namespace graft::text
