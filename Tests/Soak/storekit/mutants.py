"""Records as a store with a mistake would leave them: each must be found by a power loss."""

CHECKPOINTS = "run/checkpoints"


def _committed(calls):
    return next(i for i, call in enumerate(calls) if call.path == "committed")


def without(calls, operation, matches, last_before=None):
    """The record without some calls; the last of them only, before a position, where one is given."""
    places = [i for i, call in enumerate(calls) if call.operation == operation
              and matches(call.path)]
    if last_before is not None:
        places = [i for i in places if i < last_before][-1:]
    assert places, f"the mutant finds no {operation}"
    return [call for i, call in enumerate(calls) if i not in places]


def _ends(text):
    return lambda path: path.endswith(text)


def no_commit(calls):
    return [call for call in calls if not call.path.endswith("/COMMIT")]


def commit_before_shards(calls):
    """COMMIT and manifest first, as a store would that trusts its ranks."""
    early = [c for c in calls if c.path.endswith(("/COMMIT", "/manifest.json"))
             and ".tmp-" in c.path]
    rest = [c for c in calls if c not in early]
    place = next(i for i, c in enumerate(rest) if c.path.endswith(".safetensors"))
    return rest[:place] + early + rest[place:]


def rename_before_shards(calls):
    """The folder has its final name while shards are still written."""
    place = next(i for i, c in enumerate(calls) if c.operation == "rename" and ".tmp-" in c.path)
    move = calls[place]
    start = next(i for i, c in enumerate(calls) if c.path.endswith(".safetensors"))

    def moved(call):
        return call._replace(path=call.path.replace(move.path, move.other))

    return (calls[:start] + [move] + [moved(c) for c in calls[start:place]] + calls[place + 1:])


def no_rename(calls):
    return [c for c in calls if not (c.operation == "rename" and ".tmp-" in c.path)]


def sync_before_write(calls):
    """Shards are synced before their data is written."""
    result = list(calls)
    for path in {c.path for c in calls if c.path.endswith(".safetensors")}:
        sync = next(c for c in result if c.operation == "fsync" and c.path == path)
        result.remove(sync)
        first = next(i for i, c in enumerate(result) if c.operation == "write" and c.path == path)
        result.insert(first, sync)
    return result


def delete_before_replace(calls):
    """The earlier checkpoint of the step is deleted before the new one has its name."""
    aside = [c for c in calls if ".old-" in c.path and c.operation in ("unlink", "rmdir")]
    rest = [c for c in calls if c not in aside]
    place = next(i for i, c in enumerate(rest) if c.operation == "rename" and ".tmp-" in c.path)
    return rest[:place] + aside + rest[place:]


def delete_in_place(calls):
    """Retention deletes files of a folder that still has a checkpoint's name."""
    move = next(c for c in calls if c.operation == "rename" and ".del-" in c.other)
    rest = [c for c in calls if c is not move]
    return [c._replace(path=c.path.replace(move.other, move.path)) for c in rest]


# Name, scenario, what it does to the record.
MUTANTS = [
    ("shards not synced", "interval",
     lambda calls: without(calls, "fsync", _ends(".safetensors"))),
    ("last shard not synced", "first",
     lambda calls: without(calls, "fsync", _ends("shard-00001-of-00002.safetensors"))),
    ("manifest not synced", "interval", lambda calls: without(calls, "fsync", _ends("manifest.json"))),
    ("COMMIT not synced", "interval", lambda calls: without(calls, "fsync", _ends("COMMIT"))),
    ("temporary folder not synced", "interval",
     lambda calls: without(calls, "fsync", _ends(".tmp-step-00000020"))),
    ("final name not synced", "interval",
     lambda calls: without(calls, "fsync", _ends(CHECKPOINTS), last_before=_committed(calls))),
    ("folder of checkpoints not synced", "first",
     lambda calls: without(calls, "fsync", lambda path: path == "run")),
    ("deletion not synced", "retention",
     lambda calls: without(calls, "fsync", _ends(CHECKPOINTS), last_before=len(calls))),
    ("no COMMIT", "interval", no_commit),
    ("renamed before shards", "interval", rename_before_shards),
    ("never renamed", "interval", no_rename),
    ("synced before written", "interval", sync_before_write),
    ("deleted before replaced", "replace", delete_before_replace),
    ("deleted in place", "retention", delete_in_place),
]

# Not needed for any promise of this protocol: the name of an attempt may be lost until it is renamed,
# and nobody believes what is in it.
HARMLESS = [
    ("COMMIT before shards", "interval", commit_before_shards),
    ("name of the attempt not synced", "interval",
     lambda calls: without(
         calls, "fsync", _ends(CHECKPOINTS),
         last_before=next(i for i, c in enumerate(calls) if c.path.endswith(".safetensors")))),
]
