"""Writes the expected values of UniAD: small.safetensors and full.json. Needs torch, numpy and safetensors.

Run in this directory: python oracle.py [small|full] (both without an argument; a minute on two cores).

Every expected value is computed in float64 from float32 weights, inputs and noise. The same program then runs in
float32, and the largest difference between the two is stored as "float32 deviation": it says what float32 can promise,
and the tolerances below are a small multiple of it.

small.safetensors: all randomness is in the file. Tensors:
  w.NAME, end.NAME, grad.NAME   weights before, weights after 20 steps, gradients of step 1 before clipping
  features [B,T,C]; normals [20,B,T,C]; keep.SITE [20,...] uint8 (sites: reference.Config.sites)
  output [B,T,C], map [B,H,W]   eval mode, weights before
  loss [20], norm [20]          of each step; norm is before clipping
  __metadata__ "oracle": {"config", "float32 deviation", "tolerance"} as JSON

full.json: weights, inputs and noise come from a hash. With uint32 arithmetic that wraps,
  mix(h):  h ^= h>>16;  h *= 0x85EBCA6B;  h ^= h>>13;  h *= 0xC2B2AE35;  h ^= h>>16        (MurmurHash3's finaliser)
  name_hash = FNV-1a, 32 bits, of the tensor's name in ASCII: h = 2166136261; for each byte b: h ^= b; h *= 16777619
  hash(name, i) = mix(mix(i) ^ name_hash(name)), i the element's index in row-major order
  u(name, i) = float32(int32(hash >> 8) - 2^23) * 2^-23, exact, in [-1, 1)
Tensors, by the name of the parameter:
  *norm*.weight                   1 + 2^-3 * u  (one float32 rounding)
  *.bias                          2^-4 * u
  pos.row, pos.col                2^-1 * u
  decoder.I.query                 u
  *.ffn.2.weight                  2^-4 * u
  every other weight              2^-3 * u
  "features" [B,T,C]              u
  "normals/S" [B,T,C], S = 1..20  (u(3i) + u(3i+1)) + u(3i+2), each + in float32: mean 0, variance 1
  "keep/S/SITE"                   1 if hash >= 429496729 = floor(0.1 * 2^32), else 0

Each parameter is stored as digests of its values after 20 steps: "sum", "squares" (sum of squares), "change" (Euclidean
norm of end - start), and "values" at the row-major indexes "at". Maps are row-major. "hash" tells a wrong
hash from a wrong model: the first four values of some tensors, and the number of kept elements of each mask of step 20.

"tolerance" holds, for each kind of value, the largest |got - want| to accept, divided by |want| for loss, norm, squares and
change. The bias of a key projection (*.k.bias) stands apart: it adds the same number to all logits of a row, and so its true
gradient is 0. What rounding makes of that, Adam scales up to steps of any size below the learning rate. Compare its values
with the wide tolerance given, and of its digests only those values.
"""
import json
import math
import sys

import numpy as np
import torch
from safetensors.numpy import save_file

from reference import Config, Trainer, UniAD

STEPS = 20
SMALL = Config(channels=12, height=4, width=3, hidden=16, heads=4, encoders=2, decoders=2, ffn=24, window=3,
               lr=1e-3, weight_decay=0.5, drop_after=10, batch=3)
FULL = Config()
HEADS = ["input_proj.weight", "input_proj.bias", "pos.row", "encoder.0.norm1.weight", "encoder.0.ffn.2.weight", "decoder.0.query"]


# For an implementation in float32, by kind of value: five to ten times the float32 deviation; key biases: the sum of the
# learning rates. RELATIVE are the kinds whose differences are divided by the expected value.
RELATIVE = ("loss", "norm", "squares", "change")
TOLERANCE = {
    "small": {"output": 3e-5, "map": 2e-5, "grad": 5e-5, "grad.k.bias": 1e-6, "loss": 1e-5, "norm": 5e-4, "end": 2e-5,
              "end.k.bias": 0.011},
    "full": {"map": 4e-5, "loss": 2e-4, "norm": 4e-3, "sum": 0.03, "squares": 1e-4, "change": 2e-3, "values": 1e-4,
             "values.k.bias": 0.002},
}


def mix(h):
    h = h ^ (h >> np.uint32(16))
    h = h * np.uint32(0x85EBCA6B)
    h = h ^ (h >> np.uint32(13))
    h = h * np.uint32(0xC2B2AE35)
    return h ^ (h >> np.uint32(16))


def hashes(name, n):
    h = 2166136261
    for b in name.encode("ascii"):
        h = (h ^ b) * 16777619 % 2**32
    return mix(mix(np.arange(n, dtype=np.uint32)) ^ np.uint32(h))


def uniform(name, n):
    return ((hashes(name, n) >> np.uint32(8)).astype(np.int32) - 2**23).astype(np.float32) * np.float32(2**-23)


def weight(name, shape):
    u = uniform(name, math.prod(shape))
    if name.endswith(".bias"):
        u = u * np.float32(2**-4)
    elif "norm" in name:
        u = np.float32(1) + u * np.float32(2**-3)
    elif name.startswith("pos."):
        u = u * np.float32(2**-1)
    elif name.endswith(".ffn.2.weight"):
        u = u * np.float32(2**-4)
    elif not name.endswith(".query"):
        u = u * np.float32(2**-3)
    return u.reshape(shape)


def hashed(c):
    """Weights, features and a function step -> (normals, keep masks) of the full configuration."""
    weights = {n: weight(n, p.shape) for n, p in UniAD(c).named_parameters()}
    shape = (c.batch, c.tokens, c.channels)

    def noise(step):
        u = uniform(f"normals/{step}", 3 * math.prod(shape)).reshape(-1, 3)
        keep = {s: (hashes(f"keep/{step}/{s}", math.prod(sh)) >= np.uint32(429496729)).reshape(sh) for s, sh in c.sites()}
        return ((u[:, 0] + u[:, 1]) + u[:, 2]).reshape(shape), keep

    return weights, uniform("features", math.prod(shape)).reshape(shape), noise


def drawn(c):
    """The same for the small configuration, drawn by NumPy."""
    r = np.random.default_rng(133)
    weights = {}
    for n, p in UniAD(c).named_parameters():
        x = r.standard_normal(p.shape) * (1 if n.endswith(".query") else 0.1 if p.ndim == 1 else 0.3)
        weights[n] = (x + ("norm" in n and n.endswith("weight"))).astype(np.float32)
    shape = (c.batch, c.tokens, c.channels)
    features = r.standard_normal(shape).astype(np.float32)
    steps = [(r.standard_normal(shape).astype(np.float32), {s: r.random(sh) >= c.dropout for s, sh in c.sites()}) for _ in range(STEPS)]
    return weights, features, lambda step: steps[step - 1]


def train(c, dtype, weights, features, noise):
    """Everything that is expected, as float64 arrays."""
    model = UniAD(c).to(dtype)
    with torch.no_grad():
        for n, p in model.named_parameters():
            p.copy_(torch.from_numpy(weights[n]))
    x = torch.from_numpy(features).to(dtype)
    with torch.no_grad():
        out = {"output": model(x), "map": model.anomaly_map(x)}
    trainer, loss, norm = Trainer(model), [], []
    for step in range(1, STEPS + 1):
        normals, keep = noise(step)
        l, n, grads = trainer.step(x, torch.from_numpy(normals).to(dtype), {s: torch.from_numpy(k) for s, k in keep.items()})
        loss.append(l)
        norm.append(n)
        if step == 1:
            out |= {"grad." + n: g for n, g in grads.items()}
    out |= {"end." + n: p.detach() for n, p in model.named_parameters()}
    out = {n: t.double().numpy() for n, t in out.items()} | {"loss": np.array(loss), "norm": np.array(norm)}
    assert all(np.isfinite(v).all() for v in out.values())
    return out


def deviation(want, float32):
    """The largest differences by kind of value; key biases apart."""
    out = {}
    for n, w in want.items():
        kind = n.split(".")[0] + (".k.bias" if n.endswith(".k.bias") else "")
        d = np.abs(w - float32[n])
        if kind in RELATIVE:
            d = d / np.abs(w)
        out[kind] = max(out.get(kind, 0.0), float(d.max()))
    return {k: float(f"{v:.2g}") for k, v in out.items()}


def small():
    c, (weights, features, noise) = SMALL, drawn(SMALL)
    want = train(c, torch.float64, weights, features, noise)
    meta = {
        "config": vars(c),
        "float32 deviation": deviation(want, train(c, torch.float32, weights, features, noise)),
        "tolerance": TOLERANCE["small"],
    }
    steps = [noise(s) for s in range(1, STEPS + 1)]
    tensors = {"w." + n: w for n, w in weights.items()} | {n: w.astype(np.float32) for n, w in want.items()}
    tensors |= {"features": features, "normals": np.stack([n for n, _ in steps])}
    tensors |= {"keep." + s: np.stack([k[s] for _, k in steps]).astype(np.uint8) for s, _ in c.sites()}
    save_file(tensors, "small.safetensors", {"oracle": json.dumps(meta)})  # one key: their order is not kept
    return want, meta


def full():
    c, (weights, features, noise) = FULL, hashed(FULL)
    want = train(c, torch.float64, weights, features, noise)
    digests = {n: digest(n, weights[n], want["end." + n]) for n in weights}
    float32 = train(c, torch.float32, weights, features, noise)
    meta = {
        "config": vars(c),
        "float32 deviation": deviation(flat(want, digests), flat(float32, {n: digest(n, w, float32["end." + n]) for n, w in weights.items()})),
        "tolerance": TOLERANCE["full"],
        "hash": {"features": head(features), "normals/1": head(noise(1)[0]), "weights": {n: head(weights[n]) for n in HEADS},
                 f"kept/{STEPS}": {s: int(k.sum()) for s, k in noise(STEPS)[1].items()}},
        "loss": want["loss"].tolist(), "norm": want["norm"].tolist(),
        "map": [[float(f"{v:.9g}") for v in m.flat] for m in want["map"]],
        "parameters": {n: d | {"values": [float(f"{v:.9g}") for v in d["values"]]} for n, d in digests.items()},
    }
    with open("full.json", "w") as f:
        f.write("{\n" + ",\n".join(f"{json.dumps(k)}: " + rows(v, k) for k, v in meta.items()) + "\n}\n")
    return want, meta


def digest(name, before, end):
    at = sorted(int(h) % end.size for h in hashes("digest/" + name, 8))
    return {"shape": list(end.shape), "sum": end.sum(), "squares": (end**2).sum(), "change": ((end - before) ** 2).sum() ** 0.5,
            "at": at, "values": end.flat[at]}


def flat(want, digests):
    """What full.json holds, by the names that deviation takes."""
    out = {k: want[k] for k in ("map", "loss", "norm")}
    for kind in ("sum", "squares", "change", "values"):
        out |= {f"{kind}.{n}": np.array(d[kind]) for n, d in digests.items()}
    return out


def head(x):
    """The first four values: they tell a wrong hash from a wrong model."""
    return [float(v) for v in x.flat[:4]]


def rows(v, key):
    if key != "parameters":
        return json.dumps(v)
    return "{\n" + ",\n".join(f"  {json.dumps(n)}: {json.dumps(d)}" for n, d in v.items()) + "\n}"


if __name__ == "__main__":
    for name in sys.argv[1:] or ["small", "full"]:
        want, meta = {"small": small, "full": full}[name]()
        print(name, json.dumps(meta["float32 deviation"]))
        print("  loss", want["loss"][[0, 9, 10, 19]], "norm", want["norm"].min(), "to", want["norm"].max())
