"""Ways to damage a committed checkpoint of two shards, each with the file that an error must name."""

import hashlib
import json
import os
import shutil
import socket
import struct

SHARDS = ["shard-00000-of-00002.safetensors", "shard-00001-of-00002.safetensors"]
FILES = ["COMMIT", "manifest.json", *SHARDS]


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, content):
    with open(path, "wb") as file:
        file.write(content)


def boundaries(path):
    """Where something ends in a file: pages, and header and tensors of a shard."""
    content = read(path)
    ends = {0, len(content), *range(0, len(content), 4096)}
    if path.endswith(".safetensors"):
        header = struct.unpack("<Q", content[:8])[0]
        ends |= {8, 8 + header}
        for name, tensor in json.loads(content[8:8 + header]).items():
            if name != "__metadata__":
                ends.add(8 + header + tensor["data_offsets"][1])
    return ends


def lengths(path):
    """Lengths to cut a file to: every 64th, and one byte around each boundary."""
    size = os.path.getsize(path)
    cuts = {size * part // 64 for part in range(64)}
    cuts |= {end + more for end in boundaries(path) for more in (-1, 0, 1)}
    return sorted(cut for cut in cuts if 0 <= cut < size)


def _on(file, change):
    """Damage to one file's content."""
    def damage(folder):
        path = os.path.join(folder, file)
        write(path, change(read(path)))
    return damage


def _instead(file, make):
    """Something else in the file's place."""
    def damage(folder):
        path = os.path.join(folder, file)
        os.unlink(path)
        make(path)
    return damage


def _socket(path):
    here = os.getcwd()
    os.chdir(os.path.dirname(path))  # the name of a socket must be short
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(os.path.basename(path))
    os.chdir(here)


def _linked(file):
    """The file itself, but under another name with a link to it."""
    def damage(folder):
        path = os.path.join(folder, file)
        os.rename(path, path + ".original")
        os.symlink(path + ".original", path)
    return damage


def _swap(folder):
    first, second = (os.path.join(folder, shard) for shard in SHARDS)
    os.rename(first, first + "-")
    os.rename(second, first)
    os.rename(first + "-", second)


def damages(folder):
    """Every damage to the checkpoint in `folder` as (name, file that is named, what does it)."""
    cases = []
    for file in FILES:
        path = os.path.join(folder, file)
        for cut in lengths(path):
            cases.append((f"cut to {cut}", file, _on(file, lambda old, cut=cut: old[:cut])))
        for page in range(0, os.path.getsize(path), 4096):
            cases.append((f"zero page {page}", file, _on(
                file, lambda old, page=page: old[:page] + bytes(len(old[page:page + 4096]))
                + old[page + 4096:])))
        for name, more in [("one byte", b"\0"), ("a line", b"\n"), ("a page", bytes(4096))]:
            cases.append((name + " appended", file, _on(file, lambda old, more=more: old + more)))
        cases += [
            ("twice itself", file, _on(file, lambda old: old + old)),
            ("missing", file, _instead(file, lambda path: None)),
            ("a folder", file, _instead(file, os.mkdir)),
            ("a FIFO", file, _instead(file, os.mkfifo)),
            ("a socket", file, _instead(file, _socket)),
            ("a dangling link", file, _instead(file, lambda path: os.symlink("nowhere", path))),
            ("a looping link", file, _instead(file, lambda path: os.symlink(path, path))),
            ("a link to zeros", file, _instead(file, lambda path: os.symlink("/dev/zero", path))),
            ("a link to what it was", file, _linked(file)),
            ("that of another step", file, _instead(file, lambda path, file=file: shutil.copy(
                os.path.join(os.path.dirname(path), "..", "step-00000010", file), path))),
        ]
    cases += [
        ("swapped", "shard-0000", _swap),
        ("the first twice", SHARDS[1], lambda folder: shutil.copy(
            os.path.join(folder, SHARDS[0]), os.path.join(folder, SHARDS[1]))),
        ("in upper case", "COMMIT", _on("COMMIT", bytes.upper)),
        ("without an end of line", "COMMIT", _on("COMMIT", bytes.strip)),
    ]
    return cases


def seal(folder, text):
    """Gives a checkpoint another manifest and the COMMIT that belongs to it."""
    write(os.path.join(folder, "manifest.json"), text)
    write(os.path.join(folder, "COMMIT"), hashlib.sha256(text).hexdigest().encode() + b"\n")


def reseal_shard(manifest, folder, index):
    """Makes the manifest tell size and digest of a shard as it is now."""
    content = read(os.path.join(folder, SHARDS[index]))
    manifest["shards"][index]["bytes"] = len(content)
    manifest["shards"][index]["sha256"] = hashlib.sha256(content).hexdigest()
