"""The record of calls that the fault library writes."""

from collections import Counter, namedtuple

Call = namedtuple("Call", "operation number path other offset bytes result")

# What the library counts; `mark` is no call.
MUTATING = {"create", "write", "pwrite", "fsync", "fdatasync", "close", "rename", "mkdir", "unlink",
            "rmdir", "ftruncate", "link", "symlink", "fallocate", "statvfs", "flock"}


def read_trace(path, folder=""):
    """The calls in order, their paths relative to `folder`.

    The offset of a sync is how many other calls ended while it went on: those of other threads, which it may not know.
    """
    with open(path + ".data", "rb") as file:
        data = file.read()
    calls = []
    begun = {}
    with open(path) as file:
        for line in file:
            operation, number, name, other, offset, length, place, result = (
                line.rstrip("\n").split("\t"))
            if operation == "mark" and name == "begins":
                begun[other] = len(calls)
                continue
            if operation in ("fsync", "fdatasync"):
                offset = len(calls) - begun.get(name, len(calls))
            content = None if place == "-1" else data[int(place):int(place) + int(length)]
            name, other = (each.removeprefix(folder).lstrip("/") if each.startswith(folder) else each
                           for each in (name, other))
            calls.append(Call(operation, int(number), name, other, int(offset), content, int(result)))
    return calls


def sites(calls):
    """Every call as (operation, number): where a fault can strike."""
    counts = Counter(call.operation for call in calls if call.operation != "mark")
    return [(operation, number + 1) for operation, count in sorted(counts.items())
            for number in range(count)]
