"""Makes cases/*.json: templates, chats and what Jinja renders, as transformers
sets it up (or null where it refuses).

Made with transformers 5.23.0 and jinja2 3.1.6 on Python 3.11:
    python make_chat_golden.py
    python make_chat_golden.py --more SEED FILE   # random cases, not committed
"""

import datetime
import json
import pathlib
import random
import sys

from transformers.utils import chat_template_utils

FOLDER = pathlib.Path(__file__).parent
HERE = FOLDER / "cases"


class FrozenClock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2026, 3, 9, 8, 5, 0)


chat_template_utils.datetime = FrozenClock

TOOLS = [{"type": "function", "function": {
    "name": "tide", "description": "Höhe <b>der</b> Flut & 'Ebbe'",
    "parameters": {"type": "object", "properties": {
        "port": {"type": "string", "enum": ["A", "B"]},
        "hours": {"type": "integer", "default": 3},
        "deep": {"type": "number", "minimum": 0.5, "items": None}},
        "required": ["port"]}}}]

PLAIN = [
    {"role": "user", "content": "Where is the harbour?"},
    {"role": "assistant", "content": "East.\n\nBehind the mill. "},
    {"role": "user", "content": "  And the café? \t"},
]
SYSTEM = [{"role": "system", "content": "Be terse."}] + PLAIN[:2]
CALLS = [
    {"role": "system", "content": "Use tools."},
    {"role": "user", "content": "High tide?"},
    {"role": "assistant", "content": None, "tool_calls": [
        {"id": "c1", "type": "function", "function": {
            "name": "tide", "arguments": {"port": "A", "hours": 2,
                                          "x": [1.5, True, None]}}}]},
    {"role": "tool", "name": "tide", "content": "{\"metres\": 3.2}"},
    {"role": "assistant", "content":
        "<think>\nThree.\n</think>\n\n3.2 metres."},
]
THINKING = [
    {"role": "user", "content": "1+1"},
    {"role": "assistant", "content": "<think>\neasy\n</think>\n\n2",
     "reasoning_content": "easy"},
    {"role": "user", "content": "2+2 😀"},
    {"role": "assistant", "content": "4"},
]
PARTS = [{"role": "user", "content": [
    {"type": "text", "text": "Look: "}, {"type": "image"},
    {"type": "text", "text": "a quay"}]}]
CHATS = [
    {"messages": PLAIN, "add_generation_prompt": True},
    {"messages": SYSTEM},
    {"messages": CALLS, "tools": TOOLS, "add_generation_prompt": True},
    {"messages": THINKING, "enable_thinking": False,
     "add_generation_prompt": True},
    {"messages": PARTS},
    {"messages": []},
]
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}

# Whole templates, written for this test in the manner of well-known ones.
MODELS = json.loads((FOLDER / "model_templates.json").read_text())

# One construct each; `v` is VARIABLES below.
EXPRESSIONS = """
1 + 2 * 3 - 4 / 2
7 // 2, -7 // 2, 7 % -3, -7 % 3, 7.5 // 2, -7.5 % 2, 2 ** 10, 2 ** -1
-2 ** 2, 2 ** 3 ** 2, 10 - 2 - 3, 1 + 2 ~ 3 + 4, 2 ~ 3 * 2
true, false, none, True, None, 1 == 1.0, true == 1, 'a' < 'b', 1 < 2 < 3 > 2
1.0, 0.1 + 0.2, 1e16, 1e-5, 123456789.123, 1e22, -0.0, 3.0e10, 100000.0 * 10
[1, 'a', "b'c", none, true, 1.5, [], {}, (1,), ()]
{'a': 1, "b": [1, 2], 3: none, 'c"d': "e'f"}
(1, 2) + (3,), [1] + [2], [0] * 3, 'ab' * 2, 3 * 'x', -1 * 'x'
'a' in 'cat', 'z' not in 'cat', 1 in [1, 2], 'k' in {'k': 1}, not true, not 'x'
1 if false, (1 if false) is defined, 'a' if v.n else 'b', 'x' if 0 else 'y'
v.name, v['name'], v.missing, v['missing'] is defined, v.list.0, v.list[-1]
v.list[1:], v.list[:-1], v.list[::-1], v.list[::2], v.list[5:], v.text[1:4]
v.text[::-1], v.text[-3:], v.list[3:0:-1], v.list[:0], v.text[10:2]
v.items is callable, v.items() | list, v.keys() | list, v.values() | list | length
v.get('name'), v.get('zzz'), v.get('zzz', 'd'), v.map.items
'  a b '.strip(), '  a'.lstrip(), 'a  ' .rstrip() ~ '|', 'xxaxx'.strip('x')
'a,b,,c'.split(','), ' a  b '.split(), 'a,b,c'.split(',', 1), 'a b c'.rsplit(' ', 1)
'Hello'.startswith('He'), 'Hello'.endswith(('x', 'lo')), 'aXbX'.replace('X', '-', 1)
'héllo wörld'.upper(), 'STRASSE ẞ ß'.lower(), 'ß ﬁ'.upper(), "they're".title()
'abc'.find('c'), 'abc'.find('z'), 'abcabc'.rfind('b'), 'aaa'.count('a'), 'a-b'.partition('-')
'{} and {}'.format(1, 'b'), '{0}{1}{0}'.format('x', 'y'), '{a:>5}|{b:.2f}'.format(a='q', b=3.14159)
'%s-%d-%5.1f|%-4s|%03d' % ('a', 3, 2.55, 'b', 7), '%%', '%s' % 'x', '%r' % 'x'
'-'.join(['a', 'b']), ''.join([]), 'abc'.isalpha(), '12'.isdigit(), ' '.isspace(), 'a1'.isalnum()
'a\\nb\\r\\nc'.splitlines(), 'a\\n'.splitlines(), 'x'.ljust(3) ~ '|', 'x'.rjust(3), 'x'.center(4) ~ '|', '7'.zfill(3)
'prefix-x'.removeprefix('prefix-'), 'x.py'.removesuffix('.py'), 'aB'.swapcase(), 'éa'.capitalize()
'ΑΣ ΑΣΑ'.lower(), 'İI'.lower(), 'ǆ'.title(), 'ŉ'.upper()
'a\\tb\\\\c\\'d\\x41\\u00e9\\101\\q'
"double \\"quoted\\"" 'joined' "strings"
v.text | upper, v.text | title, v.text | capitalize, v.text | length, v.text | reverse
v.list | first, v.list | last, v.list | length, v.list | join('+'), v.list | sum, v.list | max, v.list | min
v.list | map('string') | join(','), v.list | select('odd') | list, v.list | reject('gt', 2) | list
v.words | sort, v.words | sort(reverse=true), v.words | sort(case_sensitive=true), v.words | unique | list
v.people | map(attribute='name') | list, v.people | selectattr('age') | list | length
v.people | selectattr('age', 'gt', 30) | map(attribute='name') | join, v.people | rejectattr('age', 'none') | list | length
v.people | sort(attribute='name') | map(attribute='name') | list, v.people | groupby('team') | list | length
v.people | map(attribute='zip', default='-') | list, v.people | sum(attribute='team')
v.missing | default('d'), '' | default('d'), '' | default('d', true), none | default('d'), none | d('x', boolean=true)
v | tojson, v | tojson(indent=2), [] | tojson, {} | tojson(indent=4), '<é&"\\n\\u0007>' | tojson
v.map | tojson(sort_keys=true), v | tojson(ensure_ascii=true), v.list | tojson(separators=(',', ':'))
1.0 | tojson, true | tojson, none | tojson, {1: 2, none: 3, true: 4} | tojson, (1, 2) | tojson, 1e30 | tojson
v.text | replace('a', 'o'), v.text | replace('', '.'), 12321 | replace(2, 'x'), v.text | trim, ' x ' | trim, 'xax' | trim('x')
'3' | int, '3.7' | int, 'x' | int, 'x' | int(9), 3.9 | int, '0x1f' | int(base=16), none | int, ' 42 ' | int, true | int
'3.5' | float, 'x' | float, 3 | float, 'x' | float(1.5), '1e3' | float, 'nan' | float, 'inf' | float
2.5 | round, 3.5 | round, 2.567 | round(2), 2.1 | round(0, 'ceil'), 2.9 | round(method='floor'), 7 | round, -2.5 | round
-3 | abs, -3.5 | abs, true | abs, 'abc' | list, {'a': 1} | list, {'b': 1, 'a': 2} | dictsort, v.map | items | list
'a\\nb\\n\\nc' | indent, 'a\\nb' | indent(2, true), 'a\\n\\nb' | indent(width='> ', blank=true)
'<b>&' | escape, '<b>' | safe, ('<b>' | safe) + '<i>', ('<b>' | safe) ~ '<i>', '<' | e | upper, ('a' | safe) | replace('a', '<')
'x' is string, 1 is string, 1 is number, true is number, 1.0 is float, 1 is integer, true is integer, true is boolean
v is mapping, v.list is mapping, v.list is sequence, 'abc' is sequence, v.map is sequence, 1 is sequence, v.list is iterable, 5 is iterable
v.missing is defined, v.missing is undefined, v.name is defined, none is none, v.missing is none, 1 is true, true is true, false is false, 0 is false
3 is odd, 4 is even, 9 is divisibleby 3, 9 is divisibleby(2), 'a' is in 'abc', 1 is in [1], 1 is eq 1, 1 is equalto(1), 1 is ne 2
2 is gt 1, 2 is lessthan 3, 'abc' is lower, 'ABC' is upper, 'Abc' is upper, v.name is sameas(v.name), 'upper' is filter, 'defined' is test
1 is not none, v.n is not defined, not v.n is defined, v.missing is not defined and true, 1 is string or true
range(3) | list, range(1, 7, 2) | list, range(3, 0, -1) | list, range(3), range(3) is sequence, range(5)[1:3] | list, range(0)
dict(a=1, b=2), dict([('x', 1)]), dict({'q': 1}, z=2), dict(a=1).items() | list, dict(a=1) == {'a': 1}
v.list | batch(2) | list, v.list | batch(2, 0) | list, 'a b c d' | truncate(5, true, leeway=0), 'abc' | center(7) ~ '|', 'a b' | wordcount
v.list | map('float') | list, v.words | map('upper') | map('lower') | join(' '), v.words | map('replace', 'a', '4') | list, [[1, 2], [3]] | map('join', '-') | list
[1, 2, 3] | sum(start=10), [] | sum, [] | first, [] | last, [] | max, [] | join, v.missing | list, v.missing | join, v.missing | length
v.missing ~ 'x', v.missing == v.other, v.missing is sameas none, [v.missing], v.missing or 'or', v.missing and 1, not v.missing
'a' ~ 1 ~ none ~ true ~ 1.5 ~ [1] ~ {'k': 'v'}, 'x' * 0, '' ~ '', 1 ~ ''
v.list | reverse | list, v.map | list, v.map | length, v.map | first, v.map.items() | first, 'abc' | first, 'abc' | last
[3, 1, 2] | sort | join, ['b', 'A', 'c'] | sort, [1.5, 1] | sort, [(2, 'a'), (1, 'b')] | sort, [true, false] | sort
[1, 2] < [1, 3], (1,) == [1], [1] == [1.0], {'a': 1} == {'a': 1.0}, 'a' == 'a', '1' == 1, none == false, [] == ()
[1, 2, 3].index(2), [1, 1].count(1), (1, 2).index(1), 'a.b'.split('.')[-1], 'abc'[1], 'abc'[9] is defined
0x1F, 0o17, 0b101, 1_000, 1_0.5, 1.5e3, 1E2
'é' | length, '😀👍'[1], '😀a'[::-1], 'e\\u0301' | length, 'naïve' | list
v.f(1) is defined
strftime_now('%d %b %Y'), strftime_now('%Y-%m-%d %H:%M'), strftime_now('%A %j')
[1, 2,], {'a': 1,}, (1, 2,), v.get('name',)
(1, 2)[0], [[1, 2], [3]][1][0], {'a': {'b': [1, {'c': 'deep'}]}}.a.b[1].c
loop is defined, messages is defined, tools is defined, tools is none, documents, undefined_thing is defined
""".strip().split("\n")

ERRORS = """
v.missing.x
missing.x
missing + 'a'
'a' + 1
1 + none
1 / 0
1 % 0
[1] + (2,)
v.name()
missing()
none | length
5 | list
[3, 'a'] | sort
1 < 'a'
'a' in 5
v.missing | tojson
v.list | map('upper') | length
(v.list | map('string'))[0].x
v.list.append(4)
v.pop('name')
raise_exception('no: ' ~ v.name)
1 | nofilter
1 is notest
'abc'.nomethod()
'%d' % 'x'
'%s %s' % ('a',)
'{}'.format()
[1].index(5)
'abc'.index('z')
range(1000000)
{[1]: 2}
1 if
(1
[1
v.
'open
1 +
a b
v | 
1 is
not
v.name = 1
{'a' 1}
10 ** 100 | nofilter
""".strip().split("\n")

VARIABLES = {
    "name": "Ada", "text": "banana boat", "n": 0, "list": [1, 2, 3, 4],
    "words": ["pear", "Apple", "fig", "apple", "Fig"],
    "map": {"b": 1, "a": [True, None], "items": 5, "ü": "ß"},
    "people": [{"name": "Zoe", "age": 41, "team": 1},
               {"name": "bob", "age": None, "team": 2},
               {"name": "Al", "age": 29, "team": 1}]}

STATEMENTS = json.loads((FOLDER / "statement_templates.json").read_text())


def render(template, chat):
    variables = dict(chat)
    variables.setdefault("tools", None)
    variables.setdefault("documents", None)
    variables.setdefault("add_generation_prompt", False)
    try:
        compiled = chat_template_utils._compile_jinja_template(template)
        text = compiled.render(**variables)
        text.encode("utf-8")
        return text
    except Exception:
        return None


def case(template, chat):
    return {"template": template, "chat": chat,
            "rendered": render(template, chat)}


def write(path, cases):
    lines = ",\n".join(json.dumps(one, ensure_ascii=False) for one in cases)
    path.write_text('{"cases": [\n' + lines + "\n]}\n", encoding="utf-8")
    refused = sum(one["rendered"] is None for one in cases)
    print(path.name, len(cases), "cases,", refused, "refused")


def expression_cases():
    chat = {"messages": [], "v": VARIABLES}
    cases = []
    for line in EXPRESSIONS:
        cases.append(case("{{ [" + line + "] }}", chat))
        cases.append(case("{{ " + line + " }}", chat))
        if cases[-1]["rendered"] is None:
            print("refused:", line)
    return cases + [case("a{{ " + line + " }}b", chat) for line in ERRORS]


def statement_cases():
    chat = {"messages": PLAIN, "v": VARIABLES}
    return [case(template, chat) for template in STATEMENTS]


def model_cases():
    return [case(template, {**chat, **TOKENS})
            for template in MODELS.values() for chat in CHATS]


# Random whitespace, tags and bodies: the lexer's trimming above all.
def random_case(rng):
    def space():
        return "".join(rng.choice([" ", "\n", "\t", "", "", "x", "  \n", "\r\n"])
                       for _ in range(rng.randint(0, 4)))

    def sign():
        return rng.choice(["", "", "", "-", "+"])

    def close():
        return rng.choice(["", "", "", "-"])

    def tag(body):
        return "{%" + sign() + " " + body + " " + \
            rng.choice(["", "", "-", "+"]) + "%}"

    def value():
        return "{{" + rng.choice(["", "", "-"]) + " " + rng.choice(
            ["v.name", "'q'", "1.5", "loop.index", "m.content | trim",
             "messages | length", "v.list", "'\\n'", "m", "ns.x", "acc"]) + \
            " " + close() + "}}"

    def body(depth):
        out = ""
        for _ in range(rng.randint(1, 4)):
            out += space()
            kind = rng.randint(0, 9)
            if kind < 3 or depth > 3:
                out += value()
            elif kind < 5:
                out += tag("if " + rng.choice(
                    ["v.n", "v.name", "loop.first", "loop is defined",
                     "messages", "m.role == 'user'"])) + body(depth + 1)
                if rng.random() < 0.5:
                    out += tag("else") + body(depth + 1)
                out += tag("endif")
            elif kind < 7:
                out += tag("for m in messages" + rng.choice(
                    ["", " if m.role == 'user'", "[::-1]", "[:1]"]))
                out += body(depth + 1)
                if rng.random() < 0.2:
                    out += tag("if loop.index == 2") + \
                        tag(rng.choice(["break", "continue"])) + tag("endif")
                if rng.random() < 0.3:
                    out += tag("else") + body(depth + 1)
                out += tag("endfor")
            elif kind == 7:
                out += tag("set acc = " + rng.choice(["acc ~ 'z'", "1", "m"]))
            elif kind == 8:
                out += "{#" + sign() + space() + "c" + rng.choice(
                    ["", "-", "+"]) + "#}"
            else:
                out += tag("raw") + space() + "{{ x }}" + space() + \
                    tag("endraw")
        return out + space()

    template = "{% set ns = namespace(x='X') %}" * rng.randint(0, 1) + body(0)
    return case(template, {"messages": PLAIN[:rng.randint(0, 3)],
                           "v": VARIABLES})


def random_cases(seed, count):
    rng = random.Random(seed)
    return [random_case(rng) for _ in range(count)]


def main():
    if sys.argv[1:2] == ["--more"]:
        write(pathlib.Path(sys.argv[3]), random_cases(int(sys.argv[2]), 5000))
        return
    HERE.mkdir(exist_ok=True)
    write(HERE / "expressions.json", expression_cases())
    write(HERE / "statements.json", statement_cases())
    write(HERE / "models.json", model_cases())
    write(HERE / "random.json", random_cases(7, 150))


if __name__ == "__main__":
    main()
