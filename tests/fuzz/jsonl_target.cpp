// Parses the bytes as JSONL rows: messages, prompt and completion, text.
#include "fuzz/targets.h"
#include "graft/base/error.h"
#include "graft/text/data_rows.h"

namespace graft::fuzz {

void jsonl(std::string_view bytes) {
  try {
    parse_jsonl_rows(bytes, "rows.jsonl");
  } catch (const Error&) {
  }
}

}  // namespace graft::fuzz
