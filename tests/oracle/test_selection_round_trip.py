"""The selection that graft saves, loaded by PEFT itself: the same modules,
ranks and scales. Models are trees of the recorded names without storage. Runs
over GRAFT_VECTORS_DIR (or ../shared/vectors): a fixed sample, all of it with
--slow; and over models of this file anywhere. The program is
build/bin/selection_probe.
"""

import json
import os
import pathlib
import subprocess

import pytest
import torch
from peft import PeftConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from transformers.pytorch_utils import Conv1D

ROOT = pathlib.Path(__file__).resolve().parents[2]
SAMPLE = 4  # every 4th case in a quick run
RANDOM = 20  # random selections a model


@pytest.fixture(scope="session")
def probe(graft):
    program = pathlib.Path(graft.program).with_name("selection_probe")
    assert program.exists(), f"{program} is missing: run ./dev build"

    def run(*args, stdin=None):
        done = subprocess.run([str(program), *map(str, args)], input=stdin,
                              capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        return [line for line in done.stdout.splitlines() if line]

    return run


def make_module(kind, size_in, size_out):
    """A module of the class that the kind stands for, where PEFT minds."""
    if kind in ("linear", "linear_subclass"):
        return torch.nn.Linear(size_in, size_out, device="meta")
    if kind == "conv1d_hf":
        with torch.device("meta"):
            return Conv1D(size_out, size_in)
    if kind == "embedding":
        return torch.nn.Embedding(size_in, size_out, device="meta")
    lists = {"module_list": torch.nn.ModuleList,
             "module_dict": torch.nn.ModuleDict,
             "sequential": torch.nn.Sequential}
    return lists.get(kind, torch.nn.Module)()


def make_tree(model):
    root = torch.nn.Module()
    by_path = {"": root}
    for path, kind, size_in, size_out, *alias in model["modules"]:
        parent, _, name = path.rpartition(".")
        module = (by_path[alias[0]] if alias
                  else make_module(kind, size_in, size_out))
        by_path[path] = module
        by_path[parent].add_module(name, module)
    return root


def adapted(root):
    """[path, rank, alpha, scale] of every layer that PEFT adapted."""
    return sorted([path, module.r["default"], module.lora_alpha["default"],
                   module.scaling["default"]]
                  for path, module in root.named_modules()
                  if isinstance(module, LoraLayer))


def check_case(case, root, folder):
    (folder / "adapter_config.json").write_text(case["config"])
    config = PeftConfig.from_pretrained(str(folder))
    inject_adapter_in_model(config, root, low_cpu_mem_usage=True)
    assert adapted(root) == sorted(case["adapters"]), case["config"]


def check_file(file, probe, folder, step):
    models = {model["id"]: model
              for model in json.loads(file.read_text())["models"]}
    cases = [json.loads(line)
             for line in probe("saved", file, RANDOM, 3)][::step]
    assert cases
    for case in cases:
        check_case(case, make_tree(models[case["model"]]), folder)
    return len(cases)


def decoder(name, stack, layers, experts):
    """A model of the recorded layout, without runs."""
    modules = []

    def add(path, kind, size=0):
        known = {module[0] for module in modules}
        parts = path.split(".")
        for end in range(1, len(parts)):
            parent = ".".join(parts[:end])
            if parent not in known:
                modules.append([parent, "container", 0, 0])
        modules.append([path, kind, size, size])

    for layer in range(layers):
        block = f"{stack}.{layer}"
        for part in ("q_proj", "k_proj", "v_proj", "o_proj"):
            add(f"{block}.self_attn.{part}", "linear", 8)
        places = ([f"{block}.mlp.experts.{i}" for i in range(experts)]
                  or [f"{block}.mlp"])
        for place in places:
            for part in ("w1", "w2", "w3"):
                add(f"{place}.{part}", "linear", 8)
        add(f"{block}.norm", "norm")
    add("lm_head", "linear", 8)
    return {"id": name, "is_hf_model": False, "modules": modules, "runs": []}


def vector_files():
    folder = pathlib.Path(os.environ.get("GRAFT_VECTORS_DIR",
                                         ROOT.parent / "shared/vectors"))
    found = []
    for path in sorted(folder.rglob("*.json")) if folder.is_dir() else []:
        if '"graft.peft_selection/1"' in path.read_text()[:200]:
            found.append(path)
    return found


def test_selections_on_decoders(probe, tmp_path):
    file = tmp_path / "models.json"
    file.write_text(json.dumps({"models": [
        decoder("dense", "model.layers", 12, 0),
        decoder("experts", "model.layers", 3, 4),
        decoder("root", "layers", 4, 2),
        decoder("gpt", "transformer.h", 25, 0)]}))
    assert check_file(file, probe, tmp_path, 1) >= 60


def test_selections_of_the_vectors(probe, tmp_path):
    for file in vector_files():
        check_file(file, probe, tmp_path, SAMPLE)


@pytest.mark.slow
def test_all_selections_of_the_vectors(probe, tmp_path):
    for file in vector_files():
        print(file.name, check_file(file, probe, tmp_path, 1))


def test_selections_on_a_real_model(probe, tmp_path):
    """PEFT's own conversions see the model type here."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(hidden_size=16, intermediate_size=24, vocab_size=32,
                         num_hidden_layers=6, num_attention_heads=4,
                         num_key_value_heads=2)

    def build():
        with torch.device("meta"):
            return LlamaForCausalLM(config)

    modules = []
    for path, module in build().named_modules():
        linear = isinstance(module, torch.nn.Linear)
        size = (module.in_features, module.out_features) if linear else (0, 0)
        if path:
            modules.append([path, "linear" if linear else "container", *size])
    file = tmp_path / "models.json"
    file.write_text(json.dumps({"models": [
        {"id": "llama", "is_hf_model": True, "model_type": "llama",
         "output_embedding": "lm_head", "modules": modules, "runs": []}]}))
    for line in probe("saved", file, RANDOM, 5):
        check_case(json.loads(line), build(), tmp_path)


def test_expert_conversions_are_those_of_peft(probe):
    from peft.utils import transformers_weight_conversion as conversion

    types = conversion._MODEL_TO_CONVERSION_PATTERN
    expected = {
        name: sorted(conversion._MOE_FUSED_TARGETS[row]["gate_up_proj"])
        for name, row in types.items()
        if row in conversion._MOE_FUSED_TARGETS}
    names = "\n".join([*types, "llama", "qwen3"]) + "\n"
    told = {line.split()[0]: sorted(line.split()[1:])
            for line in probe("experts", stdin=names)}
    # Class names are no model types.
    assert told == {name: row for name, row in expected.items()
                    if name == name.lower()}
