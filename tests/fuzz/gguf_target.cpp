// Opens the bytes as a GGUF file and decodes every row; reads the model and
// the tokenizer that the metadata describes, if it describes one.
#include "graft/io/gguf.h"

#include "fuzz/targets.h"
#include "graft/formats/checkpoint.h"
#include "graft/text/tokenizer.h"
#include "graft/text/tokenizer_export.h"

namespace graft::fuzz {
namespace {

void decode_rows(const StoredTensor& tensor) {
  if (tensor.format->decode == nullptr || tensor.bytes.empty()) return;
  std::vector<float> row(static_cast<std::size_t>(tensor.columns()));
  for (std::int64_t i = 0; i < tensor.rows(); ++i) {
    tensor.decode({i, i + 1}, row.data());
  }
}

void read_model(const std::filesystem::path& path) {
  const auto checkpoint = open_checkpoint(path);
  checkpoint->config();
  checkpoint->generation();
  for (const ModuleInfo& module : checkpoint->inventory().modules) {
    for (const ModulePart& part : module.parts) {
      const bool is_tied = module.output_head && module.parameter_count == 0;
      if (!is_tied) decode_rows(checkpoint->tensor(part.path + ".weight"));
    }
  }
}

void read_tokenizer(const std::filesystem::path& path) {
  const auto opened = Tokenizer::open(path);
  const auto ids = opened.encode("Hello, w\xc3\xb6rld 42!\n  <s>", true);
  opened.decode(ids, false);
  export_gguf_tokenizer(path);
}

}  // namespace

void gguf(std::string_view bytes) {
  const auto path = memory_file(bytes);
  const auto file = GgufFile::open(path);
  for (const GgufEntry& entry : file.entries()) {
    entry.element_count();
    decode_rows(file.tensor(entry));
  }
  Parts parts;
  if (!file.entries().empty()) parts.run([&] { read_model(path); });
  if (file.metadata().has("tokenizer.ggml.model")) {
    parts.run([&] { read_tokenizer(path); });
  }
  parts.throw_if_refused();
}

}  // namespace graft::fuzz
