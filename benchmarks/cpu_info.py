"""What every benchmark prints beside its numbers. Entry point: cpu_line."""

import json
import os
import pathlib

FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "avx512_fp16")


def cpu_line(benchmark):
    text = pathlib.Path("/proc/cpuinfo").read_text()
    fields = dict(line.split(":", 1) for line in text.splitlines()
                  if ":" in line)
    fields = {key.strip(): value.strip() for key, value in fields.items()}
    flags = set(fields.get("flags", "").split())
    return json.dumps({"benchmark": benchmark,
                       "cpu": fields.get("model name", "unknown"),
                       "flags": [flag for flag in FLAGS if flag in flags],
                       "threads": os.cpu_count(),
                       "load": os.getloadavg()[0]})
