"""Saves pictures as JPEG and opens JPEG files with Pillow, as tools do that make hash lists.

Answers {"save": MODE, "width": W, "height": H, "options": {...}}, followed by red, green and blue of
all pixels, with a file; and {"open": SIZE}, followed by a file, with its pixels in the same form.
Answers begin with their size in four bytes, the lowest first.
"""

import io
import json
import sys

from PIL import Image


def save(asked):
    size = (asked["width"], asked["height"])
    pixels = sys.stdin.buffer.read(3 * size[0] * size[1])
    file = io.BytesIO()
    picture = Image.frombytes("RGB", size, pixels).convert(asked["save"])
    picture.save(file, "jpeg", **asked["options"])
    return file.getvalue()


def pixels_of(asked):
    file = io.BytesIO(sys.stdin.buffer.read(asked["open"]))
    return Image.open(file).convert("RGB").tobytes()


def answer(bytes):
    sys.stdout.buffer.write(len(bytes).to_bytes(4, "little") + bytes)
    sys.stdout.buffer.flush()


answer(b"ready")
for line in iter(sys.stdin.buffer.readline, b""):
    asked = json.loads(line)
    answer(save(asked) if "save" in asked else pixels_of(asked))
