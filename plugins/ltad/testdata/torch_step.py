"""Times one training or inference step of LTAD in eager PyTorch: the peer of our own steps.

A benchmark drives it over stdin and stdout, so that both can take turns on one machine. After three warm-up steps it
prints {"ready": true, ...}. For each line "go N" it runs N steps and prints {"ms": [N times]}; "quit" or the end of
input ends it. With --steps K it runs K steps at once, prints one such line, and needs no input.

A training step is all that a training loop does for one batch: noise, forward and backward pass, gradient clipping,
AdamW, reading the loss. In phase 1 the names of the batch's classes pass the text encoder, and their gradients come
back through it. In phase 2 the text features are constants; half of the images are synthetic, and as the method says
all are synthesised. An inference step (phase 2) ends with the scores, [B, H, W].

The model is that of reference.py, but for the reconstruction module: it is one of the variants of UniAD's torch_step.py.
Text encoders: base is BERT-base with a projection to 640, small has 2 layers of 64 and 128 dimensions.
"""
import argparse
import json
import sys
import time

import torch
from torch import nn

from reference import LTAD, Config, TextConfig, uniad_module

uniad = uniad_module("torch_step")

TEXTS = {"base": TextConfig(), "small": TextConfig(hidden=64, layers=2, heads=4, ffn=128, dim=128)}


class RM(nn.Module):
    """A variant of UniAD's transformer, batch first, without its noise."""

    def __init__(self, variant, channels):
        super().__init__()
        self.variant, self.model = variant, uniad.build(variant, channels)

    def train(self, mode=True):
        super().train(mode)
        self.model.training = False  # of itself, not of its layers: it adds no noise, and they have their dropout
        return self

    def forward(self, x):
        return uniad.layout(self.variant, self.model(uniad.layout(self.variant, x)))


def train_step(model, phase, x, z, classes, fused):
    c, params = model.config, list(model.trained(phase).values())
    model.requires_grad_(False)
    for p in params:
        p.requires_grad_(True)
    optimizer = torch.optim.AdamW(params, lr=c.lr, weight_decay=c.weight_decay, fused=fused or None)
    with torch.no_grad():  # constants of phase 2
        t_c, (t_n, t_a) = model.class_features(), model.classifiers()

    def phase1():
        return model.phase1(x, z, classes, torch.randn(len(z), c.latent))["loss"]

    def phase2():
        real = torch.rand(len(x)) < 0.5
        f = model.augment(x, z, t_c[classes], torch.randn(len(z), c.latent), real)
        noisy = model.noisy(f, torch.randn_like(f))
        return model.phase2_losses(f, noisy, model.rm(noisy), t_n[classes], t_a[classes])["loss"]

    def step():
        optimizer.zero_grad()
        loss = (phase1 if phase == 1 else phase2)()
        loss.backward()
        nn.utils.clip_grad_norm_(params, c.clip)
        optimizer.step()
        return loss.item()

    model.train()
    return step, params


def infer_step(model, x, classes):
    with torch.no_grad():
        t_n, t_a = model.classifiers()

    @torch.inference_mode()
    def step():
        return model.scores(x, t_n[classes], t_a[classes])["score"].unflatten(1, (model.config.height, model.config.width))

    model.eval()
    return step


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--phase", type=int, choices=(1, 2), required=True)
    p.add_argument("--batch", type=int, default=8)
    p.add_argument("--threads", type=int, required=True)
    p.add_argument("--steps", type=int, help="run this many steps and end")
    p.add_argument("--mode", choices=("train", "infer"), default="train")
    p.add_argument("--text", choices=TEXTS, default="base")
    p.add_argument("--variant", choices=uniad.VARIANTS, default="lean", help="of the reconstruction module")
    p.add_argument("--fused", action=argparse.BooleanOptionalAction, default=True, help="fused AdamW")
    a = p.parse_args()
    if a.mode == "infer" and a.phase == 1:
        p.error("inference is of phase 2")

    torch.set_num_threads(a.threads)
    torch.manual_seed(1)
    c = Config(batch=a.batch, text=TEXTS[a.text])
    model = LTAD(c, RM(a.variant, c.channels))
    model.decoder.to(memory_format=torch.channels_last)
    x, z = torch.randn(a.batch, c.height * c.width, c.channels), torch.randn(a.batch, c.z)
    classes = torch.randint(c.classes, (a.batch,))
    params = []
    if a.mode == "train":
        step, params = train_step(model, a.phase, x, z, classes, a.fused)
    else:
        step = infer_step(model, x, classes)

    def run(n):
        ms = []
        for _ in range(n):
            t = time.perf_counter()
            step()
            ms.append(round(1e3 * (time.perf_counter() - t), 3))
        return ms

    def say(**fields):
        print(json.dumps(fields), flush=True)

    run(3)
    say(ready=True, torch=torch.__version__, trained=sum(q.numel() for q in params), **vars(a))
    if a.steps:
        say(ms=run(a.steps))
        return
    for line in sys.stdin:
        words = line.split()
        if words == ["quit"]:
            return
        if len(words) != 2 or words[0] != "go":
            sys.exit(f"torch_step: want \"go N\" or \"quit\", got {line!r}")
        say(ms=run(int(words[1])))


if __name__ == "__main__":
    main()
