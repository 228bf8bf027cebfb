"""LTAD (Ho et al., CVPR 2024) in PyTorch, with injected randomness.

The expected values in this directory come from it (oracle.py), and torch_step.py times it. The reconstruction module is
UniAD's transformer, of plugins/uniad/testdata/reference.py. Nothing here draws a random number: the caller passes the
standard normals of VAE and feature noise, the keep masks of dropout, and which images stay real.

B images, K classes, T = height * width tokens (token = row * width + column), C channels: those of the L levels one
behind the other. Text features are [K, d], one row for each class.
"""
import importlib.util
import math
import os
import sys
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import nn
from transformers import BertConfig, BertModel


def uniad_module(name):
    """A module of UniAD's testdata; its file has the name of one here, so it cannot be found on the path."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../uniad/testdata", name + ".py")
    spec = importlib.util.spec_from_file_location("uniad_" + name, path)
    sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


uniad = uniad_module("reference")


@dataclass(frozen=True)
class TextConfig:
    hidden: int = 768
    layers: int = 12
    heads: int = 12
    ffn: int = 3072
    positions: int = 512
    vocabulary: int = 30522
    dim: int = 640
    eps: float = 1e-12
    cls: int = 101  # token ids
    sep: int = 102


@dataclass(frozen=True)
class RMConfig:
    hidden: int = 256
    heads: int = 8
    encoders: int = 4
    decoders: int = 4
    ffn: int = 1024
    window: int = 7
    dropout: float = 0.1
    jitter: float = 20.0


@dataclass(frozen=True)
class Config:
    classes: int = 15
    levels: tuple = (32, 48, 80, 224)
    height: int = 14
    width: int = 14
    z: int = 640
    latent: int = 640  # V
    name_length: int = 2
    batch: int = 8
    text: TextConfig = field(default_factory=TextConfig)
    rm: RMConfig = field(default_factory=RMConfig)
    decoder_start: int = 64
    decoder_width: int = 0  # 0: as many as the level has channels
    decoder_blocks: int = 1
    vae: str = "vae"  # or ae
    condition: bool = True
    vae_loss: str = "sum"  # or mean
    beta: float = 1.0
    text_norm: bool = False
    normal_prompts: tuple = ((1037,),)  # token ids, without [CLS] and [SEP]
    abnormal_prompts: tuple = ((1037, 3714),)
    projection: str = "level"  # or joined
    pool: str = "max"  # or mean
    classifier: str = "text"  # or learned
    bce: str = "full"  # or printed
    rec_loss: str = "mean"  # or sum
    tau: float = 1.0
    score_lambda: float = 500.0
    lr: float = 1e-4
    weight_decay: float = 1e-4
    clip: float = 0.1

    @property
    def channels(self):
        return sum(self.levels)

    def uniad(self):
        return uniad.Config(channels=self.channels, height=self.height, width=self.width, batch=self.batch, **vars(self.rm))


class TextEncoder(nn.Module):
    """BERT from word embeddings, its output at [CLS], a projection. Frozen."""

    def __init__(self, c, normalise):
        super().__init__()
        self.normalise = normalise
        self.bert = BertModel(BertConfig(
            vocab_size=c.vocabulary, hidden_size=c.hidden, num_hidden_layers=c.layers, num_attention_heads=c.heads,
            intermediate_size=c.ffn, max_position_embeddings=c.positions, hidden_act="gelu", layer_norm_eps=c.eps), add_pooling_layer=False)
        self.text_projection = nn.Linear(c.hidden, c.dim)
        self.ids = c.cls, c.sep
        self.eval().requires_grad_(False)

    def train(self, mode=True):
        return super().train(False)

    def forward(self, prompt, names):
        """Encodes [CLS] prompt name [SEP] for each of names, [N, S, hidden]; prompt is a sequence of token ids. [N, d]."""
        words = self.bert.embeddings.word_embeddings
        cls, sep = self.ids
        before, after = (words(torch.tensor(ids)).expand(len(names), -1, -1) for ids in ([cls, *prompt], [sep]))
        out = self.bert(inputs_embeds=torch.cat([before, names, after], dim=1)).last_hidden_state[:, 0]
        out = self.text_projection(out)
        return F.normalize(out, dim=1) if self.normalise else out


class Decoder(nn.ModuleDict):
    """The mirror of the image encoder: from the last level to the first, one output for each."""

    def __init__(self, c, inputs):
        start_shape = (c.height + 1) // 2, (c.width + 1) // 2, c.decoder_start
        super().__init__({"start": nn.Linear(inputs, math.prod(start_shape))})
        self.start_shape, self.grid, self.levels = start_shape, (c.height, c.width), len(c.levels)
        width = c.decoder_start
        for l in reversed(range(self.levels)):
            level = nn.ModuleDict()
            for b in range(c.decoder_blocks):
                level[f"conv{b}"] = nn.Conv2d(width, c.decoder_width or c.levels[l], 3, padding=1)
                width = level[f"conv{b}"].out_channels
            level["out"] = nn.Linear(width, c.levels[l])
            self[str(l)] = level

    def forward(self, u):
        """The levels' features from the first on, each [B, T, C_l]."""
        h, w = self.grid
        y = F.silu(self["start"](u)).unflatten(1, self.start_shape).permute(0, 3, 1, 2)
        y = F.interpolate(y, scale_factor=2, mode="nearest")[:, :, :h, :w]
        features = []
        for l in reversed(range(self.levels)):
            level = self[str(l)]
            for name in level:
                if name == "conv0":
                    y = F.silu(level[name](y))
                elif name != "out":
                    y = y + F.silu(level[name](y))
            features.append(level["out"](y.permute(0, 2, 3, 1)).flatten(1, 2))
        return features[::-1]


class LTAD(nn.Module):
    def __init__(self, c, rm=None):
        """rm is another reconstruction module in place of UniAD's reference."""
        super().__init__()
        self.config, d = c, c.text.dim
        self.text = TextEncoder(c.text, c.text_norm)
        self.names = nn.Parameter(torch.randn(c.classes, c.name_length, c.text.hidden) * 0.02)
        self.vae = nn.ModuleDict({"mu": nn.Linear(c.z, c.latent)})
        if c.vae == "vae":
            self.vae["logvar"] = nn.Linear(c.z, c.latent)
        self.decoder = Decoder(c, c.latent + (d if c.condition else 0))
        self.rm = rm or uniad.UniAD(c.uniad())
        if c.projection == "level":
            self.phi = nn.ModuleList(nn.Linear(n, d) for n in c.levels)
        else:
            self.phi = nn.Linear(c.channels, d)
        if c.classifier == "learned":
            self.classifier = nn.ParameterDict({n: torch.randn(c.classes, d) for n in ("normal", "abnormal")})

    def trained(self, phase):
        """The parameters that a phase trains, by name."""
        of = {1: ("names", "vae.", "decoder."), 2: ("rm.", "phi.", "classifier.")}[phase]
        skip = () if self.config.condition else ("names",)  # the loss of phase 1 does not depend on them
        return {n: p for n, p in self.named_parameters() if n.startswith(of) and n not in skip}

    def class_features(self, classes=None):
        """t_c of all classes, or of the given ones."""
        return self.text((), self.names if classes is None else self.names[classes])

    def classifiers(self):
        """t_n and t_a of all classes."""
        if self.config.classifier == "learned":
            return self.classifier["normal"], self.classifier["abnormal"]
        prompts = self.config.normal_prompts, self.config.abnormal_prompts
        return tuple(torch.stack([self.text(p, self.names) for p in some]).mean(0) for some in prompts)

    def synthesise(self, z, t_c, eps):
        """The levels' features, mean and logarithm of the variance (None for AE). t_c is [B, d], and ignored without conditioning."""
        mu = latent = self.vae["mu"](z)
        logvar = None
        if self.config.vae == "vae":
            logvar = self.vae["logvar"](z)
            latent = mu + (logvar / 2).exp() * eps
        if self.config.condition:
            latent = torch.cat([latent, t_c], dim=1)
        return self.decoder(latent), mu, logvar

    def phase1(self, x, z, classes, eps):
        """Losses: rec + beta * kl = loss. Also the synthetic features, [B, T, C]."""
        c = self.config
        levels, mu, logvar = self.synthesise(z, self.class_features(classes) if c.condition else None, eps)
        reduce = torch.sum if c.vae_loss == "sum" else torch.mean
        squares = [reduce((f - real).square(), dim=(1, 2)) for f, real in zip(levels, x.split(c.levels, dim=2))]
        out = {"rec": torch.stack(squares).mean(), "f_syn": torch.cat(levels, dim=2)}
        out["loss"] = out["rec"]
        if c.vae == "vae":
            out["kl"] = 0.5 * (mu.square() + logvar.exp() - logvar - 1).sum(1).mean()
            out["loss"] = out["rec"] + c.beta * out["kl"]
        return out

    def augment(self, x, z, t_c, eps, real):
        """Images stay real where real [B] is 1; the others are synthesised."""
        with torch.no_grad():
            f_syn = torch.cat(self.synthesise(z, t_c, eps)[0], dim=2)
            return torch.where(real.bool()[:, None, None], x, f_syn)

    def noisy(self, f, normals):
        return f + normals * (f.norm(dim=2, keepdim=True) / f.shape[2] * self.config.rm.jitter)

    def logits(self, p, t_n, t_a):
        """u(p), [B, T]; its sigmoid is the semantic score. t_n and t_a are [B, d]."""
        c = self.config
        if c.projection == "level":
            q = torch.stack([phi(part) for phi, part in zip(self.phi, p.split(c.levels, dim=2))])
            q = q.amax(0) if c.pool == "max" else q.mean(0)
        else:
            q = self.phi(p)
        return (q @ ((t_a - t_n) / c.tau).unsqueeze(2)).squeeze(2)

    def phase2_losses(self, f, noisy, reconstruction, t_n, t_a):
        squares = (reconstruction - f).square()
        rec = squares.mean() if self.config.rec_loss == "mean" else squares.sum(2).mean()
        sem = F.softplus(-self.logits(noisy, t_n, t_a)).mean()
        if self.config.bce == "full":
            sem = (F.softplus(self.logits(f, t_n, t_a)).mean() + sem) / 2
        return {"rec": rec, "sem": sem, "loss": rec + sem}

    def phase2(self, x, z, classes, eps, normals, keep, real):
        """Losses, rec + sem = loss; also the noisy features and their reconstruction."""
        with torch.no_grad():
            t_c = self.class_features(classes)
        f = self.augment(x, z, t_c, eps, real)
        noisy = self.noisy(f, normals)
        reconstruction = self.rm(noisy, keep=keep)
        t_n, t_a = (t[classes] for t in self.classifiers())
        return {"noisy": noisy, "reconstruction": reconstruction} | self.phase2_losses(f, noisy, reconstruction, t_n, t_a)

    def scores(self, x, t_n, t_a):
        """The scores of the tokens, each [B, T], in eval mode. t_n and t_a are [B, d]."""
        rec = (self.rm(x) - x).square().sum(2)
        sem = torch.sigmoid(self.logits(x, t_n, t_a))
        return {"rec": rec, "sem": sem, "score": rec + self.config.score_lambda * sem}


class Trainer:
    """AdamW with decoupled weight decay on everything a phase trains, gradient clipping by the global norm."""

    def __init__(self, model, phase):
        self.params, c = model.trained(phase), model.config
        model.requires_grad_(False)
        for p in self.params.values():
            p.requires_grad_(True)
        self.clip = c.clip
        self.optimizer = torch.optim.AdamW(self.params.values(), lr=c.lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=c.weight_decay)

    def gradients(self, loss):
        """The gradients before clipping."""
        self.optimizer.zero_grad()
        loss.backward()
        return {n: p.grad.clone() for n, p in self.params.items()}

    def step(self):
        """An update by the gradients present; returns their norm before clipping."""
        norm = nn.utils.clip_grad_norm_(self.params.values(), self.clip)
        self.optimizer.step()
        return norm.item()
