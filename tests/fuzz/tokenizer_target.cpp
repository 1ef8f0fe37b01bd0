// Opens the bytes as tokenizer.json, encodes a text and decodes it again.
#include "graft/text/tokenizer.h"

#include "fuzz/targets.h"
#include "graft/base/error.h"

namespace graft::fuzz {

void tokenizer(std::string_view bytes) {
  try {
    const auto opened = Tokenizer::open(memory_file(bytes));
    const auto ids = opened.encode("Hello, w\xc3\xb6rld 42!\n  <s>", true);
    opened.decode(ids, false);
    opened.decode(ids, true);
  } catch (const Error&) {
  }
}

}  // namespace graft::fuzz
