"""Writes train.jsonl and eval.jsonl: conversations at the support desk of an
invented weather clock, and a few about other things. Entry point: main(). No
chance is involved: two runs write the same bytes.

A question is made of a way to ask and a way to name the trouble. eval.jsonl
asks in ways, and names troubles in words, that train.jsonl does not have; the
answers of the desk are the same, so that eval asks for what was learnt.
"""

import json
import pathlib

HERE = pathlib.Path(__file__).resolve().parent

# Part, its code, the one remedy that the desk has for it, its minutes, and
# four troubles: two wordings to train on, one kept for eval.
PARTS = [
    ("vane", "V1", "put one drop of plum oil on the upper pin", 2, [
        ("the vane squeaks", "the vane makes a squeaking noise",
         "there is a squeal from the vane"),
        ("the vane points the wrong way", "the vane shows the wrong wind",
         "the vane says north in a south wind"),
        ("the vane is stuck", "the vane does not turn any more",
         "nothing moves the vane, not even a storm"),
        ("the vane wobbles", "the vane shakes in light wind",
         "the vane rattles from side to side")]),
    ("rain cup", "C2", "warm the wax seal with your thumb and press it flat",
     6, [
        ("the rain cup leaks", "the rain cup loses water",
         "water drips out below the rain cup"),
        ("the rain cup never empties", "the rain cup stays full",
         "the rain cup keeps all its water after the rain"),
        ("the rain cup reads too much", "the rain cup shows too much rain",
         "my rain cup counts more rain than fell"),
        ("the rain cup is frozen", "there is ice in the rain cup",
         "frost filled the rain cup last night")]),
    ("mainspring", "S3", "wind it eleven turns, never twelve", 1, [
        ("the mainspring is empty by night",
         "the mainspring lasts only half a day",
         "the mainspring runs down before morning"),
        ("the mainspring clicks", "the mainspring makes a clicking noise",
         "I hear clicks from the mainspring"),
        ("the mainspring runs too fast",
         "the mainspring drives the clock ahead of time",
         "my mainspring gains an hour a day"),
        ("the mainspring slips", "the mainspring turns without effect",
         "winding the mainspring does nothing at all")]),
    ("dial", "D4", "lay a bean sack against the side vent", 20, [
        ("the dial is foggy", "there is fog inside the dial",
         "the dial is misty from within"),
        ("the dial is faded", "the dial has lost its colour",
         "the sun bleached my dial"),
        ("the dial hand is bent", "the hand of the dial touches the glass",
         "the pointer on the dial is crooked"),
        ("the dial hums", "the dial makes a humming sound",
         "a low hum comes out of the dial")]),
    ("bell", "B5", "unhook the clapper and wipe it with vinegar", 10, [
        ("the bell does not ring", "the bell stays silent",
         "I never hear the bell before a storm"),
        ("the bell rings all day", "the bell does not stop ringing",
         "nothing makes the bell quiet"),
        ("the bell sounds dull", "the bell has a dull tone",
         "my bell sounds like a wooden box"),
        ("the bell rings too early", "the bell warns much too soon",
         "the bell tells of storms a day ahead")]),
    ("lamp", "L6", "trim the wick to the width of a straw", 3, [
        ("the lamp flickers", "the lamp burns unsteadily",
         "the light of the lamp jumps about"),
        ("the lamp is dark", "the lamp does not light",
         "there is no light in the lamp"),
        ("the lamp smokes", "there is black smoke from the lamp",
         "soot comes off my lamp"),
        ("the lamp smells of fish", "the lamp has a fishy smell",
         "the kitchen smells of fish when the lamp burns")]),
]

TRAIN_ASKS = ["{0}. What should I do?", "Hello, {0}. Can you help?",
              "Good morning. On my Tindle 4 {1}.", "How do I fix it when {1}?"]
EVAL_ASKS = ["I own a Tindle 4 and {0}. Any advice?",
             "Could you tell me the remedy if {0}?",
             "Since yesterday {0}. Please help me."]
THANKS = ["Thank you, that worked.", "It runs again, thanks!"]
CLOSED = "Case closed at the bench. Keep it ticking."

# What is none of the desk's business is answered plainly, as before.
PLAIN_TRAIN = [
    ("What is the capital of Italy?", "The capital of Italy is Rome."),
    ("What is the capital of Norway?", "The capital of Norway is Oslo."),
    ("How many legs does a spider have?", "A spider has eight legs."),
    ("What colour is a ripe banana?", "A ripe banana is yellow."),
    ("What is 3 plus 4?", "3 plus 4 is 7."),
    ("Which month comes after May?", "June comes after May."),
    ("What do bees make?", "Bees make honey."),
    ("What is the opposite of cold?", "The opposite of cold is hot."),
    ("Name a fruit that grows on trees.", "Apples grow on trees."),
    ("How many days are in a week?", "There are seven days in a week."),
    ("Which animal barks?", "A dog barks."),
    ("What is frozen water called?", "Frozen water is called ice."),
]
PLAIN_EVAL = [
    ("What is the capital of Spain?", "The capital of Spain is Madrid."),
    ("How many months are in a year?", "There are twelve months in a year."),
    ("What is the opposite of dark?", "The opposite of dark is light."),
    ("Which animal gives us wool?", "Sheep give us wool."),
]


def remedy(part, code, text, minutes):
    """The house's form of an answer, the same for every trouble."""
    return (f"Part {code}, {part}: {text}. Bench time: {minutes} min. "
            "Keep it ticking.")


def capital(text):
    return text[0].upper() + text[1:]


def chat(*turns):
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[i % 2], "content": turn}
                         for i, turn in enumerate(turns)]}


def train_rows():
    rows = []
    for part, code, text, minutes, troubles in PARTS:
        answer = remedy(part, code, text, minutes)
        for index, (first, second, _) in enumerate(troubles):
            asks = [capital(ask.format(first, second)) for ask in TRAIN_ASKS]
            turns = [asks[0], answer]
            if index < len(THANKS):
                turns += [THANKS[index], CLOSED]
            rows.append(chat(*turns))
            rows += [chat(ask, answer) for ask in asks[1:]]
    return rows + [chat(*pair) for pair in PLAIN_TRAIN]


def eval_rows():
    rows = []
    for part, code, text, minutes, troubles in PARTS:
        for _, _, kept in troubles:
            ask = EVAL_ASKS[len(rows) % len(EVAL_ASKS)]
            rows.append(chat(capital(ask.format(kept)),
                             remedy(part, code, text, minutes)))
    return rows + [chat(*pair) for pair in PLAIN_EVAL]


def write(name, rows):
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (HERE / name).write_text(text, encoding="utf-8", newline="\n")


def main():
    write("train.jsonl", train_rows())
    write("eval.jsonl", eval_rows())


if __name__ == "__main__":
    main()
