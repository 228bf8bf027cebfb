"""Writes align.json: levels aligned to grids by PyTorch. Run it from this directory."""
import json
import torch
import torch.nn.functional as F

cases = []
g = torch.Generator().manual_seed(1)
for h, w, gh, gw in [(5, 7, 3, 4), (5, 7, 8, 9), (4, 4, 2, 2), (56, 3, 14, 5), (7, 6, 7, 6), (1, 5, 3, 1), (6, 1, 1, 4), (3, 5, 1, 1)]:
    x = torch.randn(1, 2, h, w, generator=g)
    for align, corners, y in [
        ("bilinear", False, F.interpolate(x, (gh, gw), mode="bilinear", align_corners=False)),
        ("bilinear", True, F.interpolate(x, (gh, gw), mode="bilinear", align_corners=True)),
        ("average", False, F.adaptive_avg_pool2d(x, (gh, gw))),
    ]:
        cases.append({
            "level": [h, w], "grid": {"height": gh, "width": gw, "align": align, "align_corners": corners},
            "in": x.flatten().tolist(), "out": y.flatten().tolist(),
        })
with open("align.json", "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(json.loads(json.dumps(c), parse_float=lambda s: round(float(s), 7))) for c in cases) + "\n]\n")
