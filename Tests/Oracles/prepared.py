"""Rebuilds a prepared file by other programs and compares.

    python3 Tests/Oracles/prepared.py sounds FILE.h5 ARCHIVE.tar.gz PATTERN
    python3 Tests/Oracles/prepared.py images FILE.h5 FOLDER [crop]

Sounds are read by tarfile and soundfile, and resampled by SciPy where the rates differ; PATTERN is a
regular expression with the group `label`, for FSDD `recordings/(?P<label>\\d)_\\w+_\\d+\\.wav`. Pictures
are read by Pillow, one folder per class, and resized by NumPy as docs/recipes.md says. Every file must be,
in the order of the paths' bytes, the next sample of one of the splits, with the right label; and no sample
may be left. Ends with 0 if so, else with 1.
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
    else:
        sys.exit(__doc__)
