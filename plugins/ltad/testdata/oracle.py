"""Writes the expected values of LTAD: small.safetensors and small.json. Needs torch, transformers, numpy and safetensors.

Run in this directory: python oracle.py (seconds).

Every expected value is computed in float64 from float32 weights and inputs, and stored as float32 (tensors) or float64
(numbers). The same program then runs in float32, and the largest difference between the two is in "float32 deviation":
it says what float32 can promise, and "tolerance" is a small multiple of it.

small.safetensors, T = height*width, token = row*width + column; all float32 if nothing else is said:
  weights/NAME        names [K,S,hidden], vae.{mu,logvar}.*, decoder.start.*, decoder.L.{convB,out}.*, rm.NAME (UniAD's names),
                      phi.L.*; linear weights [out,in], convolutions [row,column,in,out]
                      text.NAME: transformers' names of BertModel, and text.text_projection.*
  inputs/             x [B,T,C], z [B,Z], classes [B] int32, eps [B,V], normals [B,T,C], r [B] (1: the image stays real),
                      keep.SITE: uint8, one number for each element (sites and shapes: Config.sites of UniAD's reference.py)
  phase1/             t_c [K,d], f_syn [B,T,C]; grad/NAME before clipping, after/NAME after ten steps, of all that is trained
  phase2/             t_n, t_a [K,d]; noisy, reconstruction [B,T,C]; grad/NAME, after/NAME
                      of the initial names and VAE, not those after phase 1; same eps as phase 1
  scores/             rec, sem, score [B,T] of x with the initial weights
  variants/V/         weights/NAME: in place of or beside weights/NAME (shapes differ, names are new); grad/NAME of some parameters

small.json:
  config              reference.Config; text and rm are inside
  phase1, phase2      loss, rec, kl or sem of the initial weights: loss = rec + beta*kl, loss = rec + sem; losses and norms
                      of ten steps, each with the same inputs; a norm is before clipping
  variants            V: {"options": what differs in config, "phase1" and/or "phase2": losses of the initial weights}
  float32 deviation, tolerance

"tolerance" holds, for each kind of value, the largest |got - want| to accept. Kinds are the names of tensors up to what
names a parameter (phase1/grad, phase2/noisy), "variants/grad" of all variants, and "loss" and "norm" for all numbers.
The differences of a gradient are divided by its largest absolute value (over the parameter), those of loss and norm by the
expected value; all others are absolute. The bias of a key projection (rm.*.k.bias) stands apart: its true gradient is 0, and what rounding makes
of that, Adam scales up to steps of any size below the learning rate. "phase2/after.k.bias" is the sum of the learning rates.
"""
import json
from dataclasses import asdict, replace

import numpy as np
import torch
from safetensors.numpy import save_file

from reference import LTAD, Config, RMConfig, TextConfig, Trainer

STEPS = 10
SMALL = Config(
    classes=3, levels=(3, 5, 4), height=4, width=5, z=6, latent=6, name_length=2, batch=3,
    text=TextConfig(hidden=8, layers=2, heads=2, ffn=16, positions=16, vocabulary=12, dim=7, eps=1e-12, cls=2, sep=3),
    rm=RMConfig(hidden=8, heads=2, encoders=1, decoders=1, ffn=12, window=3, dropout=0.1, jitter=20.0),
    decoder_start=4, decoder_width=0, decoder_blocks=2, beta=0.5, normal_prompts=((5,),), abnormal_prompts=((5, 6),),
    tau=0.7, score_lambda=5.0, lr=1e-3, weight_decay=0.5, clip=0.1)

# What differs in the configuration, and the gradients to store of each phase.
VARIANTS = {
    "ae": ({"vae": "ae"}, {1: ["names", "vae.mu.weight"], 2: []}),
    "unconditioned": ({"condition": False}, {1: ["vae.logvar.weight", "decoder.start.weight"]}),
    "ae_unconditioned": ({"vae": "ae", "condition": False}, {1: ["vae.mu.weight", "decoder.start.weight"], 2: []}),
    "vae_mean": ({"vae_loss": "mean"}, {1: ["names", "decoder.1.conv1.weight"]}),
    "decoder_width": ({"decoder_width": 6, "decoder_blocks": 1}, {1: ["names", "decoder.2.conv0.weight"]}),
    "text_norm": ({"text_norm": True}, {1: ["names"], 2: ["phi.0.weight"]}),
    "pool_mean": ({"pool": "mean"}, {2: ["phi.0.weight"]}),
    "joined": ({"projection": "joined"}, {2: ["phi.weight", "phi.bias"]}),
    "learned": ({"classifier": "learned"}, {2: ["classifier.normal", "classifier.abnormal"]}),
    "bce_printed": ({"bce": "printed"}, {2: ["phi.0.weight"]}),
    "rec_sum": ({"rec_loss": "sum"}, {2: ["rm.output_proj.weight"]}),
    "prompts": ({"normal_prompts": ((5,), (7,)), "abnormal_prompts": ((5, 6), (5, 8))}, {2: ["phi.0.weight"]}),
}

# For an implementation in float32: five to twenty times the float32 deviation.
TOLERANCE = {
    "phase1/t_c": 3e-6, "phase1/f_syn": 5e-6, "phase1/grad": 1e-5, "phase1/after": 1e-5,
    "phase2/t_n": 3e-6, "phase2/t_a": 3e-6, "phase2/noisy": 1e-5, "phase2/reconstruction": 5e-6,
    "phase2/grad": 3e-5, "phase2/grad.k.bias": 1e-6, "phase2/after": 2e-5, "phase2/after.k.bias": 0.011,
    "scores/rec": 4e-5, "scores/sem": 3e-6, "scores/score": 5e-5, "variants/grad": 3e-5, "loss": 5e-6, "norm": 1e-5,
}


def ours(name, w):
    """A parameter as the files hold it."""
    name = name.replace("text.bert.", "text.")
    return name, w.permute(2, 3, 1, 0) if ".conv" in name and w.ndim == 4 else w


def draw(r, c, have):
    """Weights of a configuration by name, as the files hold them; those that have has, with that shape, are left out."""
    weights = {}
    for n, p in LTAD(c).named_parameters():
        n, p = ours(n, p.detach())
        if n in have and have[n].shape == p.shape:
            continue
        w = r.uniform(-0.5, 0.5, p.shape)
        if p.ndim == 1 and "weight" in n:  # of a LayerNorm
            w = 1 + w / 2
        elif n.startswith("text.") and n.endswith((".value.weight", "attention.output.dense.weight")):
            w = w * 3  # else all prompts have nearly the same encoding
        weights[n] = w.astype(np.float32)
    return weights


def model(c, weights, dtype):
    m = LTAD(c).to(dtype)
    with torch.no_grad():
        for n, p in m.named_parameters():
            n, view = ours(n, p)
            view.copy_(torch.from_numpy(weights[n]))
    return m


def inputs(r, c):
    x = (c.batch, c.height * c.width, c.channels)
    out = {"x": r.standard_normal(x), "z": r.standard_normal((c.batch, c.z)), "classes": np.array([2, 0, 2], np.int32),
           "eps": r.standard_normal((c.batch, c.latent)), "normals": r.standard_normal(x), "r": np.array([1.0, 0.0, 1.0])}
    out = {n: v if n == "classes" else v.astype(np.float32) for n, v in out.items()}
    return out | {"keep." + s: (r.random(shape) >= c.rm.dropout).astype(np.uint8) for s, shape in c.uniad().sites()}


def losses(m, phase, given, dtype):
    given = {n: torch.from_numpy(v).to(dtype) if v.dtype == np.float32 else torch.from_numpy(v) for n, v in given.items()}
    first = given["x"], given["z"], given["classes"].long(), given["eps"]
    if phase == 1:
        return m.phase1(*first)
    keep = {n.removeprefix("keep."): v for n, v in given.items() if n.startswith("keep.")}
    return m.phase2(*first, given["normals"], keep, given["r"])


def expect(weights, extra, given, dtype):
    """Everything that is expected: tensors as float64 arrays, and the numbers of small.json."""
    tensors, numbers = {}, {}
    m = model(SMALL, weights, dtype)
    with torch.no_grad():
        tensors["phase1/t_c"] = m.class_features()
        tensors["phase2/t_n"], tensors["phase2/t_a"] = t = m.classifiers()
        x, classes = torch.from_numpy(given["x"]).to(dtype), torch.from_numpy(given["classes"]).long()
        tensors |= {"scores/" + n: v for n, v in m.scores(x, *(one[classes] for one in t)).items()}
    for phase in (1, 2):
        m = model(SMALL, weights, dtype)
        trainer, at = Trainer(m, phase), f"phase{phase}"
        numbers[at] = {}
        all_losses, norms = [], []
        for step in range(STEPS):
            out = losses(m, phase, given, dtype)
            grads = trainer.gradients(out["loss"])
            if step == 0:
                tensors |= {f"{at}/{n}": v.detach() for n, v in out.items() if v.ndim}
                tensors |= {f"{at}/grad/{n}": ours(n, g)[1] for n, g in grads.items()}
                numbers[at] = {n: v.item() for n, v in out.items() if not v.ndim}
            all_losses.append(out["loss"].item())
            norms.append(trainer.step())
        numbers[at] |= {"losses": all_losses, "norms": norms}
        tensors |= {f"{at}/after/{n}": ours(n, p.detach())[1] for n, p in trainer.params.items()}
    numbers["variants"] = {}
    for v, (options, phases) in VARIANTS.items():
        numbers["variants"][v] = one = {"options": options}
        for phase, stored in phases.items():
            m = model(replace(SMALL, **options), weights | extra[v], dtype)
            out = losses(m, phase, given, dtype)
            grads = Trainer(m, phase).gradients(out["loss"]) if stored else {}
            tensors |= {f"variants/{v}/grad/{n}": ours(n, grads[n])[1] for n in stored}
            one[f"phase{phase}"] = {n: x.item() for n, x in out.items() if not x.ndim}
    tensors = {n: t.double().numpy() for n, t in tensors.items()}
    assert all(np.isfinite(t).all() for t in tensors.values())
    return tensors, numbers


def kind(name):
    parts = name.split("/")
    k = "/".join(["variants", parts[2]] if parts[0] == "variants" else parts[:2])
    return k + ".k.bias" if name.endswith(".k.bias") else k


def leaves(numbers, at=""):
    for n, v in numbers.items():
        if n == "options":
            continue
        if isinstance(v, dict):
            yield from leaves(v, at + n + "/")
        else:
            yield at + n, np.array(v)


def deviation(want, got):
    out = {}
    (tensors, numbers), (tensors32, numbers32) = want, got
    for n, w in tensors.items():
        d = np.abs(w - tensors32[n]).max()
        if "/grad/" in n and not n.endswith(".k.bias"):
            d /= np.abs(w).max()
        out[kind(n)] = max(out.get(kind(n), 0.0), d)
    numbers32 = dict(leaves(numbers32))
    for n, w in leaves(numbers):
        k = "norm" if n.endswith("norms") else "loss"
        out[k] = max(out.get(k, 0.0), (np.abs(w - numbers32[n]) / np.abs(w)).max())
    return {k: float(f"{v:.2g}") for k, v in out.items()}


def main():
    torch.manual_seed(1)
    torch.set_num_threads(1)
    r = np.random.default_rng(133)
    weights = draw(r, SMALL, {})
    extra = {v: draw(r, replace(SMALL, **options), weights) for v, (options, _) in VARIANTS.items()}
    given = inputs(r, SMALL)
    tensors, numbers = want = expect(weights, extra, given, torch.float64)
    dev = deviation(want, expect(weights, extra, given, torch.float32))
    print(json.dumps(dev, indent=1))
    for n, v in leaves(numbers):
        print(n, v)
    stored = {"weights/" + n: w for n, w in weights.items()} | {"inputs/" + n: v for n, v in given.items()}
    stored |= {f"variants/{v}/weights/{n}": w for v, ws in extra.items() for n, w in ws.items()}
    stored |= {n: t.astype(np.float32) for n, t in tensors.items()}
    save_file({n: np.ascontiguousarray(v) for n, v in stored.items()}, "small.safetensors")
    with open("small.json", "w") as f:
        json.dump({"config": asdict(SMALL)} | numbers | {"float32 deviation": dev, "tolerance": TOLERANCE}, f, indent=1)
        f.write("\n")


if __name__ == "__main__":
    main()
