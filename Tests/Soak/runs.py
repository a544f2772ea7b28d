"""Small runs for tiers that stop, edit and resume them: data, starts, what a run left, edits of checkpoints.

Not a tier itself. Needs the variables of a tier: AIMASS, AIMASS_DEBUG, AIMASS_SCRATCH.
"""
import argparse, array, hashlib, json, math, os, random, shutil, struct, subprocess, sys

PROGRAM = os.environ.get("AIMASS", "aimass")
DEBUG = os.environ.get("AIMASS_DEBUG", "")
SCRATCH = os.environ.get("AIMASS_SCRATCH", "")
PATIENCE = 180

# ---------------------------------------------------------------- starting the program


class Result:
    def __init__(self, command, status, output, errors):
        self.command, self.status, self.output, self.errors = command, status, output, errors

    @property
    def text(self):
        return self.output + self.errors

    def __str__(self):
        return f"`{' '.join(self.command)}` ended with {self.status}\n{self.output[-3000:]}\n{self.errors[-3000:]}"


class Failed(Exception):
    pass


def environment(more=None):
    variables = dict(
        os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
        OMPI_MCA_rmaps_base_oversubscribe="1", OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1",
        SWIFT_BACKTRACE="enable=no", COLUMNS="200", AIMASS_DATA="")
    variables.update(more or {})
    return variables


def run(arguments, program=None, variables=None, patience=PATIENCE):
    """Runs the program to its end; past its time its session is ended and the case has failed."""
    command = [program or PROGRAM] + [str(word) for word in arguments]
    child = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment(variables), start_new_session=True)
    try:
        output, errors = child.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        child.terminate()
        try:
            child.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
        raise Failed(f"`{' '.join(command)}` was not done after {patience} s")
    return Result(command, child.returncode, output, errors)


def train(configuration, output, ranks=1, settings=(), more=(), status=0, **options):
    words = ["train", configuration, "--ranks", ranks, "--output", output]
    for setting in settings:
        words += ["--set", setting]
    result = run(words + list(more), **options)
    if status is not None and result.status != status:
        raise Failed(f"expected status {status}: {result}")
    return result


# ---------------------------------------------------------------- what a run left


class Run:
    """A run folder."""

    def __init__(self, path):
        self.path = path

    def summary(self):
        with open(self.path + "/summary.json") as file:
            return json.load(file)

    def lines(self):
        with open(self.path + "/metrics.jsonl") as file:
            return [json.loads(line) for line in file]

    def history(self):
        """The log without what depends on the speed of the machine, line by line."""
        kept = []
        for line in self.lines():
            line.pop("samplesPerSecond", None)
            kept.append(json.dumps(line, sort_keys=True))
        return kept

    def steps(self):
        return [line["step"] for line in self.lines() if "loss" in line and "split" not in line]

    def result(self):
        """All that must not depend on interruptions."""
        summary = self.summary()
        for key in ("wallSeconds", "samplesPerSecond", "phases", "timing", "hosts", "ranks", "wireBytes", "checkpoints"):
            summary.pop(key, None)
        return {"summary": summary, "history": self.history()}

    def checkpoint(self, step):
        return f"{self.path}/checkpoints/step-{step:08d}"

    def checkpoints(self):
        names = sorted(os.listdir(self.path + "/checkpoints"))
        return [int(name[5:]) for name in names if name.startswith("step-")]

    def manifest(self, step):
        with open(self.checkpoint(step) + "/manifest.json") as file:
            return json.load(file)

    def array(self, step, name="parameters"):
        """The scalars of an array of a checkpoint, from all its shards."""
        manifest = self.manifest(step)
        values = array.array("f", bytes(4 * (manifest.get("lengths") or {}).get(name, manifest["parameterCount"])))
        for shard in manifest["shards"]:
            with open(f"{self.checkpoint(step)}/{shard['file']}", "rb") as file:
                data = file.read()
            size = struct.unpack("<Q", data[:8])[0]
            for tensor, entry in json.loads(data[8:8 + size]).items():
                found, _, start = tensor.rpartition("@")
                if found == name:
                    begin, end = (8 + size + offset for offset in entry["data_offsets"])
                    values[int(start):int(start) + (end - begin) // 4] = array.array("f", data[begin:end])
        return values

    def digest(self, step):
        """The digest of the parameters of a checkpoint, as `summary.json` would have it."""
        values, total = self.array(step), hashlib.sha256()
        for tensor in self.manifest(step)["tensors"]:
            count = math.prod(tensor["shape"])
            total.update(tensor["name"].encode() + b"\0" + struct.pack(f"<{len(tensor['shape'])}q", *tensor["shape"]))
            total.update(values[tensor["start"]:tensor["start"] + count].tobytes())
        return total.hexdigest()

    def copy(self, path, step):
        """The run as it would lie there had every process died right after the checkpoint of a step."""
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(
            self.path, path,
            ignore=lambda folder, names: [
                name for name in names
                if name.startswith(("summary", "evaluation", "report")) or
                (name.startswith("step-") and name != f"step-{step:08d}")])
        return Run(path)


def differences(found, wanted):
    """What differs between two results, in a few words."""
    told = []
    for key in sorted(set(found["summary"]) | set(wanted["summary"])):
        if found["summary"].get(key) != wanted["summary"].get(key):
            told.append("summary." + key)
    if found["history"] != wanted["history"]:
        pairs = list(zip(found["history"], wanted["history"]))
        at = next((n for n, (a, b) in enumerate(pairs) if a != b), len(pairs))
        told.append(f"line {at + 1} of the log")
    return told


# ---------------------------------------------------------------- editing a checkpoint


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def reseal(checkpoint, edit_manifest=None, edit_arrays=None):
    """Changes a checkpoint and makes it verify again: sizes, SHA-256 of shards, and COMMIT.

    `edit_manifest(manifest)` changes it in place; `edit_arrays(name, start, floats)` gets every piece of every
    array as a list of Float32 and returns what to write, or None to leave it.
    """
    path = checkpoint + "/manifest.json"
    with open(path) as file:
        manifest = json.load(file)
    touched = 0
    for shard in manifest["shards"]:
        name = f"{checkpoint}/{shard['file']}"
        with open(name, "rb") as file:
            data = bytearray(file.read())
        size = struct.unpack("<Q", data[:8])[0]
        header = json.loads(data[8:8 + size])
        for key, entry in header.items():
            if key == "__metadata__" or edit_arrays is None:
                continue
            begin, end = (8 + size + offset for offset in entry["data_offsets"])
            array, start = key.rsplit("@", 1)
            count = (end - begin) // 4
            floats = edit_arrays(array, int(start), list(struct.unpack(f"<{count}f", data[begin:end])))
            if floats is not None:
                touched += sum(a != b for a, b in zip(struct.pack(f"<{count}f", *floats), data[begin:end]))
                data[begin:end] = struct.pack(f"<{count}f", *floats)
        with open(name, "wb") as file:
            file.write(data)
        shard["bytes"], shard["sha256"] = len(data), sha256(name)
    if edit_manifest:
        before = json.dumps(manifest, sort_keys=True)
        edit_manifest(manifest)
        touched += before != json.dumps(manifest, sort_keys=True)
    with open(path, "w") as file:
        json.dump(manifest, file, indent=2, sort_keys=True)
    with open(checkpoint + "/COMMIT", "w") as file:
        file.write(sha256(path) + "\n")
    return touched


# ---------------------------------------------------------------- a tier's frame


def rng(seed, case):
    """Case `case` derives from (seed, case) alone."""
    return random.Random(f"{seed}:{case}")


def tier(test, cases, default):
    """Runs cases and prints what the contract of a tier asks for.

    `cases(arguments)` returns a list of (name, body); a body raises to fail, and may return a note.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=default)
    parser.add_argument("--only", type=int)
    arguments = parser.parse_args()
    failed = done = 0
    notes = []
    for index, (name, body) in enumerate(cases(arguments)):
        if arguments.only is not None and index != arguments.only:
            continue
        done += 1
        try:
            note = body()
            if note:
                notes.append(f"{name}: {note}")
            if os.environ.get("AIMASS_SOAK_VERBOSE"):
                print(f"{index} {name}: {note or 'right'}", file=sys.stderr, flush=True)
        except (Failed, OSError, KeyError, ValueError, AssertionError) as error:
            failed += 1
            print(
                f"{sys.argv[0]} --seed {arguments.seed} --count {arguments.count} --only {index}\n"
                f"{name}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    print(json.dumps({
        "test": test, "seed": arguments.seed, "cases": done, "failed": failed,
        "note": "; ".join(notes)}))
    sys.exit(1 if failed or not done else 0)
