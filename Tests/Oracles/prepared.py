"""Rebuilds a prepared file by other programs and compares.

    python3 Tests/Oracles/prepared.py sounds FILE.h5 ARCHIVE.tar.gz PATTERN
    python3 Tests/Oracles/prepared.py images FILE.h5 FOLDER [crop]
    python3 Tests/Oracles/prepared.py strings FILE.h5 ARCHIVE.tar.gz SPLIT=SOURCE:SEED:FIRST-LAST ...

Sounds are read by tarfile and soundfile, and resampled by SciPy where the rates differ; PATTERN is a
regular expression with the group `label`, for FSDD `recordings/(?P<label>\\d)_\\w+_\\d+\\.wav`. Pictures
are read by Pillow, one folder per class, and resized by NumPy as docs/recipes.md says. Every file must be,
in the order of the paths' bytes, the next sample of one of the splits, with the right label; and no sample
may be left. Strings are those of configs/data/fsdd-strings.yaml: for each SPLIT the clips with an index of
FIRST to LAST are drawn as docs/recipes.md says, by a Philox of our own. Ends with 0 if so, else with 1.
"""
import io
import math
import os
import re
import sys
import tarfile

import h5py
import numpy as np


class Splits:
    """The samples of all splits of a sample file, each to be met once, in order."""

    def __init__(self, path, field):
        self.file = h5py.File(path, "r")
        self.field = field
        self.next = {split: 0 for split in self.file}
        self.count = {split: len(self.file[split]["label"]) for split in self.file}
        self.data = {split: self.load(split) for split in self.file}
        self.labels = {split: self.file[split]["label"][:] for split in self.file}
        label = self.file["train/label"]
        self.classes = [name.decode() for name in label.attrs["classes"]]

    def load(self, split):
        entry = self.file[split][self.field]
        if isinstance(entry, h5py.Dataset):
            return entry[:]
        values, offsets = entry["values"][:], entry["offsets"][:]
        return [values[offsets[i] : offsets[i + 1]] for i in range(len(offsets) - 1)]

    def meet(self, path, wanted, label, tolerance):
        """Takes the sample that a file became, from whichever split has it next."""
        for split, place in self.next.items():
            if place == self.count[split]:
                continue
            found = self.data[split][place]
            if found.shape != wanted.shape or self.classes[self.labels[split][place]] != label:
                continue
            if np.abs(found.astype("f8") - wanted.astype("f8")).max(initial=0) <= tolerance:
                self.next[split] += 1
                return
        sys.exit(f"{path}: no split has this sample next")

    def finish(self, files):
        if self.next != self.count:
            sys.exit(f"samples that no file became: met {self.next} of {self.count}")
        print(f"equal: {files} files, {self.count}")


def sounds(path, archive, pattern):
    import soundfile

    splits = Splits(path, "sound")
    entry = splits.file["train/sound"]
    rate = int(entry.attrs["rate"])
    whole = splits.data["train"][0].dtype == np.int16
    length = entry.shape[1] if isinstance(entry, h5py.Dataset) else None
    members = {}
    with tarfile.open(archive) as file:
        for member in file:
            if member.isfile():
                members[os.fsencode(member.name)] = file.extractfile(member).read()
    for name in sorted(members):
        amplitudes, found = soundfile.read(io.BytesIO(members[name]), always_2d=True)
        mono, tolerance = amplitudes.mean(1), 0
        if found != rate:
            mono, tolerance = resampled(mono, found, rate), 1 if whole else 2e-7
        if whole:
            mono = np.clip(np.rint(mono * 32768), -32768, 32767)
        if length is not None:
            mono = np.pad(mono[:length], (0, max(0, length - len(mono))))
        label = re.fullmatch(pattern, os.fsdecode(name))["label"]
        splits.meet(name, mono.astype("i2" if whole else "f4"), label, tolerance)
    splits.finish(len(members))


def resampled(sound, found, rate):
    """Kaiser's window with beta 10.06126 over 64 zero crossings, cutoff at 0.95 of the lower Nyquist."""
    from scipy import signal

    divisor = math.gcd(found, rate)
    up, down = rate // divisor, found // divisor
    most = max(up, down)
    window = signal.firwin(128 * most + 1, 0.95 / most, window=("kaiser", 10.06126))
    return signal.resample_poly(sound, up, down, window=window)


def strings(path, archive, splits):
    import soundfile

    clips = {}
    with tarfile.open(archive) as file:
        for member in file:
            found = re.fullmatch(r"recordings/(\d)_([a-z]+)_(\d+)\.wav", member.name)
            if found:
                data, rate = soundfile.read(io.BytesIO(file.extractfile(member).read()), dtype="int16")
                clips[member.name] = (found[1], found[2], int(found[3]), data)
    with h5py.File(path, "r") as file:
        for split in splits:
            name, rest = split.split("=")
            source, seed, indices = rest.split(":")
            first, last = map(int, indices.split("-"))
            chosen = [clips[n] for n in sorted(clips, key=os.fsencode) if first <= clips[n][2] <= last]
            compare_strings(file[name], source, int(seed), chosen)
    print("equal:", *splits)


def compare_strings(group, source, seed, clips):
    """Draws the strings of one split, and compares them with those of the file bit for bit."""
    digits = [c.decode() for c in group["digits"].attrs["classes"]]
    speakers = [c.decode() for c in group["speaker"].attrs["classes"]]
    sounds, sound_ends = group["sound/values"][:], group["sound/offsets"][:]
    labels, label_ends = group["digits/values"][:], group["digits/offsets"][:]
    stream = 2166136261
    for byte in f"concatenated {source}".encode():
        stream = ((stream ^ byte) * 16777619) & 0xFFFFFFFF
    for sample in range(len(sound_ends) - 1):

        def choose(index, count):
            counter = [index // 4, 0, stream, sample]
            key = [seed & 0xFFFFFFFF, seed >> 32 ^ (5 * 0x9E3779B9 & 0xFFFFFFFF)]
            return philox(counter, key)[index % 4] * count >> 32

        drawn = [clips[choose(1, len(clips))]]
        others = [clip for clip in clips if clip[1] == drawn[0][1]]
        pieces = [drawn[0][3]]
        for place in range(1, 1 + choose(0, 5)):
            drawn.append(others[choose(2 * place + 1, len(others))])
            pieces += [np.zeros(400 + choose(2 * place, 1201), "i2"), drawn[-1][3]]
        found = sounds[sound_ends[sample] : sound_ends[sample + 1]]
        read = [digits[i] for i in labels[label_ends[sample] : label_ends[sample + 1]]]
        if not np.array_equal(found, np.concatenate(pieces)) or found.dtype != np.int16:
            sys.exit(f"{source}: the sound of sample {sample} is another")
        if read != [clip[0] for clip in drawn]:
            sys.exit(f"{source}: sample {sample} has the labels {read}")
        if speakers[group["speaker"][sample]] != drawn[0][1]:
            sys.exit(f"{source}: sample {sample} has another speaker")


def philox(counter, key):
    """Philox4x32-10 of Salmon and others 2011."""
    for step in range(10):
        if step:
            key = [key[0] + 0x9E3779B9 & 0xFFFFFFFF, key[1] + 0xBB67AE85 & 0xFFFFFFFF]
        a, b = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        counter = [
            b >> 32 ^ counter[1] ^ key[0], b & 0xFFFFFFFF, a >> 32 ^ counter[3] ^ key[1], a & 0xFFFFFFFF
        ]
    return counter


def images(path, folder, crop=False):
    from PIL import Image

    splits = Splits(path, "image")
    height, width, channels = splits.data["train"].shape[1:]
    paths = [
        os.path.relpath(os.path.join(place, name), folder)
        for place, _, names in os.walk(folder)
        for name in names
        if name.lower().endswith((".png", ".jpg", ".jpeg"))
    ]
    for name in sorted(paths, key=os.fsencode):
        image = Image.open(os.path.join(folder, name))
        pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"))
        pixels = pixels.reshape(*pixels.shape[:2], channels)
        if crop:
            pixels = center(pixels, height, width)
        tolerance = 0 if name.lower().endswith(".png") else 1
        splits.meet(name, bilinear(pixels, height, width), name.split(os.sep)[0], tolerance)
    splits.finish(len(paths))


def center(pixels, height, width):
    """The middle of a picture, of the aspect height : width."""
    rows, columns = pixels.shape[:2]
    if rows * width > columns * height:
        rows, columns = max(1, columns * height // width), columns
    else:
        rows, columns = rows, max(1, rows * width // height)
    top, left = (pixels.shape[0] - rows) // 2, (pixels.shape[1] - columns) // 2
    return pixels[top : top + rows, left : left + columns]


def bilinear(pixels, height, width):
    """Between pixel centres, without antialiasing, rounded to the nearest integer, ties to even."""

    def taps(inputs, outputs):
        place = np.maximum(0, (np.arange(outputs) + 0.5) * inputs / outputs - 0.5)
        first = np.minimum(place.astype(int), inputs - 1)
        return first, np.minimum(first + 1, inputs - 1), place - first

    if pixels.shape[:2] == (height, width):
        return pixels
    top, bottom, down = taps(pixels.shape[0], height)
    left, right, across = taps(pixels.shape[1], width)
    across, down = across[None, :, None], down[:, None, None]
    pixels = pixels.astype("f8")

    def row(rows):
        return pixels[rows][:, left] + (pixels[rows][:, right] - pixels[rows][:, left]) * across

    return np.rint(row(top) + (row(bottom) - row(top)) * down).astype("u1")


if __name__ == "__main__":
    if len(sys.argv) == 5 and sys.argv[1] == "sounds":
        sounds(*sys.argv[2:])
    elif len(sys.argv) in (4, 5) and sys.argv[1] == "images":
        images(sys.argv[2], sys.argv[3], sys.argv[4:] == ["crop"])
    elif len(sys.argv) > 4 and sys.argv[1] == "strings":
        strings(sys.argv[2], sys.argv[3], sys.argv[4:])
    else:
        sys.exit(__doc__)
