"""GGUF files as MODEL against transformers: the tiny models of
tests/golden/gguf, and (./dev test --slow) SmolLM2-135M-Instruct as it is
published.
"""

import json

import pytest
import torch
from compare import graft_logits, load_base, random_ids, reference_logits
from conftest import ROOT
from smollm_gguf import smollm_gguf

TINY = ROOT / "tests/golden/gguf/models"
TEXTS = ["The capital of France is", "def add(a, b):\n    return a + b\n\n",
         "Once upon a time in 1984 there were 12345 lighthouses, 3.14159 each",
         "<|im_start|>user\nWhat is 7 + 15?<|im_end|>\n", "  x\t y\r\n\r\n z ",
         "naïve café 数字 ١٢٣ ½ 🎈 I'll don't IT'S", "", "0", "a" * 300]
LOGIT_TEXTS = TEXTS[:4]


def load_gguf(path):
    from transformers import AutoModelForCausalLM
    return AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32,
        attn_implementation="eager").eval()


@pytest.mark.parametrize("kind", ["q4_0", "q4_1", "q5_1", "q8_0", "f16",
                                  "f32", "bf16"])
def test_converted_directory_equals_the_file(graft, tmp_path, kind):
    """f32 has llama3 rope, f16 biases, bf16 linear rope, q4_1 and q5_1 a
    tied head: all must survive into what transformers reads."""
    graft("convert", TINY / f"{kind}.gguf", "-o", tmp_path / "hf", "--dtype",
          "f32")
    ids = random_ids(288, length=100)
    got = graft_logits(graft, tmp_path, TINY / f"{kind}.gguf", ids)
    expected = reference_logits(load_base(tmp_path / "hf"), ids)
    assert (got - expected).abs().max() <= 1e-5


def check_tokenizer(graft, model, folder):
    from tokenizers import Tokenizer
    from transformers import AutoTokenizer
    reference = Tokenizer.from_file(str(folder / "tokenizer.json"))
    loaded = AutoTokenizer.from_pretrained(folder)
    stdin = "".join(json.dumps({"text": text}) + "\n" for text in TEXTS)
    for source in (model, folder):
        lines = graft("tokenize", source, stdin=stdin).splitlines()
        for text, line in zip(TEXTS, lines, strict=True):
            assert json.loads(line)["ids"] == reference.encode(text).ids
            assert json.loads(line)["ids"] == loaded(text).input_ids
    return loaded


@pytest.fixture(scope="module")
def smollm():
    return smollm_gguf()


@pytest.fixture(scope="module")
def converted(graft, smollm, tmp_path_factory):
    target = tmp_path_factory.mktemp("converted") / "hf"
    graft("convert", smollm, "-o", target, "--dtype", "f32")
    return target


@pytest.mark.slow
def test_real_tokenizer(graft, smollm, converted):
    loaded = check_tokenizer(graft, smollm, converted)
    assert len(loaded("12345").input_ids) == 5  # smollm: digits alone
    prompt = loaded.apply_chat_template(
        [{"role": "user", "content": "Hi"}], tokenize=False,
        add_generation_prompt=True)
    assert prompt.endswith("<|im_start|>user\nHi<|im_end|>\n"
                           "<|im_start|>assistant\n")


@pytest.mark.slow
def test_real_logits_and_greedy_tokens(graft, tmp_path, smollm, converted):
    from transformers import AutoTokenizer
    tokenizer = AutoTokenizer.from_pretrained(converted)
    file, folder = load_gguf(smollm), load_base(converted)
    for text in LOGIT_TEXTS:
        ids = tokenizer(text, return_tensors="pt").input_ids
        expected = reference_logits(file, ids)
        assert torch.equal(reference_logits(folder, ids), expected)
        difference = (graft_logits(graft, tmp_path, smollm, ids)
                      - expected).abs()
        print(f"max {difference.max():.2e} mean {difference.mean():.2e}")
        assert difference.max() <= 1e-3
        assert difference.mean() <= 5e-5
    for text in LOGIT_TEXTS[:3]:
        ids = tokenizer(text, return_tensors="pt").input_ids
        with torch.no_grad():
            out = file.generate(ids, do_sample=False, max_new_tokens=16,
                                attention_mask=torch.ones_like(ids))
        expected = tokenizer.decode(out[0, ids.shape[1]:],
                                    skip_special_tokens=True)
        got = graft("generate", smollm, "--prompt", text, "--max-new-tokens",
                    16)
        assert got.rstrip("\n") == expected.rstrip("\n")


@pytest.mark.slow
def test_real_adapter_and_merge(graft, tmp_path, smollm, converted):
    """A LoRA trained on the 4-bit file loads in PEFT on the directory, and
    the merge of the file is that of the directory."""
    from test_adapters import peft_logits
    from transformers import AutoTokenizer
    rows = ROOT / "tests/oracle/data/keeper_rows.jsonl"
    graft("train", smollm, rows, "-o", tmp_path / "run", "--set",
          "training.steps=6", "--set", "training.batch_size=2", "--set",
          "adapter.rank=4", "--set", "training.learning_rate=1e-3", "--set",
          "data.eval=0")
    adapter = tmp_path / "run/adapter"
    tokenizer = AutoTokenizer.from_pretrained(converted)
    ids = tokenizer(TEXTS[0], return_tensors="pt").input_ids
    expected = peft_logits(converted, adapter, ids)
    got = graft_logits(graft, tmp_path, smollm, ids, adapter)
    print("adapter max", (got - expected).abs().max().item())
    assert (got - expected).abs().max() <= 1e-3
    graft("merge", smollm, adapter, "-o", tmp_path / "a", "--dtype", "f32")
    graft("merge", converted, adapter, "-o", tmp_path / "b")
    graft("verify", smollm, adapter, tmp_path / "a")
    assert ((tmp_path / "a/model.safetensors").read_bytes()
            == (tmp_path / "b/model.safetensors").read_bytes())
