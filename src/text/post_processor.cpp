// ByteLevel (nothing but offsets), TemplateProcessing, BertProcessing,
// RobertaProcessing and Sequence.
#include "text/post_processor_internal.h"

#include <utility>

#include "text/token_table_internal.h"

namespace graft::text {
namespace {

std::int64_t checked_id(const Part& part, const nlohmann::json& id) {
  if (!id.is_number_unsigned() || id.get<std::uint64_t>() > kMaxTokenId) {
    part.fail("an id of a special token", id.is_structured() ? "" : id.dump(),
              "0 to " + std::to_string(kMaxTokenId));
  }
  return id.get<std::int64_t>();
}

// The ids of one entry of a template's `special_tokens`.
std::vector<std::int64_t> special_ids(const Part& processor,
                                      const std::string& name) {
  const Part tokens = processor.child("special_tokens");
  if (!tokens.has(name.c_str())) {
    processor.fail("special token '" + name + "' is not in special_tokens");
  }
  const Part ids = tokens.child(name.c_str()).child("ids");
  std::vector<std::int64_t> out;
  for (const Part& id : ids.items()) {
    out.push_back(checked_id(ids, id.node()));
  }
  return out;
}

SpecialFrame read_template(const Part& part) {
  SpecialFrame out;
  bool is_after_text = false;
  for (const Part& piece : part.items("single")) {
    if (piece.has("SpecialToken")) {
      const std::string name = piece.child("SpecialToken").text("id");
      auto& side = is_after_text ? out.suffix : out.prefix;
      const auto ids = special_ids(part, name);
      side.insert(side.end(), ids.begin(), ids.end());
      continue;
    }
    const std::string sequence = piece.child("Sequence").text("id");
    if (sequence != "A") piece.fail("'Sequence'", sequence, "A");
    if (is_after_text) piece.unsupported("a second Sequence");
    is_after_text = true;
  }
  if (!is_after_text) part.fail("'single' holds no Sequence");
  return out;
}

// "cls" and "sep" are pairs of token and id.
SpecialFrame read_bert(const Part& part) {
  const auto id = [&](const char* key) {
    const Part pair = part.child(key);
    if (!pair.node().is_array() || pair.node().size() != 2) {
      pair.fail("wrong kind", "", "[token, id]");
    }
    return checked_id(pair, pair.node()[1]);
  };
  return {{id("cls")}, {id("sep")}};
}

// Each step goes around what the steps before it made.
SpecialFrame read_sequence(const Part& part) {
  SpecialFrame out;
  for (const Part& step : part.items("processors")) {
    SpecialFrame outer = read_post_processor(step);
    outer.prefix.insert(outer.prefix.end(), out.prefix.begin(),
                        out.prefix.end());
    out.suffix.insert(out.suffix.end(), outer.suffix.begin(),
                      outer.suffix.end());
    out.prefix = std::move(outer.prefix);
  }
  return out;
}

}  // namespace

SpecialFrame read_post_processor(const Part& part) {
  const std::string type = part.type();
  if (type == "ByteLevel") return {};
  if (type == "TemplateProcessing") return read_template(part);
  if (type == "BertProcessing") return read_bert(part);
  if (type == "RobertaProcessing") return read_bert(part);
  if (type == "Sequence") return read_sequence(part);
  part.unsupported(type);
}

}  // namespace graft::text
