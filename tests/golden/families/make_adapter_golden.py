"""Makes LoRA adapters on the small models beside this file, with PEFT.

Entry point: main(). Per case a folder tests/golden/family_adapters/NAME with
adapter_config.json, adapter_model.safetensors (all B random),
golden.safetensors (full.input_ids, full.attention_mask, full.labels,
full.logits, full.loss with the adapter; merged.logits), grads.safetensors
(gradient of full.loss by tensor of the adapter file) and merged.safetensors
(the changed tensors as the checkpoint has them, W + scale * B A computed in
fp32). Adapters on parameters
(experts, routers) are in PEFT's packed layout; NAME_v4 is the older one, a pair
for each matrix of each expert, made by hand and loaded by PEFT: it has no
grads.safetensors. Made with torch 2.13.0, transformers 5.23.0, peft 0.21.2; run
again it gives the same bytes. A name as argument makes that case alone.
"""

import json
import pathlib
import sys
import tempfile

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

HERE = pathlib.Path(__file__).resolve().parent
FOLDER = HERE.parent / "family_adapters"
PACKED = ["mixtral_packed", "qwen3_moe_packed"]
ALL = {"target_modules": "all-linear"}
CASES = {
    "phi3": ALL, "smollm3": ALL, "olmo2": ALL,
    "mixtral_window": ALL,
    "mixtral_packed": {"target_modules": ["v_proj"], "use_rslora": True,
                       "target_parameters": ["experts.down_proj"]},
    "qwen3_moe_packed": {"target_modules": [], "target_parameters": [
        "0.mlp.experts.gate_up_proj", "down_proj", "mlp.gate.weight"],
        "rank_pattern": {"mlp.experts.down_proj": 2}},
    "qwen3_moe_dense": {
        "target_modules": ["q_proj", "o_proj"],
        "target_parameters": ["experts.gate_up_proj", "4.mlp.gate_proj.weight",
                              "mlp.down_proj.weight"]},
}
SETTINGS = dict(r=3, lora_alpha=6, task_type="CAUSAL_LM")


def load_base(name):
    return AutoModelForCausalLM.from_pretrained(
        HERE / name, attn_implementation="eager", dtype=torch.float32).eval()


def make_adapter(name):
    config = LoraConfig(**{**SETTINGS, **CASES[name]})
    model = get_peft_model(load_base(name), config).eval()
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for key, value in model.named_parameters():
            if "lora_" in key:
                value.copy_(0.2 * torch.randn(value.shape,
                                              generator=generator))
    return model


def run(model, data):
    return model(input_ids=data["full.input_ids"],
                 attention_mask=data["full.attention_mask"],
                 labels=data["full.labels"], use_cache=False)


def delta_of(module, shape):
    """scale * B A; of packed experts by the layout's definition: A rows by
    expert, B columns by rank, then by expert."""
    a = module.lora_A["default"].weight
    b = module.lora_B["default"].weight
    scale = module.scaling["default"]
    if len(shape) == 2:
        return scale * (b @ a)
    experts, rows, columns = shape
    rank = a.shape[0] // experts
    a = a.view(experts, rank, columns)
    b = b.view(rows, rank, experts).permute(2, 0, 1)
    return scale * torch.bmm(b, a)


def merged_state(name, model):
    """In-memory weights of the base with every delta added."""
    state = load_base(name).state_dict()
    for key, module in model.named_modules():
        if not hasattr(module, "lora_A"):
            continue
        path = key.removeprefix("base_model.model.")
        path = path.replace(".base_layer", "")
        path += "." + getattr(module, "parameter_name", "weight")
        state[path] = state[path] + delta_of(module, state[path].shape)
    return state


def changed_tensors(name, plain):
    """What the checkpoint of `plain` has other than the base's."""
    base = load_file(HERE / name / "model.safetensors")
    with tempfile.TemporaryDirectory() as folder:
        plain.save_pretrained(folder, save_original_format=name not in PACKED)
        merged = load_file(pathlib.Path(folder) / "model.safetensors")
    assert merged.keys() == base.keys()
    return {key: value for key, value in merged.items()
            if not torch.equal(value, base[key])}


def base_data(name):
    golden = load_file(HERE / name / "golden.safetensors")
    return {key: golden[key] for key in
            ("full.input_ids", "full.attention_mask", "full.labels")}


def save_case(folder, name, model, grads):
    data = base_data(name)
    with torch.no_grad():
        got = run(model, data)
        plain = load_base(name)
        plain.load_state_dict(merged_state(name, model))
        data |= {"full.logits": got.logits, "full.loss": got.loss.reshape(1),
                 "merged.logits": run(plain, data).logits}
        merged = changed_tensors(name, plain)
    meta = {"format": "pt"}
    save_file(data, folder / "golden.safetensors", meta)
    save_file(merged, folder / "merged.safetensors", meta)
    if grads:
        save_file({k: v.contiguous() for k, v in grads.items()},
                  folder / "grads.safetensors", meta)


def finish_config(path, name):
    config = json.loads(path.read_text())
    for field in ("target_modules", "target_parameters"):
        if config.get(field):
            config[field] = sorted(config[field])
    config["base_model_name_or_path"] = f"families/{name}"
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def make_case(name):
    folder = FOLDER / name
    model = make_adapter(name)
    run(model, base_data(name)).loss.backward()
    grads = get_peft_model_state_dict(
        model, {k: p.grad for k, p in model.named_parameters()
                if p.grad is not None})
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    finish_config(folder / "adapter_config.json", name)
    save_case(folder, name, model, grads)


def make_v4_case(name):
    """A pair for each expert matrix of mixtral, beside q_proj."""
    folder = FOLDER / f"{name}_v4"
    folder.mkdir(exist_ok=True)
    base = load_file(HERE / name / "model.safetensors")
    generator = torch.Generator().manual_seed(6)
    tensors = {}
    for key, weight in sorted(base.items()):
        path = key.removesuffix(".weight")
        if path.split(".")[-1] not in ("w1", "w2", "w3", "q_proj"):
            continue
        for half, shape in (("A", (2, weight.shape[1])),
                            ("B", (weight.shape[0], 2))):
            tensors[f"base_model.model.{path}.lora_{half}.weight"] = \
                0.3 * torch.randn(shape, generator=generator)
    save_file(tensors, folder / "adapter_model.safetensors", {"format": "pt"})
    (folder / "adapter_config.json").write_text(json.dumps({
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 2,
        "lora_alpha": 5, "target_modules": ["q_proj", "w1", "w2", "w3"]}))
    finish_config(folder / "adapter_config.json", name)
    model = PeftModel.from_pretrained(load_base(name), folder).eval()
    save_case(folder, name, model, None)


def main():
    torch.set_num_threads(1)
    for name in CASES:
        if len(sys.argv) < 2 or name in sys.argv[1:]:
            make_case(name)
    if len(sys.argv) < 2 or "mixtral_window_v4" in sys.argv[1:]:
        make_v4_case("mixtral_window")


if __name__ == "__main__":
    main()
