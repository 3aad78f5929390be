"""Does one piece of work with a peer when told to, and says how long it took.

Reads a JSON object a line: {"work": NAME, "files": [PATH, ...]}. Answers each with the seconds that
the work took over all the files. Files are read before the clock starts.

{"save": PATH, "as": PATH, "options": {...}} saves a picture in another format, so that both sides
meet files of an encoder that is neither's own.
"""

import json
import sys
import time

import numpy
import pdqhash
from PIL import Image
from threatexchange.signal_type.pdq.pdq_hasher import pdq_from_bytes


def kernel(pixels):
    return pdqhash.compute(pixels)


def pixels_of(path):
    return numpy.asarray(Image.open(path).convert("RGB"))


def bytes_of(path):
    with open(path, "rb") as file:
        return file.read()


WORKS = {"kernel": (pixels_of, kernel), "file": (bytes_of, pdq_from_bytes)}


def main():
    prepared = {}
    for line in sys.stdin:
        asked = json.loads(line)
        if "save" in asked:
            Image.open(asked["save"]).save(asked["as"], **asked["options"])
            print("{}", flush=True)
            continue
        prepare, work = WORKS[asked["work"]]
        key = (asked["work"], tuple(asked["files"]))
        if key not in prepared:
            prepared[key] = [prepare(path) for path in asked["files"]]
        began = time.perf_counter()
        for given in prepared[key]:
            work(given)
        print(json.dumps({"seconds": time.perf_counter() - began}), flush=True)


main()
