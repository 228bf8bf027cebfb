"""Makes the expected values of oracle_test.go: python3 testdata/oracle.py (in framework/metric).

Needs numpy, scipy, scikit-learn and torch. Writes scores.npy and truth.npy
([cases, images, 16, 16]), maps.npy ([maps, 40, 40]) and oracle.json beside itself.
"""
import json
import os

import numpy as np
import torch
from scipy import ndimage
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

HERE = os.path.dirname(os.path.abspath(__file__))
IMAGES, SIDE, LIMIT = 12, 16, 0.3
rng = np.random.default_rng(20240607)


def truth():
    """Overlapping blobs, lines, single pixels and diagonals; every third image is normal."""
    t = np.zeros((IMAGES, SIDE, SIDE), np.uint8)
    for i in range(IMAGES):
        if i % 3 == 0:
            continue
        for _ in range(rng.integers(1, 4)):
            y, x = rng.integers(0, SIDE - 4, 2)
            h, w = rng.integers(1, 5, 2)
            t[i, y:y + h, x:x + w] = 1
        for d in range(rng.integers(0, 4)):
            t[i, SIDE - 1 - d, d] = 1
    return t


def cases():
    base = lambda t: rng.standard_normal(t.shape) + 1.5 * t
    inf = np.float64("inf")
    yield "gaussian", lambda t: base(t)
    yield "quantised", lambda t: np.round(base(t) * 2) / 2
    yield "binary", lambda t: (base(t) > 1).astype(float)
    yield "constant", lambda t: np.full(t.shape, -3.25)
    yield "infinite", lambda t: np.select([base(t) > 2, base(t) < -1], [inf, -inf], np.round(base(t), 1))
    yield "saturated", lambda t: 1 / (1 + np.exp(-9 * base(t)))
    yield "heavy", lambda t: np.where(rng.random(t.shape) < 0.001, 1e38, np.exp(4 * base(t)))
    yield "denormal", lambda t: np.round(base(t)) * 1e-45
    yield "zeros", lambda t: np.where(rng.random(t.shape) < 0.5, -0.0, 0.0) + (base(t) > 2.5)
    yield "float16", lambda t: base(t).astype(np.float16).astype(float)
    yield "inverted", lambda t: -base(t)
    yield "perfect", lambda t: t + 0.5 * rng.random(t.shape)


def aupro(t, s, eight):
    """Plain definition: thresholds one by one, then the area up to LIMIT by the trapezoid rule."""
    structure = np.ones((3, 3)) if eight else None
    regions = [(i, lab == k) for i in range(len(t)) for lab, n in [ndimage.label(t[i], structure)] for k in range(1, n + 1)]
    fpr, pro = [0.0], [0.0]
    for cut in np.unique(s)[::-1]:
        above = s >= cut
        fpr.append((above & (t == 0)).sum() / (t == 0).sum())
        pro.append(np.mean([above[i][r].mean() for i, r in regions]))
    area = 0.0
    for (x0, y0), (x1, y1) in zip(zip(fpr, pro), zip(fpr[1:], pro[1:])):
        if x0 >= LIMIT:
            break
        if x1 > LIMIT:
            y1 = y0 + (y1 - y0) * (LIMIT - x0) / (x1 - x0)
            x1 = LIMIT
        area += (x1 - x0) * (y0 + y1) / 2
    return area / LIMIT, len(regions)


expected, all_scores, all_truth = [], [], []
for name, make in cases():
    t = truth()
    with np.errstate(all="ignore"):
        s = make(t).astype(np.float32)
    # scikit-learn refuses infinities; ranks have the same order and ties.
    ranks = np.unique(s, return_inverse=True)[1].ravel().astype(float)
    flat = t.ravel()
    precision, recall, _ = precision_recall_curve(flat, ranks)
    with np.errstate(all="ignore"):
        f1 = np.nanmax(2 * precision * recall / (precision + recall))
    eight, regions8 = aupro(t, s, True)
    four, regions4 = aupro(t, s, False)
    assert regions8 < regions4
    expected.append({
        "name": name,
        "auroc": roc_auc_score(flat, ranks),
        "ap": average_precision_score(flat, ranks),
        "f1max": float(f1),
        "aupro8": eight,
        "aupro4": four,
    })
    all_scores.append(s)
    all_truth.append(t)

np.save(os.path.join(HERE, "scores.npy"), np.stack(all_scores))
np.save(os.path.join(HERE, "truth.npy"), np.stack(all_truth))

# Resizing and image scores, by PyTorch.
maps = (rng.standard_normal((3, 40, 40)) * 10 ** rng.uniform(-2, 2, (3, 1, 1))).astype(np.float32)
np.save(os.path.join(HERE, "maps.npy"), maps)
resized = []
for k, (h, w, size) in enumerate([(14, 14, 64), (7, 5, 33), (40, 40, 17)]):
    m = torch.tensor(maps[k, :h, :w])[None, None]
    for align in (True, False):
        resize = lambda m: torch.nn.functional.interpolate(m, (size, size), mode="bilinear", align_corners=align)
        # In float64, and rounded once: PyTorch's float32 weights are off by some 1e-6.
        out = resize(m.double()).float()
        assert (out - resize(m)).abs().max() <= 1e-5 * m.abs().max()
        pooled = torch.nn.functional.avg_pool2d(out.double(), 16, stride=1)
        resized.append({
            "map": k, "h": h, "w": w, "size": size, "align_corners": align,
            "pixels": [float(v) for v in out.flatten()[:: 7]],
            "scores": {
                "max_avgpool16": float(pooled.max()),
                "max": float(out.max()),
                "mean": float(out.double().mean()),
                "std": float(out.double().std(correction=0)),
            },
        })

with open(os.path.join(HERE, "oracle.json"), "w") as f:
    json.dump({"metrics": expected, "resized": resized}, f, indent=1)
    f.write("\n")
