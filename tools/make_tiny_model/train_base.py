"""Trains the tiny tokenizer and Llama-architecture base from scratch.

Entry point: main(). The corpus is made in memory by generate_text.corpus;
nothing is downloaded. Fixed seeds; weights are trained in fp32 and rounded
once to BF16 when saved. Bits of the weights may still differ between
versions of torch and between CPUs, which is why the result is committed.
"""
import argparse
import json
import math
import time
from pathlib import Path

import torch
from tokenizers import (Tokenizer, decoders, models, pre_tokenizers,
                        processors, trainers)
from transformers import (GenerationConfig, LlamaConfig, LlamaForCausalLM,
                          PreTrainedTokenizerFast)

from generate_text import corpus, roll_calls

BEGIN, END, PAD = "<|begin|>", "<|end|>", "<|pad|>"
VOCABULARY = 1024
WIDTH = 256  # most tokens of one document
HELD_OUT_SEED = 99


def train_tokenizer(documents):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(
        add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=[BEGIN, END, PAD],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False)
    tokenizer.train_from_iterator(documents, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A", pair=f"{BEGIN} $A {BEGIN}:1 $B:1",
        special_tokens=[(BEGIN, tokenizer.token_to_id(BEGIN))])
    return tokenizer


def encode_batches(tokenizer, documents, size):
    """Padded batches, one document a row, as the model is used later.

    Documents in one row would see each other's names, which makes copying
    a name from the text at hand far harder to learn. Neighbours in length
    share a batch to save padding; the order of batches is random.
    """
    end, pad = (tokenizer.token_to_id(t) for t in (END, PAD))
    rows = [(e.ids + [end])[:WIDTH]
            for e in tokenizer.encode_batch(documents)]
    batches = []
    for first in range(0, len(rows), 16 * size):
        chunk = sorted(rows[first:first + 16 * size], key=len)
        for i in range(0, len(chunk), size):
            part = chunk[i:i + size]
            width = len(part[-1])
            batches.append(torch.tensor(
                [row + [pad] * (width - len(row)) for row in part]))
    return [batches[i] for i in torch.randperm(len(batches))]


def make_model(tokenizer):
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=128,
        intermediate_size=352, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=2, head_dim=32, max_position_embeddings=WIDTH,
        rms_norm_eps=1e-5, initializer_range=0.08, tie_word_embeddings=True,
        bos_token_id=tokenizer.token_to_id(BEGIN),
        eos_token_id=tokenizer.token_to_id(END),
        pad_token_id=tokenizer.token_to_id(PAD))
    return LlamaForCausalLM(config)


def row_loss(model, rows, pad):
    logits = model(input_ids=rows[:, :-1]).logits
    return torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), rows[:, 1:].flatten(), ignore_index=pad)


def rate_at(step, steps, peak):
    warm = min(1.0, (step + 1) / 50)
    return peak * warm * (0.55 + 0.45 * math.cos(math.pi * step / steps))


def train(model, batches, pad, rate):
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate,
                                  betas=(0.9, 0.95), weight_decay=0.05)
    start = time.time()
    for step, batch in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step, len(batches), rate)
        loss = row_loss(model, batch, pad)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 50 == 0 or step + 1 == len(batches):
            print(f"step {step} loss {loss.item():.4f} "
                  f"{time.time() - start:.0f} s", flush=True)


def save(model, tokenizer, out):
    model.generation_config = GenerationConfig(
        bos_token_id=model.config.bos_token_id,
        eos_token_id=model.config.eos_token_id,
        pad_token_id=model.config.pad_token_id)
    model.to(torch.bfloat16).save_pretrained(out)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=BEGIN, eos_token=END,
        pad_token=PAD, model_max_length=WIDTH,
        clean_up_tokenization_spaces=False)
    fast.save_pretrained(out)
    # The name of the generic class that transformers 4 and 5 both know.
    path = out / "tokenizer_config.json"
    text = json.loads(path.read_text())
    text["tokenizer_class"] = "PreTrainedTokenizerFast"
    path.write_text(json.dumps(text, indent=2) + "\n")
    for written in out.iterdir():
        written.chmod(0o644)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rolls", type=int, default=32000,
                        help="roll calls of the first stage")
    parser.add_argument("--documents", type=int, default=32000,
                        help="documents of the second stage")
    args = parser.parse_args()
    torch.set_num_threads(2)
    torch.manual_seed(1)
    documents = list(corpus(args.documents))
    tokenizer = train_tokenizer(documents[:8000])
    model = make_model(tokenizer)
    pad = tokenizer.token_to_id(PAD)
    print(f"{model.num_parameters()} parameters")
    rolls = list(roll_calls(args.rolls))
    train(model, encode_batches(tokenizer, rolls, 32), pad, 3e-3)
    train(model, encode_batches(tokenizer, documents, 16), pad, 3e-3)
    held_out = list(corpus(400, HELD_OUT_SEED))
    held_out = encode_batches(tokenizer, held_out, 400)[0]
    save(model, tokenizer, args.out)
    model = LlamaForCausalLM.from_pretrained(args.out, dtype=torch.float32)
    with torch.no_grad():
        loss = row_loss(model, held_out, pad).item()
    print(f"held-out loss of the saved BF16 weights: {loss:.4f}")


if __name__ == "__main__":
    main()
