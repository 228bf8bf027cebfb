"""Makes the expected values of oracle_test.go: python3 testdata/oracle.py (in framework/compare).

Needs numpy, scipy and scikit-learn. Writes oracle.json beside itself: tests over classes by scipy.stats, and a
bootstrap in plain NumPy with its resampled images written down, AUROC by scikit-learn with sample weights.
"""
import json
import os

import numpy as np
from scipy import stats
from sklearn.metrics import roc_auc_score

HERE = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(20251125)

# Differences: plain; multiples of 1/400, with ties among sums and zeros; alike; none.
cases = [list(rng.normal(0.02, 0.05, n)) for n in (1, 2, 7, 8, 12)]
cases += [list(rng.integers(-6, 9, n) / 400) for n in (5, 7, 8, 12, 14)]
cases += [[0.1, 0.2, -0.3], [0.25] * 6, [0.0] * 4, [0.0, 0.0, 0.5], [-0.125, 0.125]]
tests = []
for d in cases:
    d = np.array(d, float)
    b, a = int((d > 0).sum()), int((d < 0).sum())
    sign = 1.0 if a + b == 0 else stats.binomtest(b, a + b, 0.5).pvalue
    # With one observation, or without any difference, scipy has nothing to permute or divides by 0.
    if len(d) == 1:
        permutation = 1.0
    else:
        permutation = stats.permutation_test((d,), np.mean, permutation_type="samples", n_resamples=np.inf,
                                             vectorized=False).pvalue
    tests.append({"differences": list(d), "sign": sign, "permutation": float(permutation)})

# Scores of two methods on the same images, with ties; images are [n, 4, 4] pixels.
N, SIDE, RESAMPLES = 14, 4, 300
labels = np.array([0] * 6 + [1] * 8)
masks = (rng.random((N, SIDE, SIDE)) < 0.3).astype(int) * labels[:, None, None]
masks[6:, 0, 0] = 1
image = np.round(rng.normal(0, 1, (2, N)) + [[0.5], [1]] * labels, 1)
pixel = np.round(rng.normal(0, 1, (2, N, SIDE, SIDE)) + np.array([1.0, 0.4])[:, None, None, None] * masks, 1)
weights, values = [], {"image": [], "pixel": []}
for _ in range(RESAMPLES):
    drawn = np.concatenate([rng.choice(np.flatnonzero(labels == k), (labels == k).sum()) for k in (0, 1)])
    w = np.bincount(drawn, minlength=N)
    weights.append(w.tolist())
    values["image"].append([roc_auc_score(labels, s, sample_weight=w) for s in image])
    each = np.repeat(w, SIDE * SIDE)
    values["pixel"].append([roc_auc_score(masks.ravel(), s.ravel(), sample_weight=each) for s in pixel])
    # What the weights mean, to be sure: the images as often as drawn.
    again = roc_auc_score(masks[drawn].ravel(), pixel[0][drawn].ravel())
    assert abs(again - values["pixel"][-1][0]) < 1e-12
bootstrap = {"labels": labels.tolist(), "masks": masks.reshape(N, -1).tolist(), "image": image.tolist(),
             "pixel": pixel.reshape(2, N, -1).tolist(), "weights": weights, "auroc": values, "intervals": {}}
for kind, v in values.items():
    difference = np.array(v)[:, 1] - np.array(v)[:, 0]
    bootstrap["intervals"][kind] = [np.quantile(difference, q).item() for q in (0.025, 0.975)]

with open(os.path.join(HERE, "oracle.json"), "w") as f:
    json.dump({"tests": tests, "bootstrap": bootstrap}, f)
    f.write("\n")
