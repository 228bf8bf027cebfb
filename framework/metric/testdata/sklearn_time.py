"""Times scikit-learn for BenchmarkWholeMVTec: sklearn_time.py scores.npy truth.npy

Prints one JSON object: wall and CPU seconds, and extra bytes at the peak, of roc_auc_score.
"""
import json
import resource
import sys
import time

import numpy as np
from sklearn.metrics import roc_auc_score

scores, truth = (np.load(path).ravel() for path in sys.argv[1:3])
roc_auc_score(truth[:1000] * 0 + np.arange(1000) % 2, scores[:1000])  # import and warm what is lazy
before = resource.getrusage(resource.RUSAGE_SELF)
start = time.perf_counter()
auroc = roc_auc_score(truth, scores)
wall = time.perf_counter() - start
after = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({
    "auroc": auroc,
    "wall": wall,
    "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    "extra": (after.ru_maxrss - before.ru_maxrss) * 1024,
}))
