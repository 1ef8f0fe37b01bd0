"""Makes cases/*.json: templates, chats and what Jinja renders, as transformers
sets it up (or null where it refuses).

Made with transformers 5.23.0 and jinja2 3.1.6 on Python 3.11:
    python make_chat_golden.py
    python make_chat_golden.py --more SEED FILE   # random cases, not committed
"""

import copy
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


def read_lines(name):
    return (FOLDER / name).read_text(encoding="utf-8").strip().split("\n")


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
EXPRESSIONS = read_lines("expressions.txt")

ERRORS = read_lines("mistakes.txt")

VARIABLES = {
    "name": "Ada", "text": "banana boat", "n": 0, "list": [1, 2, 3, 4],
    "words": ["pear", "Apple", "fig", "apple", "Fig"],
    "map": {"b": 1, "a": [True, None], "items": 5, "ü": "ß"},
    "people": [{"name": "Zoe", "age": 41, "team": 1},
               {"name": "bob", "age": None, "team": 2},
               {"name": "Al", "age": 29, "team": 1}]}

STATEMENTS = json.loads((FOLDER / "statement_templates.json").read_text())


def render(template, chat):
    variables = copy.deepcopy(chat)  # `indent` changes lists in place
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
        kinds = [" ", "\n", "\t", "", "", "x", "  \n", "\r\n"]
        return "".join(rng.choice(kinds) for _ in range(rng.randint(0, 4)))

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


ATOMS = """
1 0 -3 7 2.5 -0.5 1e20 true false none 'abc' '' 'B' 'é😀' "it's" '1' '2.5'
[] [1,2,3] ['b','A','c'] [[1,2],[3]] (1,2) () {} {'a':1,'b':[2]} v.list v.words
v.people v.map v.missing v.text v.name v range(4) ('x'|safe)
(v.list|map('string'))
(v.words|select) v.map.items() v.map.keys() dict(q=1) ('a,b'.split(','))
""".split()
FILTERS = """
upper lower title capitalize trim length list first last join join(',') sort
unique|list reverse|list string int float abs round round(1) tojson
tojson(indent=1) default('d') default('d',true) items|list dictsort sum max min
map('string')|list map('upper')|join select|list reject|list map('int')|list
select('string')|list select('number')|list selectattr('a')|list escape safe
replace('a','b') replace('','-',2) indent indent(2,true) center(9) truncate(3)
batch(2)|list wordcount map(attribute='name')|list map(attribute=0)|list
groupby('team')|list count sort(reverse=true) rejectattr('age')|list e
map('length')|list map('first')|list map('tojson')|join(';') trim('ab')
last|string
""".split()
METHODS = """
.strip() .upper() .lower() .title() .split() .split('a') .split(',',1) .rsplit()
.items() .keys()|list .values()|list .get('a') .get('z',1) .startswith('a')
.endswith(('c','b')) .replace('a','x') .find('b') .count('a') .index('b')
.isdigit() .isalpha() .splitlines() .join(['p','q']) .format(1,a=2)
.zfill(5)
.capitalize() .lstrip('a') .rstrip() .partition('b') .index(1) .count(1)
[0] [-1]
[1:] [:-1] [::-1] [::2] [5] ['a'] ['name'] .a .name .0 .b[0] [1:3] [-2:] .copy()
.rjust(6,'*') .swapcase() .removeprefix('a') .islower() .isspace() .rfind('c')
""".split()
TESTS = """
defined undefined none string number integer float boolean mapping sequence
iterable callable odd even upper lower true false in([1,2]) in('abc') eq(1)
sameas(none) divisibleby(2) gt(1) escaped
""".split()
OPERATORS = "+ - * / // % ** ~ == != < <= > >= in and or".split() + ["not in"]


def random_expression(rng, depth):
    kind = rng.randint(0, 11) if depth > 0 else 0
    inner = random_expression(rng, depth - 1) if kind > 1 else ""
    if kind <= 1:
        return rng.choice(ATOMS)
    if kind <= 4:
        return "(" + inner + " | " + rng.choice(FILTERS) + ")"
    if kind <= 6:
        return "(" + inner + ")" + rng.choice(METHODS)
    if kind == 7:
        return "(" + inner + " is " + rng.choice(["", "not "]) + \
            rng.choice(TESTS) + ")"
    other = random_expression(rng, depth - 1)
    if kind == 8:
        return "(" + inner + " if " + other + " else " + \
            rng.choice(ATOMS) + ")"
    if kind == 9:
        return "[" + inner + ", " + other + "]"
    left = "(" + inner + ")" if rng.random() < 0.5 else inner
    return left + " " + rng.choice(OPERATORS) + " " + other


def random_expression_case(rng):
    template = "{{ " + random_expression(rng, rng.randint(1, 4)) + " }}"
    return case(template, {"messages": [], "v": VARIABLES})


def holds_address(one):
    return "t 0x7f" in (one["rendered"] or "").lower()


def random_cases(seed, count):
    rng = random.Random(seed)
    cases = [random_case(rng) for _ in range(count)]
    cases += [random_expression_case(rng) for _ in range(4 * count)]
    return [one for one in cases if not holds_address(one)]


def main():
    if sys.argv[1:2] == ["--more"]:
        write(pathlib.Path(sys.argv[3]), random_cases(int(sys.argv[2]), 4000))
        return
    HERE.mkdir(exist_ok=True)
    write(HERE / "expressions.json", expression_cases())
    write(HERE / "statements.json", statement_cases())
    write(HERE / "models.json", model_cases())
    write(HERE / "random.json", random_cases(7, 100))


if __name__ == "__main__":
    main()
