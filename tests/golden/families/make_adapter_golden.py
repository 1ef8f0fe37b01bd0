"""Makes LoRA goldens on the models of make_family_golden.py.

Entry point: main(). Per model in CASES a folder ../family_adapters/NAME with
the adapter as PEFT saves it, golden.safetensors (full.* with logits and loss,
merged.logits), grads.safetensors (of full.loss, by the adapter file's names)
and merged.safetensors (W + scale * B A, computed in fp32). Made with torch
2.13.0, transformers 5.23.0, peft 0.21.2; run again it gives the same bytes.
"""

import json
import pathlib

import torch
from peft import LoraConfig, get_peft_model
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

HERE = pathlib.Path(__file__).resolve().parent
CASES = ["phi3", "smollm3", "olmo2"]


def load_base(name):
    return AutoModelForCausalLM.from_pretrained(
        HERE / name, attn_implementation="eager", dtype=torch.float32).eval()


def make_adapter(name):
    config = LoraConfig(r=3, lora_alpha=6, target_modules="all-linear",
                        task_type="CAUSAL_LM")
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


def merged_weights(name, model):
    base = load_file(HERE / name / "model.safetensors")
    out = {}
    for key, module in model.named_modules():
        if not hasattr(module, "lora_A"):
            continue
        weight = key.removeprefix("base_model.model.") + ".weight"
        delta = module.lora_B["default"].weight @ module.lora_A[
            "default"].weight
        out[weight] = base[weight] + module.scaling["default"] * delta
    return out


def make_case(name):
    folder = HERE.parent / "family_adapters" / name
    golden = load_file(HERE / name / "golden.safetensors")
    data = {key: golden[key] for key in
            ("full.input_ids", "full.attention_mask", "full.labels")}
    model = make_adapter(name)
    got = run(model, data)
    got.loss.backward()
    grads = get_peft_model_state_dict(
        model, {k: p.grad for k, p in model.named_parameters()
                if p.grad is not None})
    with torch.no_grad():
        merged = merged_weights(name, model)
        plain = load_base(name)
        plain.load_state_dict({**plain.state_dict(), **merged})
        data |= {"full.logits": got.logits.detach(),
                 "full.loss": got.loss.detach().reshape(1),
                 "merged.logits": run(plain, data).logits}
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text())
    config["target_modules"] = sorted(config["target_modules"])
    config["base_model_name_or_path"] = f"families/{name}"
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    meta = {"format": "pt"}
    save_file(data, folder / "golden.safetensors", meta)
    save_file({k: v.contiguous() for k, v in grads.items()},
              folder / "grads.safetensors", meta)
    save_file(merged, folder / "merged.safetensors", meta)


def main():
    torch.set_num_threads(1)
    for name in CASES:
        make_case(name)


if __name__ == "__main__":
    main()
