"""Makes the expected values of thresholds_test.go: python3 testdata/thresholds.py (in framework/metric).

Needs numpy. Reads scores.npy and truth.npy, which oracle.py makes, and writes thresholds.json: for each case and each
rate, the bits of the largest normal score of which the share of normal scores at or above it exceeds the rate (a pixel
must exceed it), by trying every normal score.
"""
import json
import os

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
RATES = [0, 0.0003, 0.001, 0.01, 0.05, 0.1, 0.3, 0.5, 0.9, 0.9999]
scores, truth = (np.load(os.path.join(HERE, name)) for name in ("scores.npy", "truth.npy"))
cases = []
for s, t in zip(scores, truth):
    normal = s[t == 0]
    share = {x: (normal >= x).sum() / len(normal) for x in np.unique(normal)}
    cuts = [max(x for x in share if share[x] > rate) for rate in RATES]
    cases.append([int(np.float32(c + np.float32(0)).view(np.uint32)) for c in cuts])
json.dump({"rates": RATES, "cases": cases}, open(os.path.join(HERE, "thresholds.json"), "w"))
