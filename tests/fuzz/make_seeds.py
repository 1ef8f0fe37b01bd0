"""Makes the seeds of the corpus that are best written as code: files with one
lie each, and one GGUF tensor of every type. The other seeds are small files of
tests/golden and inputs that were findings. Standard library only.

Entry point: python tests/fuzz/make_seeds.py
"""

import json
import pathlib
import struct

CORPUS = pathlib.Path(__file__).parent / "corpus"


def write(target, outcome, name, data):
    folder = CORPUS / target / outcome
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(data, str):
        data = data.encode()
    (folder / name).write_bytes(data)


def safetensors(header, data=b"", length=None):
    if not isinstance(header, bytes):
        header = json.dumps(header).encode()
    return struct.pack("<Q", len(header) if length is None else length) \
        + header + data


def f32(shape, begin, end):
    return {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}


def make_safetensors():
    def bad(name, header, **more):
        write("safetensors", "file_error", name,
              safetensors(header, b"\0" * 16, **more))
    bad("length.bin", {"a": f32([4], 0, 16)}, length=2 ** 62)
    bad("shape.bin", {"a": f32([2 ** 62, 8], 0, 16)})
    bad("negative.bin", {"a": f32([-4], 0, 16)})
    bad("overlap.bin", {"a": f32([2], 0, 8), "b": f32([3], 4, 16)})
    bad("gap.bin", {"a": f32([2], 8, 16)})
    bad("end.bin", {"a": f32([4], 0, 2 ** 60)})
    bad("twice.bin", b'{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},'
        b'"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}')
    bad("deep.bin", b'{"a":' + b"[" * 300)


class Gguf:
    """Parts of a GGUF file; counts may lie."""

    def __init__(self, keys=None, tensors=None):
        self.keys, self.tensors = keys, tensors
        self.head, self.table, self.data = b"", b"", b""
        self.counts = [0, 0]

    @staticmethod
    def text(value, length=None):
        value = value.encode()
        return struct.pack("<Q", length or len(value)) + value

    def key(self, name, kind, value):
        self.head += self.text(name) + struct.pack("<I", kind) + value
        self.counts[0] += 1
        return self

    def tensor(self, name, dims, kind, data=b"", offset=None):
        if offset is None:
            offset = len(self.data)
        self.table += self.text(name) + struct.pack("<I", len(dims)) \
            + b"".join(struct.pack("<Q", d) for d in dims) \
            + struct.pack("<IQ", kind, offset)
        self.data += data + b"\0" * (-len(data) % 32)
        self.counts[1] += 1
        return self

    def bytes(self):
        keys = self.counts[0] if self.keys is None else self.keys
        tensors = self.counts[1] if self.tensors is None else self.tensors
        out = b"GGUF" + struct.pack("<IQQ", 3, tensors, keys) \
            + self.head + self.table
        return out + b"\0" * (-len(out) % 32) + self.data


# ggml's number, elements and bytes of a block.
BLOCKS = [(0, 1, 4), (1, 1, 2), (2, 32, 18), (3, 32, 20), (6, 32, 22),
          (7, 32, 24), (8, 32, 34), (10, 256, 84), (11, 256, 110),
          (12, 256, 144), (13, 256, 176), (14, 256, 210), (20, 32, 18),
          (28, 1, 8), (30, 1, 2)]


def make_gguf():
    every = Gguf()
    for kind, elements, size in BLOCKS:
        every.tensor(f"t{kind}", [elements, 2], kind,
                     bytes(range(256))[:size] * 2)
    # Tensors without an architecture are no model.
    write("gguf", "file_error", "every_type.gguf", every.bytes())
    huge = 2 ** 63
    for name, file in {
            "keys.gguf": Gguf(keys=huge),
            "tensors.gguf": Gguf(tensors=huge),
            "text.gguf": Gguf().key("a", 8, Gguf.text("", huge)),
            "array.gguf": Gguf().key("a", 9, struct.pack("<IQ", 4, huge)),
            "texts.gguf": Gguf().key("a", 9, struct.pack("<IQ", 8, huge)),
            "nested.gguf": Gguf().key(
                "a", 9, struct.pack("<IQ", 9, 1) * 1000),
            "alignment.gguf": Gguf().key("general.alignment", 4, b"\0" * 4),
            "type.gguf": Gguf().tensor("t", [1], 4000),
            "shape.gguf": Gguf().tensor("t", [2 ** 40, 2 ** 40], 0),
            "row.gguf": Gguf().tensor("t", [31], 2, b"\0" * 32),
            "offset.gguf": Gguf().tensor("t", [1], 0, offset=2 ** 64 - 32),
            "end.gguf": Gguf().tensor("t", [2 ** 30], 0)}.items():
        write("gguf", "file_error", name, file.bytes())


CONFIG = {"model_type": "llama", "architectures": ["LlamaForCausalLM"],
          "vocab_size": 16, "hidden_size": 8, "intermediate_size": 12,
          "num_hidden_layers": 1, "num_attention_heads": 2,
          "num_key_value_heads": 1, "max_position_embeddings": 64,
          "tie_word_embeddings": True, "eos_token_id": [2, 3]}


def make_model_config():
    def config(outcome, name, **changes):
        write("model_config", outcome, name,
              json.dumps({**CONFIG, **changes}))
    config("accepted", "small.json")
    config("accepted", "llama3.json", rope_scaling={
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 32})
    config("accepted", "yarn.json", rope_parameters={
        "rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0,
        "original_max_position_embeddings": 16})
    config("file_error", "layers.json", num_hidden_layers=100000)
    config("file_error", "heads.json", num_attention_heads=2 ** 40,
           num_key_value_heads=2 ** 40, head_dim=2 ** 40)
    config("file_error", "vocabulary.json", vocab_size=2 ** 62)
    config("file_error", "experts.json", num_experts=8)
    config("file_error", "negative.json", hidden_size=-8)


def make_adapter():
    good = {"peft_type": "LORA", "r": 2, "lora_alpha": 4,
            "target_modules": ["q_proj", "down_proj"]}

    def config(outcome, name, **changes):
        write("adapter", outcome, name, json.dumps({**good, **changes}))
    config("accepted", "names.json")
    config("accepted", "pattern.json",
           target_modules=r".*\.(q_proj|down_proj)$")
    config("accepted", "ranks.json", r=8, rank_pattern={"q_proj|down_proj": 2},
           alpha_pattern={"^model.*q_proj": 1.5}, use_rslora=True)
    config("accepted", "layers.json", layers_to_transform=[0],
           layers_pattern="layers")
    config("file_error", "dora.json", use_dora=True)
    config("file_error", "rank.json", r=2 ** 62)
    config("file_error", "slow_pattern.json", target_modules="(a|a)*" * 20)
    config("file_error", "repeat.json", target_modules="(q{1000}){1000}")
    layer = "base_model.model.model.layers.0."
    names = [(layer + "mlp.down_proj", 12), (layer + "self_attn.q_proj", 8)]
    header, data, at = {}, b"", 0
    for name, size in names:
        for part, shape in (("A", [2, size]), ("B", [8, 2])):
            count = 4 * shape[0] * shape[1]
            header[f"{name}.lora_{part}.weight"] = f32(shape, at, at + count)
            data += struct.pack("<f", 0.5) * (count // 4)
            at += count
    write("adapter", "accepted", "weights.safetensors",
          safetensors(header, data))
    nan = struct.pack("<f", float("nan"))
    write("adapter", "file_error", "nan.safetensors",
          safetensors(header, nan + data[4:]))
    del header[names[0][0] + ".lora_A.weight"]
    write("adapter", "file_error", "missing.safetensors",
          safetensors({k: f32(v["shape"], v["data_offsets"][0] - 96,
                              v["data_offsets"][1] - 96)
                       for k, v in header.items()}, data[96:]))


RECIPES = {
    "accepted/plain.yaml": "model: m\ndata: {train: t.jsonl, eval: 0.1}\n"
                           "training: {steps: 5, betas: [0.9, 0.95]}\n",
    "accepted/rules.yaml": "adapter:\n  targets: [q_proj, '*.mlp.*']\n"
                           "  rank: 4\n  rules:\n"
                           "  - {targets: [down_proj], rank: 8, alpha: 1.5}\n",
    "accepted/peft.yaml": "adapter: {syntax: peft, targets: '.*q_proj$'}\n",
    "accepted/full.yaml": "method: full\ntraining: {epochs: 1.5}\n",
    "accepted/glob.yaml": "adapter: {targets: '*.layers.{0,1}.*.linear_q*'}\n",
    "config_error/key.yaml": "adapter: {r: 4}\nlearning_rate: 1\n",
    "config_error/value.yaml": "training: {steps: 99999999999999999999}\n",
    "config_error/twice.yaml": "model: a\nmodel: b\n",
    "config_error/anchor.yaml": "adapter: &a {rules: [*a, *a]}\n",
    "config_error/deep.yaml": "adapter: " + "[" * 3000,
    "config_error/maps.yaml": "a: {" * 3000,
    "config_error/aliases.yaml": "".join(
        f"k{i}: &k{i} [{', '.join([f'*k{i - 1}' if i else 'x'] * 9)}]\n"
        for i in range(40)) + "adapter: {targets: *k39}\n",
    "config_error/regex.yaml": "adapter: {syntax: peft, targets: '(((('}\n",
}


def make_recipe():
    for name, text in RECIPES.items():
        write("recipe", *name.split("/"), text)


TEXTS = ["", "Hello, world 42!\r\n\n  I'll\t", "\u2581 a  b ", "..." * 30,
         "<|im_start|>user\nHi<|im_end|>\n", "\U0001f600\u4f60\u597d e\u0301",
         "1234567890 \u0663 x'S 'ſ", " " * 200]


def make_text():
    for number, text in enumerate(TEXTS):
        write("text", "accepted", f"{number}.txt", text)
    write("text", "config_error", "surrogate.txt", b"a\xed\xa0\x80")
    write("text", "config_error", "cut.txt", b"a\xf0\x9f")
    write("text", "config_error", "overlong.txt", b"\xc0\xaf")


def turn(role, content, **more):
    return {"role": role, "content": content, **more}


def make_jsonl():
    def rows(outcome, name, *values):
        write("jsonl", outcome, name, "\n".join(
            v if isinstance(v, str) else json.dumps(v) for v in values) + "\n")
    chat = [turn("user", "Hi"), turn("assistant", "Hello.")]
    rows("accepted", "chats.jsonl", {"messages": chat},
         {"messages": chat + [turn("user", "e\u0301"), turn(
             "assistant", "<|im_end|>..")], "other": 1},
         {"messages": [turn("assistant", "")]})
    rows("accepted", "calls.jsonl", {"tools": [{"name": "f"}], "messages": [
        turn("user", None, tool_calls=[{"f": {}}]), turn("tool", "x"),
        turn("assistant", [{"type": "text", "text": "y"}])]})
    rows("file_error", "role.jsonl", {"messages": [turn("robot", "x")]})
    rows("file_error", "answer.jsonl", {"messages": chat[:1]})
    rows("file_error", "deep.jsonl", '{"messages":' + "[" * 500)
    rows("file_error", "both.jsonl", {"text": "a", "prompt": "b"})
    rows("file_error", "surrogate.jsonl", '{"text":"\\ud800"}')
    rows("file_error", "number.jsonl", '{"text":1e400}', "[]", "nul")


def make_tokenizer():
    def bad(name, **model):
        write("tokenizer", "file_error", name, json.dumps({
            "version": "1.0", "added_tokens": [], "normalizer": None,
            "pre_tokenizer": None, "post_processor": None, "decoder": None,
            "model": {"type": "BPE", "vocab": {"a": 0}, "merges": [],
                      **model}}))
    bad("id.json", vocab={"a": 2 ** 62})
    bad("negative.json", vocab={"a": -1})
    bad("merge.json", merges=["a b"])
    bad("type.json", type="Unigram")
    bad("dropout.json", dropout=0.5)
    blank, space = "\u2581", {"String": " "}
    write("tokenizer", "accepted", "byte_fallback.json", json.dumps({
        "version": "1.0", "added_tokens": [], "post_processor": None,
        "pre_tokenizer": None, "normalizer": {
            "type": "Sequence", "normalizers": [
                {"type": "Prepend", "prepend": blank},
                {"type": "Replace", "pattern": space, "content": blank}]},
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": blank}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 1}]},
        "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": True,
                  "byte_fallback": True, "vocab": {
                      "<unk>": 0, "a": 1, blank: 2, blank + "a": 3,
                      **{f"<0x{n:02X}>": 4 + n for n in range(256)}},
                  "merges": [[blank, "a"]]}}))


TEMPLATES = {
    "accepted/append.jinja":
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
        "<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
    "file_error/loop.jinja":
        "{% for a in range(100000) %}{% for b in range(100000) %}"
        "{% endfor %}{% endfor %}",
    "file_error/text.jinja": "{{ 'a' * 999999999999 }}",
    "file_error/list.jinja": "{{ ([1] * 999999999)|length }}",
    "file_error/range.jinja": "{{ range(10 ** 17)|list }}",
    "file_error/power.jinja": "{{ 9 ** 9 ** 9 }}",
    "file_error/double.jinja":
        "{% set ns = namespace(s='x') %}{% for i in range(99) %}"
        "{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "file_error/width.jinja": "{{ '%999999999999d' % 1 }}",
    "file_error/recursion.jinja": "{% macro f() %}{{ f() }}{% endmacro %}"
                                  "{{ f() }}",
    "file_error/nesting.jinja": "{{ " + "(" * 5000 + "1",
    "file_error/raise.jinja": "{{ raise_exception('no') }}",
}


def make_chat_template():
    for name, text in TEMPLATES.items():
        write("chat_template", *name.split("/"), text)


for make in (make_safetensors, make_gguf, make_model_config, make_adapter,
             make_recipe, make_text, make_jsonl, make_tokenizer,
             make_chat_template):
    make()
