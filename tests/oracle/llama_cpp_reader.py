"""A GGUF model, with an adapter or without, inside of llama.cpp. Entry point:
LlamaCpp; tools/llama_cpp_package.py says where llama.cpp comes from.
"""

import json
import urllib.request

import torch
from llama_cpp_package import llama_cpp


class LlamaCpp:
    """fp32 cache and plain attention on two threads; greedy."""

    def __init__(self, model, adapter=None):
        package = llama_cpp()
        params = package.CommonParams()
        params.model.path = str(model)
        params.n_ctx = 512
        params.n_parallel = 1
        params.n_gpu_layers = 0
        params.warmup = False
        params.fit_params = False
        params.verbosity = 0
        params.cpuparams.n_threads = 2
        params.cpuparams_batch.n_threads = 2
        params.flash_attn_type = (
            package.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED)
        params.cache_type_k = package.ggml_type.GGML_TYPE_F32
        params.cache_type_v = package.ggml_type.GGML_TYPE_F32
        if adapter is not None:
            params.lora_adapters = [
                package.CommonAdapterLoraInfo(str(adapter), 1.0)]
        self.server = package.Server(params)

    def complete(self, ids, **options):
        out = self.server.handle_completions(
            {"prompt": list(ids), "temperature": -1.0, "cache_prompt": False,
             **options})
        return out if isinstance(out, dict) else json.loads(out)

    def log_probabilities(self, ids, vocabulary):
        """Of the token behind `ids`: (vocabulary,)."""
        out = self.complete(ids, max_tokens=1, logprobs=vocabulary,
                            n_probs=vocabulary)
        rows = out["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
        assert len(rows) == vocabulary
        values = torch.empty(vocabulary)
        for row in rows:
            values[row["id"]] = row["logprob"]
        return values

    def text(self, ids, tokens):
        out = self.complete(ids, max_tokens=tokens)
        return out["choices"][0]["text"]

    def tokenize(self, text):
        """Ids, with the special tokens around."""
        request = urllib.request.Request(
            f"{self.server.listening_address}/tokenize",
            json.dumps({"content": text, "add_special": True,
                        "parse_special": True}).encode(),
            {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["tokens"]
