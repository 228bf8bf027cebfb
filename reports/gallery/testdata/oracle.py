"""Makes the expected values of open_test.go: python3 testdata/oracle.py (in reports/gallery).

Needs numpy. Writes maps.npy (float32 [6, 16, 16], with many ties), truth.npy (uint8, likewise) and levels.npy: the
levels of the package's doc, straight from the definition, over the six images as one class.
"""
import os

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(7)
truth = np.zeros((6, 16, 16), np.uint8)
truth[3, 2:7, 3:9] = truth[4, 10:, 12:] = truth[5, 8, 1:15] = 1
maps = rng.standard_normal(truth.shape) + 3 * truth * rng.random(truth.shape)
maps = (np.round(maps * 16) / 16).astype(np.float32)
normal = maps[truth == 0]
levels = np.zeros(truth.shape, np.uint8)
for at in np.ndindex(*truth.shape):
    q = (normal >= maps[at]).sum() / len(normal)
    levels[at] = max(l for l in range(256) if q <= 10.0 ** (-4 * l / 255))
for name, a in ("maps", maps), ("truth", truth), ("levels", levels):
    np.save(os.path.join(HERE, name + ".npy"), a)
