"""Makes the files of the shipped recipes from their raw files once more, without this project, and compares.

    python3 Tests/Oracles/shipped.py RECIPE FILE.h5 RAW

RECIPE is mnist, cifar10, adult, adult-categories, sst2, shakespeare or movielens; for sounds and folders of
pictures see prepared.py. Raw files are read by gzip, csv and NumPy; the numbers follow docs/recipes.md. Whole
numbers must be equal, float32 within 2e-6 of the larger of 1 and the number, mean and deviation to 1e-9. Ends with
0 if they are, else with 1 and the first difference.
"""

import collections
import csv
import gzip
import re
import sys

import h5py
import numpy as np

WORD = np.uint64(0xFFFFFFFF)


def uniform(seed, name, samples):
    """Philox4x32-10 of (sample, hash of the split's name), as a share with 53 bits (Salmon et al. 2011)."""
    salt = 2166136261
    for byte in name.encode():
        salt = (salt ^ byte) * 16777619 & 0xFFFFFFFF
    counter = [samples.astype("u8"), np.zeros_like(samples, "u8")]
    counter += [np.full_like(samples, salt, "u8"), np.zeros_like(samples, "u8")]
    key = [seed, 4 * 0x9E3779B9 & 0xFFFFFFFF]
    for _ in range(10):
        first, second = counter[0] * np.uint64(0xD2511F53), counter[2] * np.uint64(0xCD9E8D57)
        counter = [
            second >> np.uint64(32) ^ counter[1] ^ np.uint64(key[0]),
            second & WORD,
            first >> np.uint64(32) ^ counter[3] ^ np.uint64(key[1]),
            first & WORD,
        ]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return (counter[0] << np.uint64(21) | counter[1] >> np.uint64(11)).astype("f8") / 2**53


def tenth(count):
    """The rows that stay with the training split and those that validate."""
    validates = uniform(1, "validation", np.arange(count)) < 0.1
    return np.flatnonzero(~validates), np.flatnonzero(validates)


class Prepared:
    """A sample file, of which every field must be compared."""

    def __init__(self, path):
        self.file = h5py.File(path, "r")
        self.left = {f"{split}/{field}" for split in self.file for field in self.file[split]}

    def equal(self, name, wanted, **attributes):
        """Compares a field and some of its attributes."""
        self.left.remove(name)
        entry = self.file[name]
        if isinstance(entry, h5py.Group):
            ends = np.cumsum([0] + [len(row) for row in wanted])
            self.same(name + "/offsets", entry["offsets"][:], ends)
            found, wanted = entry["values"][:], np.concatenate(wanted)
        else:
            found = entry[:]
        self.same(name, found, np.asarray(wanted))
        for key, value in attributes.items():
            kept = entry.attrs[key]
            if kept.dtype.kind in "OS":
                if [text.decode() for text in kept] != value:
                    sys.exit(f"{name}: attribute {key}: {list(kept)[:9]}, wanted {value[:9]}")
            elif not np.allclose(kept, value, rtol=1e-9, atol=0):
                sys.exit(f"{name}: attribute {key}: {kept}, wanted {value}")

    def words(self, name, wanted):
        """Compares what the ids of a field mean."""
        self.left.remove(f"vocabularies/{name}")
        entry = self.file["vocabularies"][name]
        text, ends = entry["bytes"][:].tobytes(), entry["offsets"][:]
        found = [text[a:b].decode() for a, b in zip(ends, ends[1:])]
        if found != wanted:
            sys.exit(f"vocabulary of {name}: {found[:9]}, wanted {wanted[:9]}")

    def same(self, name, found, wanted):
        if found.shape != wanted.shape:
            sys.exit(f"{name}: shape {found.shape}, wanted {wanted.shape}")
        away = np.abs(found.astype("f8") - wanted.astype("f8"))
        if found.dtype.kind == "f":
            away = np.where(away <= 2e-6 * np.maximum(1, np.abs(wanted)), 0, away)
        if away.any():
            place = np.unravel_index(away.argmax(), away.shape)
            sys.exit(f"{name}: {found[place]} at {place}, wanted {wanted[place]}")

    def finish(self):
        if self.left:
            sys.exit(f"not compared: {sorted(self.left)}")
        print("equal:", ", ".join(f"{s} {self.size(s)}" for s in self.file if s != "vocabularies"))

    def size(self, split):
        entry = next(iter(self.file[split].values()))
        return len(entry) if isinstance(entry, h5py.Dataset) else len(entry["offsets"]) - 1


def idx(path):
    raw = gzip.open(path).read()
    return np.frombuffer(raw, "u1", offset=4 + 4 * raw[3]).reshape(
        np.frombuffer(raw, ">i4", raw[3], 4)
    )


def pictures(prepared, splits):
    train = splits["train"][0].astype("f8")
    facts = {"mean": train.mean((0, 1, 2)), "std": train.std((0, 1, 2))}
    for split, (images, labels) in splits.items():
        prepared.equal(f"{split}/image", images, **facts)
        prepared.equal(f"{split}/label", labels)


def mnist(prepared, raw):
    images = [idx(f"{raw}/mnist/{part}-images-idx3-ubyte.gz")[..., None] for part in ("train", "t10k")]
    labels = [idx(f"{raw}/mnist/{part}-labels-idx1-ubyte.gz") for part in ("train", "t10k")]
    train, validation = tenth(len(labels[0]))
    splits = {name: (images[0][rows], labels[0][rows]) for name, rows in (("train", train), ("validation", validation))}
    pictures(prepared, splits | {"test": (images[1], labels[1])})


def cifar10(prepared, raw):
    records = [
        np.frombuffer(gzip.open(f"{raw}/cifar10-subset/cifar10-{part}.bin.gz").read(), "u1").reshape(-1, 3073)
        for part in ("train-10000", "test-2000")
    ]
    parts = [(r[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), r[:, 0]) for r in records]
    train, validation = tenth(len(records[0]))
    splits = {name: [part[rows] for part in parts[0]] for name, rows in (("train", train), ("validation", validation))}
    pictures(prepared, splits | {"test": parts[1]})


NUMBERS = {"age": 0, "fnlwgt": 2, "education-num": 4, "capital-gain": 10, "capital-loss": 11, "hours-per-week": 12}
CATEGORIES = {
    "workclass": 1, "education": 3, "marital-status": 5, "occupation": 6, "relationship": 7, "race": 8, "sex": 9,
    "native-country": 13,
}  # fmt: skip


def census(raw):
    """The rows of each split, and their labels."""
    tables = []
    for name in ("adult.data", "adult.test"):
        with open(f"{raw}/adult/{name}", newline="") as file:
            rows = [row for row in csv.reader(file, skipinitialspace=True) if row and row[0][0] != "|"]
        tables.append(np.array(rows))
    train, validation = tenth(len(tables[0]))
    splits = {"train": tables[0][train], "validation": tables[0][validation], "test": tables[1]}
    labels = {name: [row[-1].startswith(">50K") for row in rows] for name, rows in splits.items()}
    return splits, labels


def adult(prepared, raw):
    splits, labels = census(raw)

    def number(rows, name):
        values = rows[:, NUMBERS[name]].astype("f8")
        return np.log1p(values) if name.startswith("capital") else values

    train = splits["train"]
    columns = list(NUMBERS)
    words = []
    for name, place in CATEGORIES.items():
        texts = sorted(set(train[:, place]) - {"?"}) + ["?"] * ("?" in train[:, place])
        words += [(place, text) for text in texts]
        columns += [f"{name}.missing" if text == "?" else f"{name}={text}" for text in texts]
    for split, rows in splits.items():
        scaled = [(number(rows, n) - number(train, n).mean()) / number(train, n).std() for n in NUMBERS]
        flags = [rows[:, place] == text for place, text in words]
        prepared.equal(f"{split}/table", np.stack(scaled + flags, 1), columns=columns)
        prepared.equal(f"{split}/label", labels[split], classes=["<=50K", ">50K"])


def quantile(train, values):
    """The normal quantile of the rank among the training values; equal ones share the middle rank."""
    from scipy.stats import norm

    order = np.sort(train)
    below, through = np.searchsorted(order, values, "left"), np.searchsorted(order, values, "right")
    low, high = order[np.maximum(below - 1, 0)], order[np.minimum(below, len(order) - 1)]
    between = below - 1 + (values - low) / np.where(high > low, high - low, 1)
    between = np.clip(np.where(below == 0, 0, np.where(below == len(order), len(order) - 1, between)), 0, None)
    rank = np.where(through > below, (below + through - 1) / 2, between)
    return norm.ppf(np.clip(rank / (len(order) - 1), 1e-7, 1 - 1e-7))


def adult_categories(prepared, raw):
    splits, labels = census(raw)
    train = splits["train"]
    ids, words = {}, []
    for name, place in CATEGORIES.items():
        texts = sorted(set(train[:, place]) - {"?"})
        first = len(words)
        known = ["?"] * ("?" in train[:, place]) + texts
        ids[place] = (first, {text: first + 1 + n for n, text in enumerate(known)})
        words += [f"{name}=<unk>"] + [f"{name}.missing" if t == "?" else f"{name}={t}" for t in known]
    prepared.words("categories", words)
    for split, rows in splits.items():
        number = lambda part, name: part[:, NUMBERS[name]].astype("f8")
        prepared.equal(
            f"{split}/numbers", np.stack([quantile(number(train, n), number(rows, n)) for n in NUMBERS], 1)
        )
        prepared.equal(
            f"{split}/categories",
            np.array([[table.get(row[place], first) for place, (first, table) in ids.items()] for row in rows]),
            classes=len(words),
        )
        prepared.equal(f"{split}/label", labels[split])


def sst2(prepared, raw):
    splits = {}
    for name, part in (("train", "train"), ("validation", "dev"), ("test", "test")):
        lines = open(f"{raw}/text/sst2/stsa.binary.{part}", encoding="utf-8").read().split("\n")[:-1]
        splits[name] = [line.split(" ", 1) for line in lines]
    # One character at a time, as documented: Python's whole-string rule for a final sigma is another one.
    lower = lambda text: "".join(character.lower() for character in text).split()
    count = collections.Counter(word for _, text in splits["train"] for word in lower(text))
    words = sorted((w for w in count if count[w] >= 2), key=lambda w: (-count[w], w.encode()))
    prepared.words("text", ["<unk>"] + words)
    ids = {word: n + 1 for n, word in enumerate(words)}
    for split, lines in splits.items():
        texts = [np.array([ids.get(word, 0) for word in lower(text)], "i8") for _, text in lines]
        prepared.equal(f"{split}/text", texts)
        prepared.equal(f"{split}/label", [int(label) for label, _ in lines], classes=["negative", "positive"])


def shakespeare(prepared, raw):
    text = open(f"{raw}/tinyshakespeare/input.txt", encoding="utf-8", newline="").read()
    border = int(len(text) * 0.9)
    letters = sorted(set(text[:border]))
    ids = {letter: n + 1 for n, letter in enumerate(letters)}
    for field in ("ids", "next"):
        prepared.words(field, ["<unk>"] + letters)
    for split, part in (("train", text[:border]), ("validation", text[border:])):
        numbers = np.array([ids.get(letter, 0) for letter in part])
        windows = (len(numbers) - 1) // 64
        prepared.equal(f"{split}/ids", numbers[: 64 * windows].reshape(-1, 64))
        prepared.equal(f"{split}/next", numbers[1 : 64 * windows + 1].reshape(-1, 64))


def movielens(prepared, raw):
    read = lambda name: list(csv.DictReader(open(f"{raw}/movielens-latest-small/{name}.csv", newline="")))
    ratings = read("ratings")
    films = {film["movieId"]: film for film in read("movies")}
    splits = {
        "train": [row for n, row in enumerate(ratings) if n % 10 != 9],
        "test": [row for n, row in enumerate(ratings) if n % 10 == 9],
    }
    train = splits["train"]
    year = lambda row: (re.search(r"\((\d{4})\)\s*$", films[row["movieId"]]["title"]) or [0, "nan"])[1]
    years = np.array([year(row) for row in train], "f8")
    mean, deviation = np.nanmean(years), np.nanstd(years)
    genres = sorted({g for row in train for g in films[row["movieId"]]["genres"].split("|")})
    known = {key: sorted({int(row[key]) for row in train}) for key in ("userId", "movieId")}
    ids = {key: {number: n + 1 for n, number in enumerate(numbers)} for key, numbers in known.items()}
    for field, key in (("user", "userId"), ("item", "movieId")):
        prepared.words(field, ["<unk>"] + [str(number) for number in known[key]])
    for split, rows in splits.items():
        for field, key in (("user", "userId"), ("item", "movieId")):
            wanted = [ids[key].get(int(row[key]), 0) for row in rows]
            prepared.equal(f"{split}/{field}", wanted, classes=len(known[key]) + 1)
        prepared.equal(f"{split}/rating", [float(row["rating"]) for row in rows])
        scaled = (np.array([year(row) for row in rows], "f8") - mean) / deviation
        flags = [[g in films[row["movieId"]]["genres"].split("|") for g in genres] for row in rows]
        prepared.equal(f"{split}/film", np.column_stack([np.nan_to_num(scaled), flags]))


if __name__ == "__main__":
    recipes = {
        "mnist": mnist, "cifar10": cifar10, "adult": adult, "adult-categories": adult_categories, "sst2": sst2,
        "shakespeare": shakespeare, "movielens": movielens,
    }  # fmt: skip
    if len(sys.argv) != 4 or sys.argv[1] not in recipes:
        sys.exit(__doc__)
    file = Prepared(sys.argv[2])
    recipes[sys.argv[1]](file, sys.argv[3])
    file.finish()
