"""A checkpoint of any size without its bytes. Entry point:
make_sparse_checkpoint.
"""

import json
import math
import struct


def make_sparse_checkpoint(folder, shapes, config):
    """Writes bf16 tensors of (name, shape) as a file with a hole, which is all
    that headers need, and config.json. Returns the bytes of the tensors."""
    header, offset = {}, 0
    for name, shape in shapes:
        size = 2 * math.prod(shape)
        header[name] = {"dtype": "BF16", "shape": shape,
                        "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(folder / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + offset)
    (folder / "config.json").write_text(json.dumps(config))
    return offset
