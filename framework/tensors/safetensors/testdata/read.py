"""Prints what the reference implementation reads in the given files, as JSON:
null for a file that it refuses."""
import json
import sys

from safetensors import deserialize, safe_open

out = []
for path in sys.argv[1:]:
    try:
        with open(path, "rb") as f:
            tensors = {name: {"dtype": t["dtype"], "shape": t["shape"], "data": bytes(t["data"]).hex()}
                       for name, t in deserialize(f.read())}
        with safe_open(path, framework="np") as f:
            out.append({"tensors": tensors, "metadata": f.metadata()})
    except Exception:
        out.append(None)
print(json.dumps(out))
