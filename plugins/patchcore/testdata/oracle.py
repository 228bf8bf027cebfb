"""Makes oracle.json: PatchCore in NumPy, SciPy and scikit-learn (float64), for
TestOracle. Run in this directory with those installed: python oracle.py

START is the patch that the method's own stream draws for the test's seed.
"""
import json

import numpy as np
from scipy.ndimage import uniform_filter
from sklearn.neighbors import NearestNeighbors

H, W, C, TRAIN, TEST, START = 8, 7, 5, 6, 4, 50


def numbers(seed, n):
    out = np.empty(n)
    for i in range(n):
        seed = (seed * 1664525 + 1013904223) % 2**32
        out[i] = (seed >> 8) / 2**24 - 0.5
    return out


def embed(x, size):  # mean over size x size patches, zeros beyond the border
    return uniform_filter(x, size=(1, size, size, 1), mode="constant", cval=0.0)


def coreset(points, n, start):
    least = np.linalg.norm(points - points[start], axis=1)
    chosen = [start]
    for _ in range(n - 1):
        i = int(np.argmax(least))
        chosen.append(i)
        least = np.minimum(least, np.linalg.norm(points - points[i], axis=1))
    return chosen


def case(patchsize, ratio, neighbors):
    train = embed(numbers(11, TRAIN * H * W * C).reshape(TRAIN, H, W, C), patchsize).reshape(-1, C)
    test = embed(numbers(12, TEST * H * W * C).reshape(TEST, H, W, C), patchsize).reshape(TEST, H * W, C)
    chosen = list(range(len(train))) if ratio == 1 else coreset(train, int(len(train) * ratio), START)
    bank = train[chosen]
    search = NearestNeighbors(algorithm="brute").fit(bank)
    maps, scores = [], []
    for image in test:
        distance, index = search.kneighbors(image, 1)
        maps.append(distance[:, 0].tolist())
        star = int(np.argmax(distance[:, 0]))
        score = distance[star, 0]
        if neighbors > 1:
            around = search.kneighbors(bank[index[star]], min(neighbors, len(bank)))[1][0]
            assert index[star, 0] in around
            e = np.exp(np.linalg.norm(image[star] - bank[around], axis=1))
            score *= 1 - np.exp(distance[star, 0]) / e.sum()
        scores.append(float(score))
    return {"patchsize": patchsize, "ratio": ratio, "neighbors": neighbors, "start": START,
            "chosen": chosen, "maps": maps, "scores": scores}


with open("oracle.json", "w") as f:
    json.dump([case(3, 0.25, 9), case(5, 0.05, 1), case(1, 1, 4), case(3, 0.02, 9)], f)
