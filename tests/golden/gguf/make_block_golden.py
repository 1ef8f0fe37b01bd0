"""Blocks of every GGUF type that graft decodes, and the values that the Python
package gguf decodes from them. Run from the repository root with the packages
of tools/requirements.txt and gguf 0.19:

    python tests/golden/gguf/make_block_golden.py

Scales take extreme values first (zeros, subnormals, the largest, infinities,
NaN), then any bits. Writes tests/golden/gguf/blocks.safetensors with
"TYPE.blocks" (blocks, bytes of a block) and "TYPE.values" (blocks, elements).
"""

import pathlib

import gguf
import numpy as np
from safetensors.numpy import save_file

TYPES = ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0",
         "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL"]
# Offsets of the fp16 scales inside a block.
SCALES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2],
          "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2],
          "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0]}
EXTREMES = [0x0000, 0x8000, 0x0001, 0x8001, 0x03ff, 0x0400, 0x3c00, 0xbc00,
            0x7bff, 0xfbff, 0x7c00, 0xfc00, 0x7e00, 0x7c01]
BLOCKS = 48


def make_blocks(name, random):
    kind = gguf.GGMLQuantizationType[name]
    _, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (BLOCKS, size), dtype=np.uint8)
    for row, value in enumerate(EXTREMES):
        if name in ("F16", "BF16"):
            blocks[row] = np.frombuffer(np.uint16(value).tobytes(), np.uint8)
        for place, offset in enumerate(SCALES.get(name, [])):
            bits = EXTREMES[(row + 5 * place) % len(EXTREMES)]
            blocks[row, offset:offset + 2] = np.frombuffer(
                np.uint16(bits).tobytes(), np.uint8)
    return kind, blocks


def main():
    random = np.random.default_rng(7)
    tensors = {}
    for name in TYPES:
        kind, blocks = make_blocks(name, random)
        with np.errstate(all="ignore"):
            values = gguf.quants.dequantize(blocks, kind)
        tensors[name + ".blocks"] = blocks
        tensors[name + ".values"] = np.ascontiguousarray(
            values.reshape(BLOCKS, -1), dtype=np.float32)
    target = pathlib.Path(__file__).parent / "blocks.safetensors"
    save_file(tensors, target, {"gguf": "0.19", "numpy": np.__version__})
    print(target, target.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
