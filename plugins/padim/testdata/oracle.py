"""Makes oracle.json: PaDiM in plain NumPy (float64), for TestOracle.

Run in this directory with NumPy installed: python oracle.py
"""
import json

import numpy as np


def numbers(seed, n):
    out = np.empty(n)
    for i in range(n):
        seed = (seed * 1664525 + 1013904223) % 2**32
        out[i] = (seed >> 8) / 2**24 - 0.5
    return out


H, W, C = 3, 4, 6
MIX = numbers(9, C * C).reshape(C, C)


def maps(n_train, epsilon):
    train = numbers(3, n_train * H * W * C).reshape(n_train, H * W, C)
    test = numbers(4, 5 * H * W * C).reshape(5, H * W, C)
    # Correlate the channels of the training images; the Go test does the same.
    train = (train.astype(np.float32)[..., None, :] * MIX.astype(np.float32)).sum(-1, dtype=np.float64).astype(np.float32).astype(np.float64)
    out = np.empty((5, H * W))
    for p in range(H * W):
        x = train[:, p]
        cov = (np.cov(x, rowvar=False) if n_train > 1 else np.zeros((C, C))) + epsilon * np.eye(C)
        inverse = np.linalg.inv(cov)
        for i in range(5):
            d = test[i, p] - x.mean(0)
            out[i, p] = np.sqrt(d @ inverse @ d)
    return out.tolist()


cases = [{"train": n, "epsilon": e, "maps": maps(n, e)} for n, e in [(40, 0.01), (4, 0.01), (1, 0.5), (40, 1e-6)]]
with open("oracle.json", "w") as f:
    json.dump(cases, f)
