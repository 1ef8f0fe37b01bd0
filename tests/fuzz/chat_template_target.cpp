// Compiles the bytes as a chat template, renders chats and finds their answers.
#include "graft/text/chat_template.h"

#include <array>

#include "fuzz/targets.h"
#include "text/chat_mask_internal.h"
#include "text/chat_tokenizer.h"

namespace graft::fuzz {
namespace {

constexpr std::array kChats = {
    R"({"variables":{"v":{"name":"Ada","text":"banana boat","n":0,)"
    R"("list":[1,2,3,4],"words":["pear","Apple"],"map":{"b":1,"a":[true]},)"
    R"("people":[{"name":"Zoe","age":41},{"name":"bob","age":null}]}},)"
    R"("messages":[{"role":"system","content":"Be brief."},)"
    R"({"role":"user","content":"Hi"},{"role":"assistant","content":"Hello."},)"
    R"({"role":"user","content":"a  "},)"
    R"({"role":"assistant","content":"<think>\nb\n</think>\n\nc"}]})",
    R"({"tools":[{"type":"function","function":{"name":"f","parameters":{}}}],)"
    R"("messages":[{"role":"user","content":[{"type":"text","text":"é"}]},)"
    R"({"role":"assistant","content":null,"tool_calls":[{"id":"1",)"
    R"("function":{"name":"f","arguments":{"x":[1,2.5,true,null]}}}]},)"
    R"({"role":"tool","content":"r"},{"role":"assistant","content":"d"}]})"};

constexpr std::size_t kLongestText = 1 << 16;

}  // namespace

// A template is accepted when it renders the first chat: the others are of
// kinds that many refuse, and so are masks.
void chat_template(std::string_view bytes) {
  static const std::filesystem::path folder =
      memory_file(test::chat_tokenizer_json().dump(), "tokenizer.json")
          .parent_path();
  RenderOptions options;
  options.add_generation_prompt = true;
  options.clock = [] { return std::tm{}; };
  options.tokens = {{"bos_token", "<s>"}, {"eos_token", "<|im_end|>"}};
  const auto compiled = ChatTemplate::compile(bytes, "template");
  compiled.render(Chat::parse(kChats[0], "chat"), options);
  Parts others;
  for (const char* json : kChats) {
    others.run([&] {
      const Chat chat = Chat::parse(json, "chat");
      // Tokenizing takes memory in proportion to the text.
      if (compiled.render(chat, options).text.size() > kLongestText) return;
      memory_file(bytes, "chat_template.jinja");
      const Tokenizer tokenizer = Tokenizer::open(folder);
      ChatRenderer chats(tokenizer, options.clock);
      const ChatMask mask = mask_answers(chat, tokenizer, chats);
      std::size_t at = 0;
      for (const TokenSpan& span : mask.answers) {
        expect(at <= span.begin && span.begin < span.end &&
                   span.end <= mask.ids.size(),
               "answers are in order and apart");
        at = span.end;
      }
    });
  }
}

}  // namespace graft::fuzz
