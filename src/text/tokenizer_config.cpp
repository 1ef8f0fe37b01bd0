// A token is a string or an object with `content`.
#include "text/tokenizer_config_internal.h"

#include "io/json_file_internal.h"
#include "text/part_internal.h"

namespace graft::text {
namespace {

std::optional<std::string> read_token(const Part& config, const char* key) {
  if (!config.has(key)) return std::nullopt;
  if (config.node()[key].is_object()) return config.child(key).text("content");
  return config.text(key);
}

}  // namespace

TokenizerConfig read_tokenizer_config(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return {};
  const nlohmann::json document = parse_json_file(path, "tokenizer");
  const Part config(document, path.string(), "tokenizer_config");
  return {.bos_token = read_token(config, "bos_token"),
          .eos_token = read_token(config, "eos_token"),
          .pad_token = read_token(config, "pad_token"),
          .unk_token = read_token(config, "unk_token")};
}

}  // namespace graft::text
