// Opens the bytes as tokenizer.json, encodes texts and decodes them again.
#include "graft/text/tokenizer.h"

#include "fuzz/targets.h"
#include "graft/base/error.h"

namespace graft::fuzz {

void tokenizer(std::string_view bytes) {
  const auto opened = Tokenizer::open(memory_file(bytes, "tokenizer.json"));
  Parts parts;
  for (const char* text :
       {"Hello, w\xc3\xb6rld 42!\n  <s>", "", " \xe2\x96\x81 a",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'll 1234567",
        "\xf0\x9f\x98\x80\xe4\xbd\xa0\xe5\xa5\xbd e\xcc\x81\xef\xac\x81"}) {
    parts.run([&] {
      const auto ids = opened.encode(text, true);
      for (const std::int64_t id : ids) {
        expect(id >= 0 && static_cast<std::size_t>(id) < opened.vocab_size(),
               "ids are below vocab_size");
        opened.token_bytes(id);
      }
      opened.decode(ids, false);
      opened.decode(ids, true);
    });
  }
  parts.throw_if_refused();
}

}  // namespace graft::fuzz
