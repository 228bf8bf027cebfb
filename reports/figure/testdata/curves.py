"""Writes curves.json: what scikit-learn and numpy say about the points of ROC and
precision-recall curves and the counts of histograms. Scores are multiples of 1/8 or
float32s, so that both sides read the same numbers.

    python3 curves.py > curves.json     # numpy, scikit-learn
"""
import json
import numpy as np
from sklearn.metrics import precision_recall_curve, roc_curve

rng = np.random.default_rng(7)


def ties(n):
    y = rng.integers(0, 2, n)
    y[:2] = 0, 1
    return y, np.round((rng.normal(size=n) + y) * 2) / 8


def spread(n):
    y = (rng.random(n) < 0.3).astype(int)
    y[:2] = 0, 1
    return y, (rng.normal(size=n) * 3 + y).astype(np.float32).astype(float)


cases = {
    "ties": ties(40),
    "many ties": ties(300),
    "no ties": spread(60),
    "all the same": (np.array([0, 1, 1, 0, 1]), np.full(5, 2.5)),
    "perfect": (np.array([0, 0, 1, 1]), np.array([-3.0, -1.0, 0.5, 8.0])),
    "reversed": (np.array([1, 1, 0, 0, 0]), np.array([-3.0, -1.0, 0.5, 8.0, 8.0])),
    "zeros of both signs": (np.array([0, 1, 1, 0]), np.array([0.0, -0.0, 1.0, -1.0])),
}
out = []
for name, (y, s) in cases.items():
    fpr, tpr, _ = roc_curve(y, s, drop_intermediate=False)
    precision, recall, _ = precision_recall_curve(y, s)
    edges = np.linspace(s.min() - 0.25, s.max() + 0.25, 8)
    inner = np.array([s.min(), *np.unique(s)[1:-1:3], s.max() + (s.min() == s.max())])  # edges on scores
    out.append({
        "name": name, "labels": y.tolist(), "scores": s.tolist(),
        "fpr": fpr.tolist(), "tpr": tpr.tolist(),
        # without the point (0, 1) that scikit-learn adds, recall rising
        "recall": recall[:-1][::-1].tolist(), "precision": precision[:-1][::-1].tolist(),
        "histograms": [
            {"edges": e.tolist(), "normal": np.histogram(s[y == 0], e)[0].tolist(), "anomalous": np.histogram(s[y == 1], e)[0].tolist()}
            for e in (edges, inner)
        ],
    })
print(json.dumps(out))
