"""Does one piece of work with a peer when told to, and says how long it took.

Reads a JSON object a line: {"work": NAME, "files": [PATH, ...]}. Answers each with the seconds that
the work took over all the files. Files are read before the clock starts.

{"search": INDEX, "hashes": PATH, "queries": PATH, "first": N} looks up the first queries within 31 bits,
one after the other, or all at once where the index is one for batches. Answers with the seconds, the number
of hits, and how long the index took to build. Both files hold 32 bytes a hash.

{"save": PATH, "as": PATH, "options": {...}} saves a picture in another format, so that both sides
meet files of an encoder that is neither's own.
"""

import json
import sys
import time

import faiss
import numpy
import pdqhash
import vpdq
from PIL import Image
from threatexchange.signal_type.pdq.pdq_hasher import pdq_from_bytes
from threatexchange.signal_type.pdq.pdq_index import PDQIndex


def kernel(pixels):
    return pdqhash.compute(pixels)


def pixels_of(path):
    return numpy.asarray(Image.open(path).convert("RGB"))


def bytes_of(path):
    with open(path, "rb") as file:
        return file.read()


def path_of(path):
    return path


def every_frame(path):
    return vpdq.computeHash(path, seconds_per_hash=0, thread_count=1)


def frame_a_second(path):
    return vpdq.computeHash(path, seconds_per_hash=1, thread_count=1)


WORKS = {
    "kernel": (pixels_of, kernel),
    "file": (bytes_of, pdq_from_bytes),
    "video-every-frame": (path_of, every_frame),
    "video-1fps": (path_of, frame_a_second),
}


class Flat:
    """Compares with all, one query after the other."""

    def __init__(self, listed):
        self.index = self.empty()
        self.index.add(listed)

    def empty(self):
        return faiss.IndexBinaryFlat(256)

    def count_hits(self, queries):
        # It finds what is nearer than 32 bits.
        return sum(
            int(self.index.range_search(queries[place : place + 1], 32)[0][1])
            for place in range(len(queries))
        )


class FlatBatched(Flat):
    """Compares all queries with each hash before the next."""

    def count_hits(self, queries):
        return int(self.index.range_search(queries, 32)[0][-1])


class MultiHash16(Flat):
    """What threatexchange searches with: sixteen keys of sixteen bits, one of which may differ."""

    def empty(self):
        index = faiss.IndexBinaryMultiHash(256, 16, 16)
        index.nflip = 1
        return index


class ThreatExchange:
    """As its users call it: with texts, and answered with what belongs to each hash."""

    def __init__(self, listed):
        texts = (hash.tobytes().hex() for hash in listed)
        self.index = PDQIndex((text, number) for number, text in enumerate(texts))

    def count_hits(self, queries):
        return sum(len(self.index.query(query.tobytes().hex())) for query in queries)


INDEXES = {
    "flat": Flat,
    "flat-batched": FlatBatched,
    "multihash16": MultiHash16,
    "threatexchange": ThreatExchange,
}


def hashes_of(path):
    return numpy.fromfile(path, dtype=numpy.uint8).reshape(-1, 32)


class Searched:
    """The index that was asked for last: two of ten million are too much at once."""

    def __init__(self):
        self.name, self.hashes, self.index, self.built = None, None, None, None

    def build(self, name, hashes):
        if (name, hashes) == (self.name, self.hashes):
            return
        self.index = None
        listed = hashes_of(hashes)
        began = time.perf_counter()
        self.index = INDEXES[name](listed)
        self.built = time.perf_counter() - began
        self.name, self.hashes = name, hashes

    def search(self, queries, first):
        queries = hashes_of(queries)[:first]
        began = time.perf_counter()
        hits = self.index.count_hits(queries)
        seconds = time.perf_counter() - began
        return {"seconds": seconds, "hits": hits, "built": self.built}


def main():
    faiss.omp_set_num_threads(1)
    prepared = {}
    searched = Searched()
    for line in sys.stdin:
        asked = json.loads(line)
        if "save" in asked:
            Image.open(asked["save"]).save(asked["as"], **asked["options"])
            print("{}", flush=True)
            continue
        if "search" in asked:
            searched.build(asked["search"], asked["hashes"])
            print(json.dumps(searched.search(asked["queries"], asked["first"])), flush=True)
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
