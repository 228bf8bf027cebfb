"""Writes reference.safetensors and what is in it (reference.json) with the reference
implementation (safetensors 0.8.0) and PyTorch: python make.py"""
import json

import torch
from safetensors import deserialize
from safetensors.torch import save_file

tensors = {
    "encoder.weight": torch.arange(6, dtype=torch.float32).reshape(2, 3) / 8 - 0.25,
    "bias": torch.tensor([-3.4e38, 1e-45], dtype=torch.float32),
    "half": torch.tensor([[0.0, -1.5], [65504.0, 6e-8]]).half(),
    "brain": torch.tensor([1.0, -2.5, 3.3e38, 1e-40]).bfloat16(),
    "scalar": torch.tensor(0.1, dtype=torch.float64),
    "step": torch.tensor(-(2**63), dtype=torch.int64),
    "i32": torch.tensor([-(2**31), 7], dtype=torch.int32),
    "i16": torch.tensor([-(2**15)], dtype=torch.int16),
    "i8": torch.tensor([-128, 127, 5], dtype=torch.int8),
    "u64": torch.tensor([2**64 - 1], dtype=torch.uint64),
    "u32": torch.tensor([2**32 - 1], dtype=torch.uint32),
    "u16": torch.tensor([2**16 - 1], dtype=torch.uint16),
    "image": torch.arange(5, dtype=torch.uint8),
    "mask": torch.tensor([True, False, True]),
    "empty": torch.zeros(0, 3),
    "gr\u00f6\u00dfe \"\\/<&>\n\x01\x7f\u2028\U0001f600": torch.ones(1),
    "": torch.zeros(1, 1, 1),
}
# One key: the order of more is the reference's hash table's.
save_file(tensors, "reference.safetensors", {"format": "pt \t\"\u00e9\""})
with open("reference.safetensors", "rb") as f:
    stored = deserialize(f.read())
with open("reference.json", "w") as f:
    json.dump({
        name: {
            "dtype": t["dtype"],
            "shape": t["shape"],
            "data": bytes(t["data"]).hex(),
            "float32": tensors[name].float().flatten().tolist() if tensors[name].is_floating_point() else None,
        } for name, t in sorted(stored)
    }, f, indent=0)
    f.write("\n")
