"""Writes the text of a made-up harbour world: corpus, train and eval rows.

Entry point: main(). corpus() yields the documents the base is trained on;
skill_files() returns the bytes of train.jsonl and eval.jsonl. Standard
library only, with a generator of random numbers of its own, so that every
Python version gives the same bytes. All names and sentences are invented.
"""
import argparse
import json
from pathlib import Path

CORPUS_SEED = 11
ROLL_SEED = 5
SKILL_SEED = 23
TRAIN_ROWS = 1600
EVAL_ROWS = 96

PORTS = """Marrowby Saltmere Tolven Quillhaven Ostrand Pellwick Drumsey
Brackholm Fenwater Hollowness Kettlesay Lowmere Nettlesea Orrinport Puffinscar
Rimehook Sandrell Thornquay Umberwell Velsand Wickenfoot Yarrowmouth Zennock
Candlebay""".split()
SHIP_FIRST = """Grey Red Bold Quiet Silver Merry Patient Lucky Northern Little
Golden Wandering Early Proud Gentle Crooked Faithful Swift Amber
Sleepy""".split()
SHIP_LAST = """Heron Otter Gull Seal Lantern Anchor Plover Star Maiden Fox
Petrel Cormorant Thistle Whistle Bell Kettle Hare Wren Pilgrim
Comet""".split()
KEEPERS = """Odda Brenn Tavi Marit Joss Selka Hob Wenna Corin Pell Dagna Rufe
Linnet Arno Bexa Fenna Garrow Hesk Ilka Kerra Lom Nessa Orla Tamsel""".split()
CARGOES = """salt wool tar rope barley glass oil tea wax honey timber nails
cheese apples paper copper""".split()
UNITS = "barrels sacks crates bales baskets chests".split()
NUMBERS = """two three four five six seven eight nine ten eleven twelve
thirteen fourteen fifteen sixteen seventeen eighteen nineteen
twenty""".split()
SHORES = "north south east west".split()
COLOURS = "white green blue amber red".split()
TIMES = """at dawn|before breakfast|at noon|in the afternoon|at dusk|
after dark|on the morning tide|on the evening tide""".replace("\n", "")
TIMES = TIMES.split("|")
WEATHER = [
    "The wind was light.", "Rain fell all day.", "The fog was thick.",
    "The sea was flat and grey.", "A hard wind blew from the west.",
    "The sun was warm on the stones.", "There was ice on the ropes.",
    "The tide was very low.", "Thunder walked over the hills.",
    "It was a clear day.",
]
NOTES = [
    "The {ship} came into {to} {time} from {origin}. She carried {load}. "
    "Keeper {keeper} signed for it.",
    "Keeper {keeper} of {to} was on the quay {time}. The {ship} tied up "
    "with {load} from {origin}.",
    "{load_cap} came ashore at {to} {time}. The {ship} had brought them "
    "from {origin}, and keeper {keeper} counted them twice.",
    "The {ship} left {origin} with {load}. She reached {to} {time}, and "
    "keeper {keeper} took her line.",
    "Keeper {keeper} saw the {ship} sail from {origin} to {to} {time}. "
    "She had {load} on board.",
    "At {to} the {ship} put down {load} {time}. She had sailed from "
    "{origin}. Keeper {keeper} met her on the quay.",
]
FOLLOW_UPS = [
    "The {ship} stayed in {to} for {days} days.",
    "Keeper {keeper} chalked {digits} on the door, for there were {number} "
    "{unit}.",
    "The {unit} were heavy, and it took {number} hands to lift the "
    "{cargo}.",
    "\"{number_cap} {unit} of {cargo},\" said {keeper}, and chalked "
    "{digits} on the wall.",
    "People in {to} had waited for the {cargo} since winter.",
    "Then the {ship} turned round and went home to {origin}.",
    "{keeper} gave the crew of the {ship} hot soup and bread.",
    "By night the {cargo} was dry and safe in {to}.",
    "In {origin} they were sorry to see the {ship} go.",
    "One of the {unit} was wet, so {keeper} set it by the fire.",
    "{keeper} lit the lamp of {to} and went to bed.",
    "The master of the {ship} paid {digits} coins, one for each of the "
    "{number} {unit}.",
]
QUESTIONS = [
    ("Which ship is it?", "the {ship}"),
    ("What is the name of the ship?", "{ship}"),
    ("Where did the {ship} come from?", "{origin}"),
    ("Where did the ship come from?", "{origin}"),
    ("Where did the {ship} go?", "{to}"),
    ("Which harbour is it?", "{to}"),
    ("Who is the keeper?", "{keeper}"),
    ("Who keeps {to}?", "{keeper}"),
    ("What did the {ship} carry?", "{cargo}"),
    ("What was in the {unit}?", "{cargo}"),
    ("How many {unit} were there?", "{number}"),
    ("How many {unit}, in figures?", "{digits}"),
    ("How much {cargo} was there?", "{number} {unit}"),
]
PORT_FACTS = [
    "{port} is a small harbour on the {shore} shore.",
    "The lamp of {port} is {colour}.",
    "{port} is known for its {ware}.",
    "Ships come to {port} to buy {ware}.",
    "Sailors find {port} by its {colour} lamp.",
]
TALES = [
    "{a} was the keeper of the lamp at {port}.",
    "Every evening {a} climbed the stairs and lit the {colour} lamp.",
    "One night {a} heard a knock at the door.",
    "It was {b}, who had rowed all the way from {other}.",
    "\"I have lost my boat,\" said {b}.",
    "{a} put the kettle on and gave {b} a dry coat.",
    "They sat by the fire and talked about {other}.",
    "In the morning {a} and {b} walked along the beach of {port}.",
    "They found the boat behind the rocks, full of {ware}.",
    "\"Thank you, {a},\" said {b}, and rowed home to {other}.",
    "A gull slept on the roof, and {a} was glad.",
]


class Rng:
    """splitmix64: the same numbers on every machine and version."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        mask = (1 << 64) - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return ((z ^ (z >> 31)) * n) >> 64

    def pick(self, items):
        return items[self.below(len(items))]

    def some(self, items, count):
        """`count` different items in random order."""
        rest = list(items)
        return [rest.pop(self.below(len(rest))) for _ in range(count)]


def draw_voyage(rng):
    """The facts of one arrival, under the names the templates use."""
    origin, to = rng.some(PORTS, 2)
    number = rng.below(len(NUMBERS))
    unit, cargo = rng.pick(UNITS), rng.pick(CARGOES)
    load = f"{NUMBERS[number]} {unit} of {cargo}"
    return {
        "ship": f"{rng.pick(SHIP_FIRST)} {rng.pick(SHIP_LAST)}",
        "origin": origin, "to": to, "unit": unit, "cargo": cargo,
        "load": load, "load_cap": load.capitalize(),
        "number": NUMBERS[number], "digits": str(number + 2),
        "number_cap": NUMBERS[number].capitalize(),
        "keeper": rng.pick(KEEPERS), "time": rng.pick(TIMES),
        "days": rng.pick(NUMBERS),
    }


def write_note(rng, facts):
    """One to four sentences that hold every fact of the voyage."""
    note = rng.pick(NOTES).format(**facts)
    place = rng.below(4)
    if place == 0:
        return f"{rng.pick(WEATHER)} {note}"
    return f"{note} {rng.pick(WEATHER)}" if place == 1 else note


def port_facts(port):
    """A harbour's fixed properties: the world's lasting knowledge."""
    i = PORTS.index(port)
    return {
        "port": port, "shore": SHORES[i % 4], "colour": COLOURS[i % 5],
        "ware": CARGOES[(i * 7 + 3) % 16],
    }


def voyage_document(rng):
    facts = draw_voyage(rng)
    parts = [write_note(rng, facts)]
    parts += rng.some(FOLLOW_UPS, rng.below(4))
    text = " ".join(parts).format(**facts)
    for question, answer in rng.some(QUESTIONS, rng.below(8)):
        text += f"\nQuestion: {question}\nAnswer: {answer}".format(**facts)
    return text


def port_document(rng):
    facts = port_facts(rng.pick(PORTS))
    chosen = rng.some(PORT_FACTS, 2 + rng.below(4))
    if not chosen[0].startswith("{port}"):
        chosen.insert(0, PORT_FACTS[0])
    seen = dict.fromkeys(chosen)
    return " ".join(seen).format(**facts)


def tale_document(rng):
    port, other = rng.some(PORTS, 2)
    a, b = rng.some(KEEPERS, 2)
    facts = port_facts(port) | {"a": a, "b": b, "other": other}
    facts["ware"] = rng.pick(CARGOES)
    parts = [s for i, s in enumerate(TALES) if i in (0, 2, 3, 4) or
             rng.below(4)]
    parts.insert(1, rng.pick(WEATHER))
    return " ".join(parts).format(**facts)


def roll_call(rng):
    """Names said over and over: teaches copying before the stories do."""
    names = PORTS + KEEPERS + CARGOES + UNITS + NUMBERS
    names = names + SHIP_FIRST + SHIP_LAST
    words = " ".join(rng.some(names, 2 + rng.below(5)))
    return " ".join(["Roll call:"] + [words + "."] * (2 + rng.below(3)))


def roll_calls(documents, seed=ROLL_SEED):
    rng = Rng(seed)
    for _ in range(documents):
        yield roll_call(rng)


def corpus(documents, seed=CORPUS_SEED):
    rng = Rng(seed)
    for _ in range(documents):
        kind = rng.below(20)
        if kind < 15:
            yield voyage_document(rng)
        elif kind < 17:
            yield port_document(rng)
        elif kind < 18:
            yield roll_call(rng)
        else:
            yield tale_document(rng)


def skill_row(rng):
    """The skill the base lacks: one ledger line made from a note."""
    facts = draw_voyage(rng)
    line = (" ship: {ship}, harbour: {to}, "
            "carried: {digits} {unit} of {cargo}, keeper: {keeper}")
    return {"prompt": write_note(rng, facts) + "\nLedger:",
            "completion": line.format(**facts)}


def skill_files():
    """File name -> bytes. No prompt occurs twice, in or across files."""
    rng, rows = Rng(SKILL_SEED), {}
    while len(rows) < TRAIN_ROWS + EVAL_ROWS:
        row = skill_row(rng)
        rows.setdefault(row["prompt"], row)
    lines = [json.dumps(row, ensure_ascii=False) + "\n"
             for row in rows.values()]
    return {
        "train.jsonl": "".join(lines[:TRAIN_ROWS]).encode(),
        "eval.jsonl": "".join(lines[TRAIN_ROWS:]).encode(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True,
                        help="folder for train.jsonl and eval.jsonl")
    parser.add_argument("--show", type=int, default=0, metavar="N",
                        help="also print the first N corpus documents")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for name, data in skill_files().items():
        (args.out / name).write_bytes(data)
    for document in corpus(args.show):
        print(document, end="\n\n")


if __name__ == "__main__":
    main()
