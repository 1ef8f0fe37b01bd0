// Names are found through the family's rows: Hugging Face's on one side of a
// row, llama.cpp's on the other.
#include "formats/gguf/gguf_names_internal.h"

#include <algorithm>
#include <set>

#include "graft/base/error.h"
#include "io/json_file_internal.h"

namespace graft {
namespace {

constexpr std::string_view kArchitectureKey = "general.architecture";
constexpr std::string_view kLayers = "layers.";
constexpr std::string_view kMerged = "_exps";  // "ffn_up_exps", "ffn_up.7"

std::string known_architectures() {
  std::string out;
  std::set<std::string_view> told;
  for (const Family& family : families()) {
    const std::string_view name = family.gguf.architecture;
    if (name.empty() || !told.insert(name).second) continue;
    out += (out.empty() ? "" : ", ") + std::string(name);
  }
  return out;
}

// Adapters, projectors and parts of a split file are GGUF files too.
void check_is_model(const GgufMetadata& metadata) {
  const auto type = metadata.text("general.type");
  if (type && *type != "model") {
    metadata.refuse("general.type", "\"model\": a file with a whole model");
  }
  const auto parts = metadata.integer("split.count");
  if (parts && *parts > 1) {
    metadata.refuse("split.count",
                    "1: join the parts with llama-gguf-split --merge");
  }
}

// Of those that share an architecture, by what the file says of itself.
bool fits(const Family& family, const GgufMetadata& metadata) {
  const std::string prefix = std::string(family.gguf.architecture) + ".";
  const auto counts = [&](const char* key) {
    return metadata.integer(prefix + key).value_or(0) > 0;
  };
  if (counts("expert_count") != family.experts.has) return false;
  return family.experts.has || counts("attention.sliding_window") ==
                                   (family.switches.window == WindowRule::kAll);
}

// The expert's number where `name` is `pattern` with a number for its '*'.
std::optional<std::int64_t> match_expert(std::string_view pattern,
                                         std::string_view name) {
  const std::size_t star = pattern.find('*');
  if (star == pattern.npos || name.size() < pattern.size()) return {};
  const std::string_view tail = pattern.substr(star + 1);
  if (!name.starts_with(pattern.substr(0, star)) || !name.ends_with(tail)) {
    return {};
  }
  const std::string digits(name.substr(star, name.size() - tail.size() - star));
  const bool is_number =
      digits.size() < 10 &&
      std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
  if (!is_number) return {};
  return std::stoll(digits);
}

// A row's part under llama.cpp's name.
struct Found {
  const ModuleRow* row = nullptr;
  const PartRow* part = nullptr;
  std::optional<std::int64_t> expert;
};

Found find_part(const std::vector<ModuleRow>& rows, std::string_view module) {
  for (const ModuleRow& row : rows) {
    for (const PartRow& part : row.parts) {
      const auto expert = match_expert(part.hf, module);
      if (expert || part.hf == module) return {&row, &part, expert};
    }
    const bool one_part = row.parts.size() == 1;
    const bool packed = !row.packed.empty() && row.packed == module;
    if (packed && one_part && row.kind != LayerKind::kTeGrouped) {
      return {&row, &row.parts.front(), std::nullopt};
    }
  }
  return {};
}

// A module's name, cut at its layer.
struct Split {
  std::string layer;  // "blk.7."; empty outside of the layers
  std::string_view rest;
};

Split split(const NamePrefix& prefix, std::string_view module) {
  const std::string layers = prefix.body + std::string(kLayers);
  if (module.starts_with(layers)) {
    const std::string_view rest = module.substr(layers.size());
    const std::size_t dot = std::min(rest.find('.'), rest.size() - 1);
    return {"blk." + std::string(rest.substr(0, dot + 1)),
            rest.substr(dot + 1)};
  }
  const std::string& own =
      module.ends_with("lm_head") ? prefix.head : prefix.body;
  return {"", module.starts_with(own) ? module.substr(own.size()) : module};
}

}  // namespace

const Family& find_gguf_family(const GgufMetadata& metadata) {
  const std::string_view name = metadata.required_text(kArchitectureKey);
  check_is_model(metadata);
  const Family* out = nullptr;
  for (const Family& family : families()) {
    if (family.gguf.architecture != name) continue;
    if (out == nullptr || fits(family, metadata)) out = &family;
  }
  if (out != nullptr) return *out;
  metadata.refuse(kArchitectureKey,
                  "an architecture that graft knows: " + known_architectures());
}

const Family& gguf_family_of(std::string_view model_type) {
  const Family* family = find_family_or_null(model_type);
  if (family != nullptr && !family->gguf.architecture.empty()) return *family;
  throw FileError(ErrorText{.operation = "gguf",
                            .what = "no table of llama.cpp's tensor names for "
                                    "this family",
                            .got = printable(model_type),
                            .expected = known_architectures()});
}

GgufPlace find_gguf_place(const ModelConfig& config, std::string_view hf_name) {
  const Family& family = find_family(config.model_type);
  const std::size_t dot = hf_name.rfind('.');
  const std::string suffix(hf_name.substr(std::min(dot, hf_name.size())));
  const auto [layer, rest] = split(config.prefix, hf_name.substr(0, dot));
  Found found;
  if (!layer.empty()) {
    found = find_part(family.layer, rest);
  } else {
    found = find_part(family.head, rest);
    if (found.part == nullptr) found = find_part(family.tail, rest);
  }
  if (found.part == nullptr || found.part->gguf.empty()) {
    throw Error("gguf: no name for '" + std::string(hf_name) +
                "' in the table");
  }
  const std::string name = layer + std::string(found.part->gguf);
  GgufPlace out{.name = name + suffix, .expert = found.expert};
  out.interleaved = family.gguf.interleaved && found.part->rotated;
  out.shifted =
      found.row->kind == LayerKind::kNorm && family.switches.norms.zero_centred;
  if (found.expert) {
    out.own_name = name.substr(0, name.size() - kMerged.size()) + "." +
                   std::to_string(*found.expert) + suffix;
  }
  return out;
}

std::vector<std::int64_t> stored_head_rows(std::int64_t rows,
                                           std::int64_t head_dim) {
  const std::int64_t half = head_dim / 2;
  std::vector<std::int64_t> out;
  out.reserve(static_cast<std::size_t>(rows));
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t in_head = row % head_dim;
    out.push_back(row - in_head + 2 * (in_head % half) + in_head / half);
  }
  return out;
}

}  // namespace graft
