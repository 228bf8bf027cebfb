"""Times one training or inference step of UniAD's transformer in eager PyTorch: the peer of our own steps.

A benchmark drives it over stdin and stdout, so that both can take turns on one machine. After three warm-up steps it
prints {"ready": true, ...}. For each line "go N" it runs N steps and prints {"ms": [N times]}; "quit" or the end of
input ends it. With --steps K it runs K steps at once, prints one such line, and needs no input.

A training step is all that a training loop does for one batch: feature jitter, forward pass with dropout, MSE loss,
backward pass, gradient clipping, AdamW, reading the loss. An inference step ends with the anomaly map, [B, H, W].

Variants, in rising speed:
  uniad  as UniAD's code does it: token first, nn.MultiheadAttention with its default arguments, nn.Dropout
  mha    the same with need_weights=False, which makes it use F.scaled_dot_product_attention
  sdpa   batch first, F.scaled_dot_product_attention, the batch-independent query of a decoder layer projected once
  bmm    the same with attention written out as baddbmm, softmax, nn.Dropout, bmm
  lean   the same with dropout masks made from 16 bits of torch's generator per element (F.dropout spends an eighth of
         a microsecond's worth of serial code on each; the keep probability is that of dropout to 1e-5)
"""
import argparse
import json
import math
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

VARIANTS = ("uniad", "mha", "sdpa", "bmm", "lean")


def neighbour_mask(height, width, window):
    """[T, T]: -inf where the key lies inside the query's window, 0 elsewhere."""
    near = torch.ones(height * width, height, width).unflatten(0, (height, width))
    for y in range(height):
        for x in range(width):
            r = window // 2
            near[y, x, max(y - r, 0):y + r + 1, max(x - r, 0):x + r + 1] = -math.inf
    return near.flatten(2).flatten(0, 1).clamp(max=0)


class LeanDropout(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.bound, self.scale = round(p * 65536) - 32768, 1 / (1 - p)

    def forward(self, x):
        if not self.training:
            return x
        n = x.numel()
        words = torch.empty((n + 3) // 4, dtype=torch.int64).random_(-(2**63), None).view(torch.int16)
        keep = torch.empty_like(x)
        torch.ge(words[:n].view(x.shape), self.bound, out=keep)
        return x * keep.mul_(self.scale)


class Attention(nn.Module):
    """Batch-first attention with the parameters of nn.MultiheadAttention."""

    def __init__(self, how, dim, heads, dropout, drop):
        super().__init__()
        self.how, self.heads, self.dropout, self.drop = how, heads, dropout, drop(dropout)
        self.in_proj_weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(3 * dim, dim)))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * dim))
        self.out_proj = nn.Linear(dim, dim)

    def forward(self, query, key, value, mask):
        d = value.shape[2]
        if query is key:
            q, k = F.linear(query, self.in_proj_weight[:2 * d], self.in_proj_bias[:2 * d]).chunk(2, 2)
        else:
            q = F.linear(query, self.in_proj_weight[:d], self.in_proj_bias[:d])
            k = F.linear(key, self.in_proj_weight[d:2 * d], self.in_proj_bias[d:2 * d])
        v = F.linear(value, self.in_proj_weight[2 * d:], self.in_proj_bias[2 * d:])
        b, t, _ = k.shape
        q, k, v = (x.unflatten(2, (self.heads, -1)).transpose(1, 2) for x in (q, k, v))
        q = q.expand(b, -1, -1, -1)
        if self.how == "sdpa":
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=self.dropout if self.training else 0.0)
        else:
            q, k, v = (x.reshape(b * self.heads, t, -1) for x in (q, k, v))
            logits = torch.baddbmm(mask.expand(b * self.heads, -1, -1), q, k.transpose(1, 2), alpha=1 / math.sqrt(q.shape[2]))
            y = torch.bmm(self.drop(torch.softmax(logits, 2)), v).unflatten(0, (b, self.heads))
        return self.out_proj(y.transpose(1, 2).flatten(2))


class TorchAttention(nn.MultiheadAttention):
    def __init__(self, how, dim, heads, dropout, drop):
        super().__init__(dim, heads, dropout=dropout)
        self.need_weights = how == "uniad"

    def forward(self, query, key, value, mask):
        return super().forward(query, key, value, attn_mask=mask, need_weights=self.need_weights)[0]


class Layer(nn.Module):
    """An encoder layer (one attention) or a decoder layer (a learned query and two attentions)."""

    def __init__(self, how, tokens, dim, heads, inner, dropout, attentions):
        super().__init__()
        drop = LeanDropout if how == "lean" else nn.Dropout
        attention = TorchAttention if how in ("uniad", "mha") else Attention
        self.token_first, self.share_query = attention is TorchAttention, attention is Attention
        if attentions == 2:
            self.query = nn.Embedding(tokens, dim)
        self.attention = nn.ModuleList(attention(how, dim, heads, dropout, drop) for _ in range(attentions))
        self.linear1, self.linear2 = nn.Linear(dim, inner), nn.Linear(inner, dim)
        self.norm = nn.ModuleList(nn.LayerNorm(dim) for _ in range(attentions + 1))
        self.drop = nn.ModuleList(drop(dropout) for _ in range(attentions + 1))
        self.inner_drop = drop(dropout)

    def ffn(self, x):
        return self.norm[-1](x + self.drop[-1](self.linear2(self.inner_drop(F.relu(self.linear1(x))))))

    def encode(self, x, pos, mask):
        q = x + pos
        return self.ffn(self.norm[0](x + self.drop[0](self.attention[0](q, q, x, mask))))

    def decode(self, below, below_pos, memory, memory_pos, pos, mask):
        x = self.query.weight.unsqueeze(1 if self.token_first else 0)
        if not self.share_query:
            x = x.expand_as(memory)
        x = self.norm[0](x + self.drop[0](self.attention[0](x + pos, memory_pos, memory, mask)))
        x = self.norm[1](x + self.drop[1](self.attention[1](x + pos, below_pos, below, mask)))
        return self.ffn(x)


class UniAD(nn.Module):
    """Features and reconstruction are [T, B, C] for the variants uniad and mha, [B, T, C] for the others."""

    def __init__(self, how, channels, height, width, dim, heads, layers, inner, window, dropout, jitter=20.0):
        super().__init__()
        self.token_first, self.jitter, self.size = how in ("uniad", "mha"), jitter, (height, width)
        self.row, self.col = nn.Embedding(height, dim // 2), nn.Embedding(width, dim // 2)
        self.input_proj, self.output_proj = nn.Linear(channels, dim), nn.Linear(dim, channels)
        for name, attentions in (("encoder", 1), ("decoder", 2)):
            stack = (Layer(how, height * width, dim, heads, inner, dropout, attentions) for _ in range(layers))
            setattr(self, name, nn.ModuleList(stack))
        self.norm = nn.LayerNorm(dim)
        self.register_buffer("mask", neighbour_mask(height, width, window))

    def position(self):
        h, w = self.size
        pos = torch.cat([self.col.weight.repeat(h, 1), self.row.weight.repeat_interleave(w, 0)], 1)
        return pos.unsqueeze(1 if self.token_first else 0)

    def forward(self, x):
        if self.training:
            x = x + torch.randn_like(x) * (x.norm(dim=2, keepdim=True) * (self.jitter / x.shape[2]))
        x, pos = self.input_proj(x), self.position()
        for layer in self.encoder:
            x = layer.encode(x, pos, self.mask)
        memory, memory_pos = x, x + pos
        for i, layer in enumerate(self.decoder):
            x = layer.decode(x, memory_pos if i == 0 else x + pos, memory, memory_pos, pos, self.mask)
        return self.output_proj(self.norm(x))


def build(how, channels, height=14, width=14, dim=256, heads=8, layers=4, inner=1024, window=7, dropout=0.1):
    return UniAD(how, channels, height, width, dim, heads, layers, inner, window, dropout)


def layout(how, x):
    """[B, T, C] in the variant's layout, or back."""
    return x.transpose(0, 1) if how in ("uniad", "mha") else x


def gather(model, parts):
    """The gradients of a parameter of reference.py: parts is (name here, slice of its first dimension)."""
    name, rows = parts
    return dict(model.named_parameters())[name].grad[rows]


def load(model, weights):
    """Copies the weights of reference.py into a model of this file. Returns the places, for gather."""
    ours, places = dict(model.named_parameters()), {}
    for name, value in weights.items():
        dim, rows, here = value.shape[0], slice(None), name
        parts = name.split(".")
        if name.startswith("pos."):
            here = parts[1] + ".weight"
        elif parts[0] in ("encoder", "decoder"):
            kind, i, what = parts[:3]
            if what == "query":
                here = f"{kind}.{i}.query.weight"
            elif what == "ffn":
                here = f"{kind}.{i}.linear{parts[3]}.{parts[4]}"
            elif what.startswith("norm"):
                here = f"{kind}.{i}.norm.{int(what[4:]) - 1}.{parts[3]}"
            else:
                base = f"{kind}.{i}.attention.{int(what[4:] or 1) - 1}"
                if parts[3] == "o":
                    here = f"{base}.out_proj.{parts[4]}"
                else:
                    at = "qkv".index(parts[3]) * dim
                    here, rows = f"{base}.in_proj_{parts[4]}", slice(at, at + dim)
        with torch.no_grad():
            ours[here][rows].copy_(value)
        places[name] = (here, rows)
    return places


def train_step(model, x, fused):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=1e-4, fused=fused or None)
    params = list(model.parameters())

    def step():
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), x)
        loss.backward()
        nn.utils.clip_grad_norm_(params, 0.1)
        optimizer.step()
        return loss.item()

    model.train()
    return step


def infer_step(model, x, how):
    @torch.inference_mode()
    def step():
        d = (model(x) - x).square().sum(2).sqrt()
        return layout(how, d).unflatten(1, model.size)

    model.eval()
    return step


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--batch", type=int, default=8)
    p.add_argument("--channels", type=int, default=272)
    p.add_argument("--threads", type=int, required=True)
    p.add_argument("--steps", type=int, help="run this many steps and end")
    p.add_argument("--mode", choices=("train", "infer"), default="train")
    p.add_argument("--dropout", type=float, default=0.1)
    p.add_argument("--variant", choices=VARIANTS, default="lean")
    p.add_argument("--fused", action=argparse.BooleanOptionalAction, default=True, help="fused AdamW")
    p.add_argument("--compile", action="store_true", help="torch.compile, which is no longer eager; needs a C++ compiler")
    a = p.parse_args()

    torch.set_num_threads(a.threads)
    torch.manual_seed(1)
    model = build(a.variant, a.channels, dropout=a.dropout)
    x = layout(a.variant, torch.randn(a.batch, 14 * 14, a.channels)).contiguous()
    step = train_step(model, x, a.fused) if a.mode == "train" else infer_step(model, x, a.variant)
    if a.compile:
        model.compile()

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
    say(ready=True, torch=torch.__version__, parameters=sum(q.numel() for q in model.parameters()), **vars(a))
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
