// A token is a string or an object with `content`; a template is a string, a
// list of named ones, or a file of its own.
#include "text/tokenizer_config_internal.h"

#include <cstdint>

#include "io/json_file_internal.h"
#include "text/part_internal.h"

namespace graft::text {
namespace {

std::optional<std::string> read_token(const Part& config, const char* key) {
  if (!config.has(key)) return std::nullopt;
  if (config.node()[key].is_object()) return config.child(key).text("content");
  return config.text(key);
}

// A text, or a list of {"name", "template"}.
void read_templates(const Part& config, TokenizerConfig& out) {
  if (!config.has("chat_template")) return;
  if (!config.node()["chat_template"].is_array()) {
    out.chat_template = config.text("chat_template");
    return;
  }
  for (const Part& item : config.items("chat_template")) {
    const std::string name = item.text("name");
    if (name == "default") out.chat_template = item.text("template");
    if (name == "tool_use") out.tool_template = item.text("template");
  }
}

constexpr std::uint64_t kTemplateLimit = std::uint64_t{4} << 20;

void read_template_file(const std::filesystem::path& path,
                        std::optional<std::string>& out) {
  if (!std::filesystem::exists(path)) return;
  out = read_text_file(path, "tokenizer", kTemplateLimit);
}

}  // namespace

TokenizerConfig read_tokenizer_config(const std::filesystem::path& path) {
  TokenizerConfig out;
  if (std::filesystem::exists(path)) {
    const nlohmann::json document = parse_json_file(path, "tokenizer");
    const Part config(document, path.string(), "tokenizer_config");
    out.bos_token = read_token(config, "bos_token");
    out.eos_token = read_token(config, "eos_token");
    out.pad_token = read_token(config, "pad_token");
    out.unk_token = read_token(config, "unk_token");
    out.sep_token = read_token(config, "sep_token");
    out.cls_token = read_token(config, "cls_token");
    out.mask_token = read_token(config, "mask_token");
    read_templates(config, out);
  }
  const std::filesystem::path folder = path.parent_path();
  read_template_file(folder / "chat_template.jinja", out.chat_template);
  read_template_file(folder / "additional_chat_templates" / "tool_use.jinja",
                     out.tool_template);
  return out;
}

}  // namespace graft::text
