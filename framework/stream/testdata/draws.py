"""Writes draws.json for bulk_test.go with NumPy's SFC64 and SciPy's normal quantile:
python draws.py > draws.json

Each draw is made from its definition, one element at a time.
"""
import json
import random
from fractions import Fraction

import numpy as np
from scipy.stats import norm

STATE = [0x0123456789ABCDEF, 0xFEDCBA9876543210, 0x0F1E2D3C4B5A6978]


def generator():
    g = np.random.SFC64()
    g.state = {
        "bit_generator": "SFC64",
        "state": {"state": np.array([*STATE, 1], dtype=np.uint64)},
        "has_uint32": 0,
        "uinteger": 0,
    }
    return g


def normal(word):
    tail = (2 * (word % 2**63) + 1) / 2**65  # Python rounds the quotient correctly
    return float(norm.isf(tail)) * (-1 if word >> 63 else 1)


def bernoulli(g, q, count):
    """One number of [0, 1) for each of 64 lanes, by binary digits from the first down."""
    out = []
    while len(out) < count:
        low, size, q = [Fraction(0)] * 64, Fraction(1), Fraction(q)
        # Until no lane's interval [low, low+size) has q inside or ends above it.
        while any(x < q < x + size for x in low):
            word, size = int(g.random_raw()), size / 2
            low = [x + size * (word >> i & 1) for i, x in enumerate(low)]
        out += [int(x + size <= q) for x in low]
    return np.packbits(out[:count], bitorder="little").tobytes().hex()


random.seed(1)
tails = [0, 1, 2, 2**63, 2**64 - 1, 2**63 - 1, 2**62, 2**62 - 1]
for octave in range(63):
    for _ in range(6):
        tails.append(random.getrandbits(62 - octave) | 1 << 62 - octave | random.getrandbits(1) << 63)
g = generator()
draws = {
    "state": [str(s) for s in STATE],
    "quantiles": [[str(w), repr(normal(w))] for w in tails],
    "normals": [normal(int(w)) for w in g.random_raw(100)],
    "bits": {repr(q): bernoulli(generator(), q, 8 * 37) for q in
             [0, 2.0**-64, 1e-6, 0.1, 1 / 3, 0.5, 0.75, 0.9, 1 - 2.0**-53, 1]},
    # For tests of long sequences: P(|N| > t), and the edges of 100 cells of equal probability.
    "tails": [[t, 2 * norm.sf(t)] for t in [1, 2, 3, 4, 4.5, 5]],
    "edges": [norm.ppf(i / 100) for i in range(1, 100)],
}
print("{" + ",\n".join(json.dumps(k) + ": " + json.dumps(v) for k, v in draws.items()) + "}")
