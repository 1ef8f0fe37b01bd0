// Compiles the bytes as a chat template and renders a fixed chat.
#include "graft/text/chat_template.h"

#include "fuzz/targets.h"
#include "graft/base/error.h"

namespace graft::fuzz {

void chat_template(std::string_view bytes) {
  static const Chat chat = Chat::of(
      {{"system", "Be brief."}, {"user", "Hi"}, {"assistant", "Hello."}});
  RenderOptions options;
  options.add_generation_prompt = true;
  options.clock = [] { return std::tm{}; };
  try {
    ChatTemplate::compile(bytes, "template").render(chat, options);
  } catch (const Error&) {
  }
}

}  // namespace graft::fuzz
