"""Adapters as GGUF files, for every family: what the gguf package reads is the
adapter that PEFT has, under llama.cpp's names and in its order of rows. That
llama.cpp itself agrees is in test_llama_cpp.py.
"""

import json

import gguf
import numpy
import pytest
import torch
from compare import load_base
from conftest import ROOT
from family_files import FAMILIES, make_pair
from hf_to_gguf import (ARCHITECTURES, EXPERTS, INTERLEAVED, head_dim_of,
                        interleaved, split_experts)
from safetensors.torch import load_file, save_file

TINY = ROOT / "tests/golden/gguf/models"
SETTINGS = [
    {"r": 4, "lora_alpha": 6},
    {"r": 8, "lora_alpha": 3, "use_rslora": True,
     "rank_pattern": {"k_proj": 2, "qkv_proj": 3,
                      r"layers\.1\.self_attn\.o_proj": 3}},
    {"r": 2, "lora_alpha": 5, "alpha_pattern": {"down_proj": 1}},
]


def make_adapter(base, target, **settings):
    """A PEFT adapter on every linear layer of the layers, its B's random; with
    experts, on attention alone, as PEFT turns their names into parameters."""
    from peft import LoraConfig, get_peft_model
    torch.manual_seed(3)
    model = load_base(base)
    inside = (".self_attn." if hasattr(model.config, "num_local_experts")
              else ".layers.")
    names = {path.rsplit(".", 1)[1] for path, module in model.named_modules()
             if isinstance(module, torch.nn.Linear) and inside in path}
    model = get_peft_model(model, LoraConfig(
        target_modules=sorted(names), task_type="CAUSAL_LM", **settings))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.05)
    model.save_pretrained(target)
    return model


def deltas(model):
    """scale * B * A by Hugging Face's tensor name."""
    return {path.removeprefix("base_model.model.") + ".weight":
            module.get_delta_weight("default").detach().numpy()
            for path, module in model.named_modules()
            if hasattr(module, "get_delta_weight")}


def add_expert_adapters(adapter, config, ranks):
    """Pairs for each matrix of each expert, in the layout of PEFT before it
    packed experts, to an adapter on disk; returns their deltas. `ranks`: by
    the expert's number; 0 for no adapter."""
    generator = torch.Generator().manual_seed(8)
    moe, shapes = {
        "mixtral": ("block_sparse_moe.experts", ("w1", "w3", "w2")),
        "qwen3_moe": ("mlp.experts", ("gate_proj", "up_proj", "down_proj")),
    }[config.model_type]
    inner = (config.moe_intermediate_size if config.model_type == "qwen3_moe"
             else config.intermediate_size)
    settings = json.loads((adapter / "adapter_config.json").read_text())
    tensors, out = load_file(adapter / "adapter_model.safetensors"), {}
    targets, patterns = [], {}
    for layer in range(config.num_hidden_layers):
        for expert, rank in enumerate(ranks):
            for name in shapes if rank else ():
                path = f"model.layers.{layer}.{moe}.{expert}.{name}"
                sizes = (config.hidden_size, inner)
                rows, columns = sizes if name == shapes[2] else sizes[::-1]
                a = torch.randn(rank, columns, generator=generator)
                b = torch.randn(rows, rank, generator=generator) * 0.05
                tensors[f"base_model.model.{path}.lora_A.weight"] = a
                tensors[f"base_model.model.{path}.lora_B.weight"] = b
                targets.append(path)
                patterns[path.replace(".", r"\.")] = rank
                scale = settings["lora_alpha"] / rank
                out[path + ".weight"] = (scale * (b @ a)).numpy()
    settings["target_modules"] += targets
    settings["rank_pattern"] = {**settings["rank_pattern"], **patterns}
    (adapter / "adapter_config.json").write_text(json.dumps(settings))
    save_file(tensors, adapter / "adapter_model.safetensors", {"format": "pt"})
    return out


def llama_cpp_name(name, config):
    """(tensor, expert) by the package's map; experts as the converter merges
    them."""
    names = gguf.get_tensor_name_map(ARCHITECTURES[config.model_type],
                                     config.num_hidden_layers)
    expert = None
    for kind, merged in EXPERTS.items():
        if f".{kind}." in name:
            layer = name.split(".layers.")[1].split(".")[0]
            number, matrix = name.split(f".{kind}.")[1].split(".")[:2]
            name = merged.format(layer, matrix) + ".weight"
            expert = int(number)
    return names.get_name(name, try_suffixes=(".weight",)), expert


def check_file(path, expected, config):
    """`expected`: deltas by Hugging Face's tensor name. Every tensor of the
    file must be one of them, and zero where there is none."""
    reader = gguf.GGUFReader(path)
    assert reader.fields["general.type"].contents() == "adapter"
    assert reader.fields["adapter.type"].contents() == "lora"
    assert reader.fields["general.architecture"].contents() == (
        gguf.MODEL_ARCH_NAMES[ARCHITECTURES[config.model_type]])
    alpha = reader.fields["adapter.lora.alpha"].contents()
    stored = {tensor.name: tensor.data for tensor in reader.tensors}
    found = {}
    for name in {n.rsplit(".lora_", 1)[0] for n in stored}:
        a, b = stored[f"{name}.lora_a"], stored[f"{name}.lora_b"]
        found[name] = b @ a * (alpha / a.shape[-2])
    for hf_name, delta in expected.items():
        name, expert = llama_cpp_name(hf_name, config)
        turned = hf_name.split(".")[-2] in ("q_proj", "k_proj")
        if turned and config.model_type in INTERLEAVED:
            delta = interleaved(delta, head_dim_of(config))
        got = found[name] if expert is None else found[name][expert]
        assert numpy.abs(got - delta).max() <= 1e-5 * numpy.abs(delta).max()
        if expert is None:
            del found[name]
        else:
            found[name][expert] = 0
    assert not any(left.any() for left in found.values())


@pytest.mark.parametrize("settings", SETTINGS)
def test_gguf_package_reads_the_deltas(graft, tmp_path, settings):
    from transformers import AutoConfig
    base = tmp_path / "hf"
    graft("convert", TINY / "f32.gguf", "-o", base, "--dtype", "f32")
    model = make_adapter(base, tmp_path / "adapter", **settings)
    graft("convert", tmp_path / "adapter", "--to", "gguf", "--base", base,
          "-o", tmp_path / "a.gguf")
    check_file(tmp_path / "a.gguf", deltas(model),
               AutoConfig.from_pretrained(base))


@pytest.mark.parametrize("settings", SETTINGS[:2])
@pytest.mark.parametrize("folder", [
    pytest.param(path, id=path.name) for path in sorted(FAMILIES.iterdir())
    if (path / "config.json").exists()])
def test_every_family(graft, tmp_path, folder, settings):
    from transformers import AutoConfig
    model = make_adapter(folder, tmp_path / "adapter", **settings)
    graft("convert", tmp_path / "adapter", "--to", "gguf", "--base", folder,
          "-o", tmp_path / "a.gguf")
    check_file(tmp_path / "a.gguf", deltas(model),
               AutoConfig.from_pretrained(folder))


@pytest.mark.parametrize("name, ranks", [
    ("mixtral_window", [2, 2, 2, 2, 2]), ("mixtral_window", [0, 3, 1, 0, 2]),
    ("qwen3_moe_dense", [4, 4, 4, 4])])
def test_experts_are_merged(graft, tmp_path, name, ranks):
    """Experts of unlike ranks, and without an adapter, too. The base is the
    directory, and the GGUF file where there can be one."""
    from transformers import AutoConfig
    folder = FAMILIES / name
    config = AutoConfig.from_pretrained(folder)
    adapter = tmp_path / "adapter"
    expected = deltas(make_adapter(folder, adapter, r=2, lora_alpha=3))
    expected.update(add_expert_adapters(adapter, config, ranks))
    if name == "qwen3_moe_dense":  # the layers without experts
        dense = [n for n in range(config.num_hidden_layers)
                 if (n + 1) % 2 or n in config.mlp_only_layers]
        drop_layers(adapter, expected, dense)
    bases = [folder]
    if name != "qwen3_moe_dense":
        bases.append(make_pair(folder, tmp_path)[2])
    for base in bases:
        graft("convert", adapter, "--to", "gguf", "--base", base, "-o",
              tmp_path / f"{base.name}.a.gguf")
        check_file(tmp_path / f"{base.name}.a.gguf", expected, config)


def merged_deltas(live, folder, config):
    """What merging in PEFT changes, experts one by one."""
    base = load_base(folder).state_dict()
    merged = live.merge_and_unload().state_dict()
    return split_experts(
        {name: (merged[name] - tensor).numpy() for name, tensor in base.items()
         if not torch.equal(merged[name], tensor)}, config)


@pytest.mark.parametrize("settings", [
    {"target_modules": "all-linear", "r": 3, "lora_alpha": 4},
    {"target_modules": ["v_proj"], "r": 4, "use_rslora": True,
     "target_parameters": ["gate_up_proj", "0.mlp.gate.weight"]}])
@pytest.mark.parametrize("name", ["mixtral_packed", "mixtral_window",
                                  "qwen3_moe_packed", "qwen3_moe_dense"])
def test_parameters_are_adapters_on_every_expert(graft, tmp_path, name,
                                                 settings):
    """In both layouts that a base has on disk."""
    from peft import LoraConfig, get_peft_model
    torch.manual_seed(7)
    live = get_peft_model(load_base(FAMILIES / name),
                          LoraConfig(task_type="CAUSAL_LM", **settings))
    for path, parameter in live.named_parameters():
        if "lora_B" in path:
            torch.nn.init.normal_(parameter, std=0.5)
    live.save_pretrained(tmp_path / "adapter")
    config = live.config
    graft("convert", tmp_path / "adapter", "--to", "gguf", "--base",
          FAMILIES / name, "-o", tmp_path / "a.gguf")
    check_file(tmp_path / "a.gguf",
               merged_deltas(live, FAMILIES / name, config), config)


def drop_layers(adapter, expected, layers):
    """Takes the experts' pairs of these layers away again."""
    def drop(name):
        return any(f".layers.{n}.mlp.experts." in name for n in layers)

    path = adapter / "adapter_model.safetensors"
    save_file({name: tensor for name, tensor in load_file(path).items()
               if not drop(name)}, path, {"format": "pt"})
    config = adapter / "adapter_config.json"
    settings = json.loads(config.read_text())
    settings["target_modules"] = [name for name in settings["target_modules"]
                                  if not drop("." + name)]
    config.write_text(json.dumps(settings))
    for name in [name for name in expected if drop("." + name)]:
        del expected[name]
