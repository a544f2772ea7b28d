"""Manifests that lie under a COMMIT that fits them, and what must become of each."""

import json
import os

from .damage import SHARDS, read, reseal_shard, seal, write

HUGE = [2**31, 2**53 + 1, 2**62, 2**63 - 1]


def _change(edit):
    def lie(folder):
        manifest = json.loads(read(os.path.join(folder, "manifest.json")))
        edit(manifest, folder)
        seal(folder, json.dumps(manifest).encode())
    return lie


def _set(*keys):
    """An edit that puts the last of `keys` where the others lead."""
    def edit(manifest, _):
        place = manifest
        for key in keys[:-2]:
            place = place[key]
        place[keys[-2]] = keys[-1]
    return _change(edit)


def _text(make):
    def lie(folder):
        seal(folder, make(read(os.path.join(folder, "manifest.json"))))
    return lie


def _without(key):
    return _change(lambda manifest, _: manifest.pop(key))


def _tensor_of_another_name(manifest, folder):
    """A shard without a tensor that the manifest names, with size and digest as told."""
    path = os.path.join(folder, SHARDS[0])
    write(path, read(path).replace(b"adam.m@0", b"adam.x@0"))
    reseal_shard(manifest, folder, 0)


def _other_type(manifest, folder):
    path = os.path.join(folder, SHARDS[0])
    write(path, read(path).replace(b'"F32"', b'"I32"'))
    reseal_shard(manifest, folder, 0)


def _rename_array(manifest, _):
    for shard in manifest["shards"]:
        for piece in shard["arrays"]:
            if piece["name"] == "adam.m":
                piece["name"] = "adam.v"


def _exchange_pieces(manifest, _):
    first, second = manifest["shards"]
    first["arrays"], second["arrays"] = second["arrays"], first["arrays"]


def refused():
    """Lies that must be found, by name."""
    piece = ("shards", 0, "arrays", 0)
    cases = {
        "no shards": _set("shards", []), "one shard": _change(lambda m, _: m["shards"].pop()),
        "shards in another order": _change(lambda m, _: m["shards"].reverse()),
        "a shard twice": _change(lambda m, _: m["shards"].append(m["shards"][0])),
        "an array of another name": _change(_rename_array),
        "pieces of the other shard": _change(_exchange_pieces),
        "a tensor that is not there": _change(_tensor_of_another_name),
        "integers": _change(_other_type),
        "no pieces": _set("shards", 0, "arrays", []),
        "a piece twice": _change(lambda m, _: m["shards"][0]["arrays"].append(
            dict(m["shards"][0]["arrays"][0]))),
        "an empty digest": _set("shards", 0, "sha256", ""),
        "a digest in upper case": _change(lambda m, _: m["shards"][0].update(
            sha256=m["shards"][0]["sha256"].upper())),
        "no counters": _without("state"), "no configuration": _without("configuration"),
        "no version": _without("version"), "a version in words": _set("version", "1"),
        "not closed": _text(lambda old: old[:-2]), "nothing": _text(lambda old: b""),
        "an array": _text(lambda old: b"[" + old + b"]"), "null": _text(lambda old: b"null"),
        "zeros after it": _text(lambda old: old + bytes(16)),
        "no text": _text(lambda old: old.replace(b'"', b"\xff", 1)),
        "nested deeply": _text(lambda old: b"[" * 200_000),
        "objects nested deeply": _text(lambda old: b'{"a":' * 200_000),
        "a counter nested deeply": _text(
            lambda old: b'{"version":1,"state":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        "longer than allowed": _text(lambda old: old + b" " * (64 << 20)),
        "NaN": _text(lambda old: old.replace(b'"position" : 0', b'"position" : NaN')),
        "a fraction": _set("position", 0.5), "a length of NaN": _set("parameterCount", "nan"),
        "a number too large": _text(
            lambda old: old.replace(b'"position" : 0', b'"position" : 1e999')),
        "a number beyond 64 bits": _set("parameterCount", 10**30),
        "a negative length of an array": _set("lengths", {"adam.m": -1}),
        "a length of zero": _set("lengths", {"adam.m": 0}),
        "a step of another folder": _set("state", "step", 10),
        "a step of -1": _set("state", "step", -1),
        "negative seconds": _set("state", "seconds", -1.0),
        "seconds that are no number": _set("state", "seconds", "nan"),
    }
    for name in ("../step-00000010/" + SHARDS[0], "/etc/passwd", "x/" + SHARDS[0], "", ".", "..",
                 SHARDS[0] + "\0", SHARDS[0] + "/", "shard-0-of-2.safetensors", "./" + SHARDS[0]):
        cases[f"a file called {name!r}"] = _set("shards", 0, "file", name)
    for value in (-1, 0, 1, 2**40, *HUGE):
        cases[f"{value} parameters"] = _set("parameterCount", value)
        cases[f"a piece of {value}"] = _set(*piece, "count", value)
        cases[f"a shard of {value} bytes"] = _set("shards", 0, "bytes", value)
    for value in (-1, 1, 1250, *HUGE, -2**63):
        cases[f"a piece from {value} on"] = _set(*piece, "start", value)
    for key in ("epoch", "stepsTaken", "skippedSteps", "badEvaluations", "logBytes"):
        cases[f"{key} of -1"] = _set("state", key, -1)
    for key in ("position", "worldSize"):
        cases[f"{key} of {-2**63}"] = _set(key, -2**63)
    for value in (0, -1, -2**63):
        cases[f"version {value}"] = _set("version", value)
    return cases


def newer():
    """Versions of a later program: an error of its own, and no other checkpoint is taken instead."""
    return {f"version {value}": _set("version", value) for value in (4, 1000, *HUGE)}


def believed():
    """What is odd but true: the checkpoint loads."""
    return {
        "10 MB of spaces": _text(lambda old: old + b" " * 10_000_000),
        "10 MB of configuration": _set("configuration", "x" * 10_000_000),
        "an unknown key": _set("unknown", [1, {"a": None}]),
        "an unknown key of 10 MB": _set("unknown", [0] * 3_000_000),
        "a length for an array that is not there": _set("lengths", {"other": 5}),
        "as it was": _text(lambda old: old),
    }
