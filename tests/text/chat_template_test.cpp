// What the goldens cannot say: limits, messages of errors, where templates come
// from, what transformers does to messages.
#include "graft/text/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "graft/base/error.h"
#include "text/chat_tokenizer.h"

namespace graft {
namespace {

using testing::HasSubstr;

std::string render(const std::string& source, const std::string& chat,
                   RenderOptions options = {}) {
  return ChatTemplate::compile(source, "t")
      .render(Chat::parse(chat, "row"), options)
      .text;
}

std::string error_of(const std::string& source) {
  try {
    return "rendered: " +
           render(source, R"({"messages":[{"role":"user","content":"a"}]})");
  } catch (const FileError& error) {
    return error.what();
  }
}

TEST(ChatTemplate, IntegersAreExactOrAnError) {
  const std::string source = "{{ messages[0].v | tojson }}";
  const auto chat = [](const std::string& value) {
    return R"({"messages":[{"v":)" + value + "}]}";
  };
  for (const char* value : {"-9223372036854775808", "9223372036854775807"}) {
    EXPECT_EQ(render(source, chat(value)), value);
  }
  for (const char* value : {"9223372036854775808", "-9223372036854775809",
                            "123456789012345678901234567890"}) {
    EXPECT_THROW(render(source, chat(value)), FileError) << value;
  }
}

TEST(ChatTemplate, SubscriptsFormatsAndQueries) {
  const std::pair<const char*, const char*> rows[] = {
      {"{{ {(1, 2): 'x'}[1, 2] }}", "x"},
      {"{{ {(1,): 'x'}[1,] }}", "x"},
      {"{{ 'abcdef'[1:4] }} {{ 'abcdef'[::2] }} {{ 'ab'[:][-1] }}",
       "bcd ace b"},
      {"{{ '{}-{}'.format(1, 2) }} {{ '{1}{0}'.format(1, 2) }}", "1-2 21"},
      {"{{ {'a b': 1, 'c': 'd/e'} | urlencode }}", "a+b=1&c=d%2Fe"},
      {"{{ [('x', 'ä')] | urlencode }} {{ 'a b/c' | urlencode }}",
       "x=%C3%A4 a%20b/c"},
  };
  for (const auto& [source, text] : rows) {
    EXPECT_EQ(render(source, R"({"messages":[{}]})"), text) << source;
  }
}

TEST(ChatTemplate, ErrorsNameTemplateLineGotAndExpected) {
  const std::pair<const char*, const char*> rows[] = {
      {"a\n{% if %}", "template: t:2: an expression is missing: got '%}'"},
      {"{% if 1 %}\n\n",
       "t:2: a block is not closed: got end of template, "
       "expected 'elif' or 'else' or 'endif'"},
      {"\n\n{{ 'a' 1 }}", "t:3: a template's syntax: got '1', expected '}}'"},
      {"\n{{ messages.x.y }}", "t:2: 'list' object has no attribute 'x'"},
      {"{{ nope.y }}", "t:1: 'nope' is undefined"},
      {"{% for m in messages %}\n{{ m.role + 1 }}{% endfor %}",
       "t:2: unsupported operand types for +: 'str' and 'int'"},
      {"{{ raise_exception('oh \x1b[31m no') }}",
       "t:1: the template refuses: oh \\u001b[31m no"},
      {"{{ 'a' | center('b') }}", "center: argument 'width': got 'str'"},
      {"{{ 'a' | frobnicate }}", "no filter has the name 'frobnicate'"},
      {"{{ 9223372036854775807 + 1 }}", "an integer grows past 64 bits"},
      {"{{ 99999999999999999999 }}", "an integer of 64 bits"},
      {"{{ 'abc'[1:2, 0] }}", "a slice inside a tuple"},
      {"{{ '{:>3}|{0}'.format('x') }}", "numbered fields beside {} ones"},
      {"{{ [1] | urlencode }}", "'int' object is not iterable"},
  };
  for (const auto& [source, message] : rows) {
    EXPECT_THAT(error_of(source), HasSubstr(message)) << source;
  }
}

// Jinja renders all of these; printing nothing instead would go unnoticed.
TEST(ChatTemplate, WhatOnlyJinjaHasIsAnError) {
  const std::pair<const char*, const char*> rows[] = {
      {"\n{{ lipsum }}",
       "t:2: Jinja's function 'lipsum' is not supported here"},
      {"{{ lipsum(2) }}", "function 'lipsum' is not supported here"},
      {"{% set c = cycler('a', 'b') %}{{ c.next() }}", "function 'cycler'"},
      {"{% if cycler is defined %}x{% endif %}", "function 'cycler'"},
      {"{{ joiner().sep }}", "attribute 'sep' of 'function'"},
      {"{% macro f(a) %}{% endmacro %}{{ f.name }}", "attribute 'name'"},
      {"{{ range(3).stop }}", "attribute 'stop' of 'range'"},
      {"{{ 'a'.encode }}", "attribute 'encode' of 'str'"},
      {"{{ 'a'['encode'] }}", "attribute 'encode' of 'str'"},
      {"{{ ('a' | safe).striptags() }}", "attribute 'striptags'"},
      {"{{ (1).real }}", "attribute 'real' of 'int'"},
      {"{{ 1.5.hex() }}", "attribute 'hex' of 'float'"},
      {"{{ messages[0].fromkeys }}", "attribute 'fromkeys' of 'dict'"},
      {"{{ messages[0].items().mapping }}", "attribute 'mapping'"},
  };
  for (const auto& [source, message] : rows) {
    EXPECT_THAT(error_of(source), HasSubstr(message)) << source;
  }
  EXPECT_EQ(error_of("{% set cycler = 3 %}{{ cycler }}{{ 'a'.striptags }}"),
            "rendered: 3");
}

std::vector<std::string> deep_templates() {
  std::string blocks;
  std::string sum = "{{ 1";
  for (int i = 0; i < 5000; ++i) {
    blocks += "{% if 1 %}";
    sum += "+1";
  }
  const std::string many = "{% for i in range(90000) %}";
  return {
      "{{ " + std::string(5000, '(') + " }}",
      "{{ " + std::string(5000, '[') + " }}",
      "{{ " + std::string(5000, '-') + "1 }}",
      blocks,
      sum + " }}",
      "{% set ns = namespace(x=[]) %}" + many +
          "{% set ns.x = [ns.x, ns.x] %}{% endfor %}",
      "{% set ns = namespace(j=joiner()) %}" + many +
          "{% set ns.j = joiner(ns.j) %}{% endfor %}",
      "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
      "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}",
      "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}",
  };
}

std::vector<std::string> large_templates() {
  const std::string tree =
      "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}"
      "{% set ns.x = [ns.x, ns.x] %}{% endfor %}";
  return {
      "{% set ns = namespace(x='aaaaaaaaaaaaaaaa') %}{% for i in range(90) %}"
      "{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
      tree + "{{ ns.x }}",
      tree + "{{ ns.x | tojson }}",
      "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}"
      "{% endfor %}",
      "{{ 'a' * 10000000000 }}",
      "{{ [0] * 10000000000 }}",
      "{{ range(10 ** 17) }}",
      "{{ 'a' | center(10000000000) }}",
      "{{ '%1000000000d' % 1 }}",
      "{{ '{:1000000000}'.format(1) }}",
      "{{ [1] | tojson(indent=10000000000) }}",
      "{{ 'a' | indent(10000000000, true) }}",
      "{{ ('a' * 9000000).replace('a', 'b' * 9000000) }}",
      "{{ 2 ** 100 }}",
  };
}

// Each would hang, crash or eat the memory without its limit.
TEST(ChatTemplate, HostileTemplatesEndInAnError) {
  std::vector<std::string> sources = deep_templates();
  for (std::string& source : large_templates()) {
    sources.push_back(std::move(source));
  }
  for (const std::string& source : sources) {
    const auto start = std::chrono::steady_clock::now();
    EXPECT_THAT(error_of(source), HasSubstr("template: t:"))
        << source.substr(0, 100);
    const std::chrono::duration<double> took =
        std::chrono::steady_clock::now() - start;
    EXPECT_LT(took.count(), 30.0) << source.substr(0, 100);
  }
}

TEST(ChatTemplate, RefusesTextThatIsNoUtf8) {
  EXPECT_THAT(error_of("a\xff"), HasSubstr("t:1: the template is not valid"));
}

// Values that hold each other must not outlive a rendering, nor end it.
TEST(ChatTemplate, KeepsWhatEscapesItsScope) {
  EXPECT_EQ(render("{% set ns = namespace() %}{% for i in [1, 2] %}"
                   "{% macro f() %}{{ i }}{% endmacro %}{% set ns.f = f %}"
                   "{% set ns.l = loop %}{% endfor %}"
                   "{{ ns.f() }}{{ ns.l.index }}{% set ns.me = ns %}",
                   R"({"messages":[{}]})"),
            "22");
}

TEST(ChatTemplate, TreatsMessagesAsTransformersDoes) {
  const std::string source =
      "{% for m in messages %}{{ m.content is defined }} {{ m.thinking }} "
      "{{ m.reasoning_content }}{% endfor %}";
  const std::string chat =
      R"({"messages":[{"content":null,"reasoning":"why"}]})";
  EXPECT_EQ(render(source, chat), "False why why");
  EXPECT_EQ(render(source, chat, {.as_transformers = false}), "True  ");
  EXPECT_THROW(render("a", R"({"messages":[]})"), FileError);
  EXPECT_EQ(render("a", R"({"messages":[]})", {.as_transformers = false}), "a");
}

TEST(ChatTemplate, VariablesWinOverTokens) {
  const std::string source =
      "{{ bos_token }} {{ eos_token }} {{ x }} {{ tools is none }} "
      "{{ add_generation_prompt }}";
  RenderOptions options;
  options.tokens = {{"bos_token", "B"}, {"eos_token", "E"}};
  EXPECT_EQ(render(source,
                   R"({"messages":[{}],"eos_token":"e","variables":{"x":1},)"
                   R"("add_generation_prompt":true})",
                   options),
            "B e 1 True True");
  options.add_generation_prompt = false;
  EXPECT_EQ(render(source,
                   R"({"messages":[{}],"chat_template_kwargs":{"x":2},)"
                   R"("add_generation_prompt":true})",
                   options),
            "B E 2 True False");
}

TEST(ChatTemplate, MarksGenerations) {
  const auto made = ChatTemplate::compile(
      "é{% for m in messages %}<{% generation %}{{ m.content }}"
      "{% endgeneration %}>{% endfor %}",
      "t");
  EXPECT_TRUE(made.has_generation());
  const RenderedChat out =
      made.render(Chat::of({{"user", "ab"}, {"user", "c"}}), {});
  EXPECT_EQ(out.text, "é<ab><c>");
  EXPECT_EQ(out.generations, (std::vector<TextSpan>{{3, 5}, {7, 8}}));
}

std::string rendered_by(const char* config, const char* file,
                        const std::string& chat) {
  const test::TemporaryDirectory folder;
  folder.write("tokenizer.json", test::chat_tokenizer_json().dump());
  if (config) folder.write("tokenizer_config.json", config);
  if (file) folder.write("chat_template.jinja", file);
  const Tokenizer tokenizer = Tokenizer::open(folder.path());
  return ChatRenderer(tokenizer).render(Chat::parse(chat, "row")).text;
}

TEST(ChatTemplate, ComesFromTheModel) {
  const std::string chat = R"({"messages":[{"content":"x"}]})";
  const std::string with_tools =
      R"({"messages":[{"content":"x"}],"tools":[{}]})";
  const char* named =
      R"({"eos_token": {"content": "E"}, "chat_template": [)"
      R"({"name": "tool_use", "template": "tools{{ eos_token }}"},)"
      R"({"name": "default", "template": "plain"}]})";
  EXPECT_EQ(rendered_by(R"({"chat_template": "one"})", nullptr, chat), "one");
  EXPECT_EQ(rendered_by(R"({"chat_template": "one"})", "file\n", chat), "file");
  EXPECT_EQ(rendered_by(named, nullptr, chat), "plain");
  EXPECT_EQ(rendered_by(named, nullptr, with_tools), "toolsE");
  EXPECT_THROW(rendered_by("{}", nullptr, chat), ConfigError);
  EXPECT_THROW(rendered_by(nullptr, nullptr, chat), ConfigError);
  EXPECT_THROW(rendered_by(R"({"chat_template": 5})", nullptr, chat),
               FileError);
}

}  // namespace
}  // namespace graft
