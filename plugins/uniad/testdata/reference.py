"""UniAD's reconstruction transformer (You et al., NeurIPS 2022) in PyTorch, with injected randomness.

The expected values in this directory come from it (oracle.py). Layout is batch first: features [B, T, C], token =
row*W + column. Nothing here draws a random number: the caller passes the standard normals of the feature jitter,
[B, T, C], and one keep mask (1 keep, 0 drop) per dropout site, applied as x * mask / (1 - p).

python reference.py compares the module with torch.nn.MultiheadAttention, in eval mode and in its gradients.
"""
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class Config:
    channels: int = 272
    height: int = 14
    width: int = 14
    hidden: int = 256
    heads: int = 8
    encoders: int = 4
    decoders: int = 4
    ffn: int = 1024
    window: int = 7  # side of the neighbour mask's window, itself included
    dropout: float = 0.1
    jitter: float = 20.0
    lr: float = 1e-4
    weight_decay: float = 1e-4
    clip: float = 0.1
    drop_after: int = 0  # the learning rate is multiplied by 0.1 after this many steps; 0: never
    batch: int = 2

    @property
    def tokens(self):
        return self.height * self.width

    def sites(self):
        """Dropout sites in forward order, each with the shape of its keep mask."""
        probs = (self.batch, self.heads, self.tokens, self.tokens)
        model = (self.batch, self.tokens, self.hidden)
        inner = (self.batch, self.tokens, self.ffn)
        for kind, layers, attentions in (("encoder", self.encoders, ["attn"]), ("decoder", self.decoders, ["attn1", "attn2"])):
            for i in range(layers):
                for a in attentions:
                    yield f"{kind}.{i}.{a}.probs", probs
                    yield f"{kind}.{i}.{a}.out", model
                yield f"{kind}.{i}.ffn.hidden", inner
                yield f"{kind}.{i}.ffn.out", model


class Dropout:
    """The keep masks of one forward pass by site; without masks (eval mode) the identity."""

    def __init__(self, p=0.0, keep=None):
        self.p, self.keep = p, keep

    def __call__(self, site, x):
        return x if self.keep is None else x * self.keep[site].to(x.dtype) / (1 - self.p)


def neighbour_mask(height, width, window):
    """[T, T]: -inf where the key lies inside the query's window, clipped at the borders, and 0 elsewhere."""
    y, x = torch.arange(height * width) // width, torch.arange(height * width) % width
    near = ((y[:, None] - y[None]).abs() <= window // 2) & ((x[:, None] - x[None]).abs() <= window // 2)
    return torch.zeros(near.shape).masked_fill(near, -math.inf)


class Attention(nn.Module):
    def __init__(self, site, dim, heads):
        super().__init__()
        self.site, self.heads = site, heads
        self.q, self.k, self.v, self.o = (nn.Linear(dim, dim) for _ in range(4))

    def forward(self, query, key, value, mask, drop):
        def split(x):  # [B, T, D] -> [B, heads, T, D/heads]
            return x.unflatten(2, (self.heads, -1)).transpose(1, 2)

        q, k, v = split(self.q(query)), split(self.k(key)), split(self.v(value))
        logits = q @ k.transpose(2, 3) / math.sqrt(q.shape[3])
        probs = drop(self.site + ".probs", torch.softmax(logits + mask, dim=3))
        return drop(self.site + ".out", self.o((probs @ v).transpose(1, 2).flatten(2)))


class FFN(nn.ModuleDict):
    def __init__(self, site, dim, inner):
        super().__init__({"1": nn.Linear(dim, inner), "2": nn.Linear(inner, dim)})
        self.site = site

    def forward(self, x, drop):
        hidden = drop(self.site + ".hidden", torch.relu(self["1"](x)))
        return drop(self.site + ".out", self["2"](hidden))


class EncoderLayer(nn.Module):
    def __init__(self, site, c):
        super().__init__()
        self.attn = Attention(site + ".attn", c.hidden, c.heads)
        self.ffn = FFN(site + ".ffn", c.hidden, c.ffn)
        self.norm1, self.norm2 = nn.LayerNorm(c.hidden), nn.LayerNorm(c.hidden)

    def forward(self, x, pos, mask, drop):
        x = self.norm1(x + self.attn(x + pos, x + pos, x, mask, drop))
        return self.norm2(x + self.ffn(x, drop))


class DecoderLayer(nn.Module):
    def __init__(self, site, c):
        super().__init__()
        self.query = nn.Parameter(torch.randn(c.tokens, c.hidden))
        self.attn1 = Attention(site + ".attn1", c.hidden, c.heads)
        self.attn2 = Attention(site + ".attn2", c.hidden, c.heads)
        self.ffn = FFN(site + ".ffn", c.hidden, c.ffn)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(c.hidden) for _ in range(3))

    def forward(self, below, memory, pos, mask, drop):
        """below is the output of the decoder layer below; for the lowest layer it is memory, the encoder's output."""
        x = self.query.expand_as(memory)
        x = self.norm1(x + self.attn1(x + pos, memory + pos, memory, mask, drop))
        x = self.norm2(x + self.attn2(x + pos, below + pos, below, mask, drop))
        return self.norm3(x + self.ffn(x, drop))


class Position(nn.Module):
    def __init__(self, height, width, dim):
        super().__init__()
        self.row = nn.Parameter(torch.rand(height, dim // 2))
        self.col = nn.Parameter(torch.rand(width, dim // 2))

    def forward(self):
        h, w = len(self.row), len(self.col)
        return torch.cat([self.col.repeat(h, 1), self.row.repeat_interleave(w, 0)], dim=1)


class UniAD(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.config = c
        self.input_proj = nn.Linear(c.channels, c.hidden)
        self.pos = Position(c.height, c.width, c.hidden)
        self.encoder = nn.ModuleList(EncoderLayer(f"encoder.{i}", c) for i in range(c.encoders))
        self.decoder = nn.ModuleList(DecoderLayer(f"decoder.{i}", c) for i in range(c.decoders))
        self.norm = nn.LayerNorm(c.hidden)
        self.output_proj = nn.Linear(c.hidden, c.channels)
        self.register_buffer("mask", neighbour_mask(c.height, c.width, c.window), persistent=False)

    def forward(self, features, normals=None, keep=None):
        """The reconstruction, [B, T, C]. With normals and keep a training pass, without them eval mode."""
        x, drop = features, Dropout(self.config.dropout, keep)
        if normals is not None:
            x = x + normals * (x.norm(dim=2, keepdim=True) / x.shape[2] * self.config.jitter)
        x, pos = self.input_proj(x), self.pos()
        for layer in self.encoder:
            x = layer(x, pos, self.mask, drop)
        memory = x
        for layer in self.decoder:
            x = layer(x, memory, pos, self.mask, drop)
        return self.output_proj(self.norm(x))

    def anomaly_map(self, features):
        """[B, H, W]: the distance between features and reconstruction at each place, in eval mode."""
        d = (self(features) - features).square().sum(2).sqrt()
        return d.unflatten(1, (self.config.height, self.config.width))


class Trainer:
    """AdamW with decoupled weight decay, gradient clipping by the global norm, one step of the learning rate."""

    def __init__(self, model):
        self.model, c = model, model.config
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=c.lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=c.weight_decay)
        self.schedule = torch.optim.lr_scheduler.StepLR(self.optimizer, c.drop_after or 10**9, gamma=0.1)

    def step(self, features, normals, keep):
        """One update. Returns the loss, the gradient norm before clipping, and a copy of the gradients before clipping."""
        self.optimizer.zero_grad()
        loss = F.mse_loss(self.model(features, normals, keep), features)  # the target is clean
        loss.backward()
        grads = {n: p.grad.clone() for n, p in self.model.named_parameters()}
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.model.config.clip)
        self.optimizer.step()
        self.schedule.step()
        return loss.item(), norm.item(), grads


def self_check():
    """Compares reconstruction and gradients with the nn.MultiheadAttention model of torch_step.py, weights copied."""
    import torch_step

    torch.manual_seed(1)
    c = Config(channels=40, height=5, width=4, hidden=32, heads=4, ffn=48, window=3)
    ours = UniAD(c).double()
    with torch.no_grad():
        for p in ours.parameters():  # away from zeros and ones, so that every parameter matters
            p.add_(torch.randn_like(p), alpha=0.1)
    x = torch.randn(2, c.tokens, c.channels, dtype=torch.float64)
    for variant in torch_step.VARIANTS:
        theirs = torch_step.build(variant, c.channels, c.height, c.width, c.hidden, c.heads, c.encoders, c.ffn, c.window, dropout=0.0).double().eval()
        names = torch_step.load(theirs, dict(ours.named_parameters()))
        first = torch_step.layout(variant, x)
        a, b = ours(x), torch_step.layout(variant, theirs(first))
        ours.zero_grad()
        F.mse_loss(a, x).backward()
        F.mse_loss(theirs(first), first).backward()
        grads = {n: torch_step.gather(theirs, parts) for n, parts in names.items()}
        size = max(p.grad.abs().max().item() for p in ours.parameters())
        worst = max((p.grad - grads[n]).abs().max().item() for n, p in ours.named_parameters()) / size
        out = (a - b).abs().max().item()
        print(f"{variant}: reconstruction differs by {out:.1e}, gradients of {len(grads)} parameters by {worst:.1e} of the largest")
        assert out < 1e-12 and worst < 1e-12 and len(grads) == len(list(ours.parameters()))
    for channels, want in ((272, 7_717_392), (384, 7_774_848)):
        n = sum(p.numel() for p in UniAD(Config(channels=channels)).parameters())
        print(f"{channels} channels: {n:,} parameters")
        assert n == want


if __name__ == "__main__":
    self_check()
