"""Makes masks.json: chats as templates render them, and what of that is
learnt. mask_templates.json, written for this test in the manner of well-known
templates, marks the answers with {% generation %}; transformers tells where
they lie. graft gets the templates without the marks.

Made with transformers 5.23.0 and jinja2 3.1.6 on Python 3.11:
    python make_mask_golden.py
"""

import json
import pathlib
import re

from transformers.utils.chat_template_utils import render_jinja_template

FOLDER = pathlib.Path(__file__).parent
TEMPLATES = json.loads((FOLDER / "mask_templates.json").read_text())


def turns(*contents, first="user", **last):
    roles = ["user", "assistant"] if first == "user" else ["assistant", "user"]
    out = [{"role": roles[i % 2], "content": content}
           for i, content in enumerate(contents)]
    out[-1].update(last)
    return out


SYSTEM = [{"role": "system", "content": "Be brief."}]
THOUGHT = "<think>\nWell.\n</think>\n\n"
CHATS = {
    "plain": {"messages": turns("One?", "1. ", "Two?", "\u00e9\n2")},
    "system": {"messages": SYSTEM + turns("One?", "1.", "Two?", "2")},
    "thought": {"messages": turns("One?", THOUGHT + "1", "Two?",
                                  THOUGHT + "2")},
    "thought_first": {"messages": turns("One?", THOUGHT + "1", "Two?", "2")},
    "thought_key": {"messages": turns("One?", "1", "Two?", "2",
                                      reasoning_content="Well.")},
    "same_words": {"messages": turns("assistant", "assistant", "user",
                                     "user")},
    "begins_with_answer": {"messages": turns("0", "One?", "1",
                                             first="assistant")},
    "parts": {"messages": turns("One?", [{"type": "image"},
                                         {"type": "text", "text": " 1 "}])},
    "tools": {"messages": turns("One?", "1", "Two?", "2"),
              "tools": [{"name": "tide"}]},
    "two_answers": {"messages": turns("One?", "1")
                    + [{"role": "assistant", "content": "and one"}]},
}
# Answers of which the template takes out what a later turn makes old.
LEFT_OUT = {("think_in_the_last", "thought"): [0],
            ("think_in_the_last", "thought_first"): [0],
            ("think_prompt_and_in_the_last", "thought"): [0],
            ("think_prompt_and_in_the_last", "thought_first"): [0]}
# Answers without their thought, in every form that the template has.
SHORTENED = {("think_prompt_cut_everywhere", "thought"): 2,
             ("think_prompt_cut_everywhere", "thought_first"): 1,
             ("no_think_mark", "thought"): 2,
             ("no_think_mark", "thought_first"): 1,
             ("think_prompt_end_of_chat", "thought"): 2,
             ("think_prompt_end_of_chat", "thought_first"): 1}


def render(template, chat):
    texts, spans = render_jinja_template(
        [chat["messages"]], tools=chat.get("tools"), chat_template=template,
        return_assistant_tokens_mask=True)
    return texts[0], spans[0]


def merged(spans):
    out = []
    for begin, end in spans:
        if out and out[-1][1] == begin:
            begin = out.pop()[0]
        out.append((begin, end))
    return out


def case(name, chat_name, marked, chat):
    if chat_name == "parts" and "part.text" not in marked:
        return None
    bare = re.sub(r"{% (end)?generation %}", "", marked)
    try:
        text, spans = render(marked, chat)
    except Exception:
        return None
    assert render(bare + "{% if false %}{% generation %}{% endgeneration %}"
                  "{% endif %}", chat)[0] == text
    key = (name, chat_name)
    kept = [span for i, span in enumerate(spans)
            if i not in LEFT_OUT.get(key, [])]
    return {"name": f"{name}, {chat_name}", "template": bare, "chat": chat,
            "rendered": text,
            "learnt": [text[begin:end] for begin, end in merged(kept)],
            "left_out": len(spans) - len(kept),
            "shortened": SHORTENED.get(key, 0)}


def main():
    cases = [case(name, chat_name, marked, chat)
             for name, marked in TEMPLATES.items()
             for chat_name, chat in CHATS.items()]
    lines = ",\n".join(json.dumps(one, ensure_ascii=False)
                       for one in cases if one)
    (FOLDER / "masks.json").write_text("[" + lines + "]\n",
                                             encoding="utf-8")


if __name__ == "__main__":
    main()
