"""Makes decode.json and resize.json: what PIL reads from small image files, and
what it resizes a noise image to. Made with Pillow 13.0.0 (libjpeg-turbo); run it
in this directory with numpy and pillow installed.
"""
import base64, hashlib, io, json, struct, zlib
import numpy as np
from PIL import Image

W, H = 21, 13
rng = np.random.default_rng(5)
y, x = np.mgrid[0:H, 0:W]
photo = np.stack([127 + 120 * np.sin(x / 4 + y / 7), 127 + 120 * np.cos(x / 5) * np.sin(y / 3), (x // 5 + y // 4) % 2 * 255.0], -1)
photo = np.clip(photo + rng.normal(0, 10, photo.shape), 0, 255).astype(np.uint8)
rgb = Image.fromarray(photo)
grey = rgb.convert("L")


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png16(a, color):  # PIL writes no 16-bit colour, and no grey with alpha at 16 bits
    rows = b"".join(b"\0" + r.astype(">u2").tobytes() for r in a)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", a.shape[1], a.shape[0], 16, color, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def b64(b):
    return base64.b64encode(b).decode()


cases = []


def add(name, data, rgb=None, mask=None, tolerance=0):
    if rgb is None:
        rgb = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    h, w = rgb.shape[:2]
    case = dict(name=name, w=w, h=h, file=b64(data), rgb=b64(rgb.astype(np.uint8).tobytes()), tolerance=tolerance)
    if mask is not None:
        case["mask"] = b64(np.asarray(mask).astype(np.uint8).tobytes())
    cases.append(case)


def file(im, fmt, **options):
    b = io.BytesIO()
    im.save(b, fmt, **options)
    return b.getvalue()


add("rgb.png", file(rgb, "png"), mask=photo.max(-1))
add("grey.png", file(grey, "png"), mask=grey)
bits = grey.point(lambda v: 255 * (v > 120)).convert("1")
add("bits.png", file(bits, "png"), mask=np.asarray(bits) * 255)
alpha = Image.fromarray(rng.integers(0, 256, (H, W), dtype=np.uint8))
rgba = rgb.copy(); rgba.putalpha(alpha)
add("rgba.png", file(rgba, "png"), mask=photo.max(-1))
la = grey.copy(); la.putalpha(alpha)
add("grey-alpha.png", file(la, "png"), mask=grey)
pal = rgb.quantize(13)  # PIL warns that the transparency below is unusual
add("palette.png", file(pal, "png"), mask=pal)
add("palette-transparent.png", file(pal, "png", transparency=bytes([0, 128, 7])), mask=pal)
ids = Image.fromarray(((x // 4 + y // 3) % 6).astype(np.uint8)); ids.putpalette([0, 0, 0, 1, 1, 1, 200, 0, 0, 0, 200, 0, 0, 0, 200, 9, 9, 9])
add("class-ids.png", file(ids, "png"), mask=ids)
add("rgb-transparent-colour.png", file(rgb, "png", transparency=tuple(int(v) for v in photo[3, 3])), mask=photo.max(-1))
grey16 = rng.integers(0, 65536, (H, W)); grey16[0, :6] = [0, 1, 255, 256, 65535, 0]
high = (grey16 >> 8).astype(np.uint8)
keep = np.where((grey16 > 0) & (high == 0), 1, high)
add("grey16.png", png16(grey16, 0), rgb=np.stack([high] * 3, -1), mask=keep)
rgb16 = rng.integers(0, 65536, (H, W, 3)); rgb16[0, :2] = [[0, 3, 0], [0, 0, 0]]
top = rgb16.max(-1)
add("rgb16.png", png16(rgb16, 2), mask=np.where((top > 0) & (top < 256), 1, top >> 8))
rgba16 = np.concatenate([rgb16, rng.integers(0, 65536, (H, W, 1))], -1)
add("rgba16.png", png16(rgba16, 6), mask=np.where((top > 0) & (top < 256), 1, top >> 8))

add("rgb.bmp", file(rgb, "bmp"), mask=photo.max(-1))
add("grey.bmp", file(grey, "bmp"))
add("palette.bmp", file(pal, "bmp"), mask=pal)
add("bits.bmp", file(bits, "bmp"))
add("rgba.bmp", file(rgba, "bmp"))

# What is left between Go's inverse DCT and libjpeg's is one level of Y, Cb or Cr.
for s, name in enumerate(["444", "422", "420"]):
    for progressive in (False, True):
        add(f"{name}{'-progressive' if progressive else ''}.jpg", file(rgb, "jpeg", quality=90, subsampling=s, progressive=progressive), tolerance=3)


def relabel(data, w, h, sampling):
    """Gives a JPEG file another size and luma sampling with as many blocks: PIL
    writes neither 4:4:0 nor 4:1:1. The picture is scrambled, the file is valid."""
    at = data.index(b"\xff\xc0")
    data = bytearray(data)
    data[at + 5:at + 9] = struct.pack(">HH", h, w)
    data[at + 11] = sampling
    return bytes(data)


square = rgb.resize((32, 32))
add("440.jpg", relabel(file(square, "jpeg", quality=90, subsampling=1), 13, 61, 0x12), tolerance=3)
add("411.jpg", relabel(file(square, "jpeg", quality=90, subsampling=2), 59, 15, 0x41), tolerance=3)
add("grey.jpg", file(grey, "jpeg", quality=90), tolerance=1)
add("cmyk.jpg", file(rgb.convert("CMYK"), "jpeg", quality=95), tolerance=3)
turned = Image.Exif(); turned[0x0112] = 6
add("turned.jpg", file(rgb, "jpeg", quality=90, exif=turned), tolerance=3)
for w, h in [(1, 1), (2, 2), (3, 5), (5, 3), (4, 1)]:
    add(f"{w}x{h}.jpg", file(rgb.crop((0, 0, w, h)), "jpeg", quality=90, subsampling=2), tolerance=3)
json.dump(cases, open("decode.json", "w"), indent=0)

state, noise = 1, bytearray()
for _ in range(61 * 43 * 3):
    state = (state * 1664525 + 1013904223) % 2**32
    noise.append(state >> 24)
noise = Image.fromarray(np.frombuffer(bytes(noise), np.uint8).reshape(43, 61, 3))
out = []
for w, h in [(61, 43), (30, 21), (31, 22), (224, 224), (61, 20), (20, 43), (7, 100), (100, 7), (1, 1), (2, 3), (62, 44), (60, 42), (122, 86), (13, 5)]:
    for f in ["bilinear", "bicubic", "nearest"]:
        filter = Image.Resampling[f.upper()]
        want = noise.resize((w, h), filter)
        if f != "nearest":  # across, then down: what Pillow before 13 does for every size
            direct, want = want, noise.resize((w, 43), filter).resize((w, h), filter)
            most = np.abs(np.asarray(direct).astype(int) - np.asarray(want)).max()
            assert most <= 1 or f == "bicubic", (w, h, f, most)  # bicubic overshoots, and is clipped in between
        out.append(dict(w=w, h=h, filter=f, sha256=hashlib.sha256(want.tobytes()).hexdigest()))
    digest = hashlib.sha256(noise.getchannel(0).resize((w, h), Image.Resampling.NEAREST).tobytes()).hexdigest()
    out.append(dict(w=w, h=h, filter="mask", sha256=digest))
json.dump(out, open("resize.json", "w"), indent=0)
