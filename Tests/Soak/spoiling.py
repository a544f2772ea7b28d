"""Runs in which a debug build spoils one number: where, under which policy, and what must come of it.

Not a tier itself.
"""
import json, os, re, shutil
import runs, subjects
from runs import Failed

# The last step of an epoch has a single microbatch.
SAMPLES, BATCH, MICRO, STEPS = 50, 12, 2, 11
PER_EPOCH = (SAMPLES + BATCH - 1) // BATCH
TENSORS = ["modalities.table.0.weight", "modalities.table.0.bias", "heads.y.0.weight", "heads.y.0.bias"]

CONFIGURATION = f"""name: plain
seed: 7
data: {{file: plain.h5}}
batch: {{global: {BATCH}, micro: {MICRO}}}
modalities:
  table: {{field: table, encoder: [{{linear: 12}}, tanh]}}
heads:
  y: {{layers: [{{linear: 1}}], loss: meanSquaredError, target: y}}
optimizer: {{adam: {{learningRate: 0.01}}}}
train: {{steps: {STEPS}}}
checkpoint: {{everySteps: 1, keep: 1000}}
"""


def plain():
    subjects.write("numbers.csv", subjects.numbers(SAMPLES, spikes=()))
    subjects.data("plain", subjects.NUMBERS_RECIPE)
    return subjects.write("plain.yaml", CONFIGURATION)


SUBJECT = subjects.Subject("plain", plain)


def microbatches(step):
    """V of a step, counted from 0; the last of an epoch is smaller."""
    rest = SAMPLES - step % PER_EPOCH * BATCH
    return (min(BATCH, rest) + MICRO - 1) // MICRO


def passage(step, microbatch, ranks):
    """Which pass, on the rank that has it and counted from 1, is that of a microbatch: one node deals them in turn."""
    rank = microbatch % ranks
    before = sum(len(range(rank, microbatches(s), ranks)) for s in range(step))
    return before + microbatch // ranks + 1


def passes(step, rank, ranks):
    return len(range(rank, microbatches(step), ranks))


def start(path, ranks, faults, settings=(), status=None, **options):
    return SUBJECT.start(
        path, ranks, settings, program=runs.DEBUG, status=status,
        variables={"AIMASS_FAULT": ",".join(faults)} if faults else {}, **options)


ORDER = {}


def samples(step, microbatch):
    """The samples of a microbatch, as a run tells that has a NaN in it; the whole epoch's must be all samples."""
    epoch = step // PER_EPOCH
    if epoch not in ORDER:
        known = {}
        for place in range((BATCH + MICRO - 1) // MICRO):
            steps = [s for s in range(epoch * PER_EPOCH, min(STEPS, (epoch + 1) * PER_EPOCH)) if place < microbatches(s)]
            faults = [f"gradientReady:{passage(s, place, 1)}:nan@{TENSORS[0]}" for s in steps]
            path = f"{runs.SCRATCH}/order"
            result = start(
                path, 1, faults, ["train.nonFinite={skip: {consecutive: 1000, perThousand: 1000}}"], status=0,
                more=["--fresh"] if os.path.exists(path) else [])
            for found in re.finditer(r"step (\d+): NaN .*?microbatch (\d+), samples? ([\d, ]+) of the train", result.text):
                known[int(found[1]) - 1, int(found[2]) - 1] = found[3]
        seen = sorted(int(word) for text in known.values() for word in text.split(", "))
        whole = min(STEPS, (epoch + 1) * PER_EPOCH) - epoch * PER_EPOCH == PER_EPOCH
        if whole and seen != list(range(SAMPLES)) or len(set(seen)) != len(seen):
            raise Failed(f"epoch {epoch} sees {seen}")
        ORDER[epoch] = known
    return ORDER[epoch][step, microbatch]


def tensors(run, step):
    """The bytes of all arrays of a checkpoint, in canonical order."""
    kept = {}
    runs.reseal(run.checkpoint(step), None, lambda name, first, floats: kept.update({(name, first): floats}))
    return kept


def require(condition, result, what):
    if not condition:
        raise Failed(f"{what}: {result}")


POLICIES = {
    "abort": "abort", "skip": "skip", "rollback": "rollback", "rerun": "rerun",
    "rerun, then skip": "{rerun: {then: skip}}", "rerun, then rollback": "{rerun: {then: rollback}}",
}


class Case:
    """A step, a microbatch on some number of ranks, and where its run goes."""

    def __init__(self, seed, index):
        draw = runs.rng(seed, index)
        self.draw, self.index = draw, index
        self.ranks = draw.choice([1, 2, 3, 4])
        self.step = draw.randrange(1, STEPS - 2)
        self.microbatch = draw.randrange(microbatches(self.step))
        self.rank = self.microbatch % self.ranks
        self.tensor = draw.choice(TENSORS)
        self.policy = draw.choice(sorted(POLICIES))
        self.run = runs.Run(f"{runs.SCRATCH}/case-{index}")

    def fault(self, point, kind, place, again=False):
        number = passage(self.step, self.microbatch, self.ranks)
        numbers = [number] + ([number + passes(self.step, self.rank, self.ranks)] if again else [])
        return [f"{point}:{n}:{kind}@{place}:{self.rank}" for n in numbers]

    def start(self, faults, more=(), **options):
        return start(
            self.run.path, self.ranks, faults, [f"train.nonFinite={POLICIES[self.policy]}", *more], **options)

    # What a run that left the update of the step out has in the end, whatever the policy was.
    def left_out(self):
        path = f"{runs.SCRATCH}/without-{self.step}"
        if not os.path.exists(path + "/summary.json"):
            start(path, 1, [f"gradientReady:{passage(self.step, 0, 1)}:nan@{TENSORS[0]}"],
                  ["train.nonFinite=skip"], status=0)
        return runs.Run(path)

    def require_left_out(self, result):
        require(result.status == 0, result, "expected that the run goes on")
        summary, wanted = self.run.summary(), self.left_out().summary()
        require(summary["skippedSteps"] == 1, result, f"{summary['skippedSteps']} steps left out")
        require(summary["parametersDigest"] == wanted["parametersDigest"], result, "other weights than without the step")
        require(self.run.steps() == list(range(1, STEPS + 1)), result, f"the log has {self.run.steps()}")
        before, after = tensors(self.run, self.step), tensors(self.run, self.step + 1)
        require(repr(before) == repr(after), result, "the step has changed weights or optimizer state")
        states = [self.run.manifest(s)["state"] for s in (self.step, self.step + 1)]
        require(states[0]["stepsTaken"] == states[1]["stepsTaken"], result, "the step counts as taken")
        self.require_kept(result)

    def require_kept(self, result):
        """Resumed behind the step, without the fault: the counters are those of the whole run."""
        again = self.run.copy(self.run.path + "-resumed", self.step + 1)
        start(again.path, self.draw.choice([1, 2, 3]), [], [f"train.nonFinite={POLICIES[self.policy]}"], status=0)
        found, wanted = again.result(), self.run.result()
        require(not runs.differences(found, wanted), result, f"resumed, {runs.differences(found, wanted)} differ")
        shutil.rmtree(again.path)

    def names(self, place, only=None):
        """How the message of a microbatch begins."""
        text = samples(self.step, self.microbatch)
        if only is not None:
            text = text.split(", ")[only]
        return (f"step {self.step + 1}: NaN or infinity first in {place} (rank {self.rank}, microbatch "
                f"{self.microbatch + 1}, {'samples' if ',' in text else 'sample'} {text} of the train split)")


def seen(case, place, only=None, point="gradientReady", kind="nan", where=None):
    """A number that makes the step not finite, in a microbatch; it comes again only where that is drawn."""
    persistent = not case.policy.startswith("rerun") or case.draw.random() < 0.6
    result = case.start(case.fault(point, kind, where or case.tensor, persistent and case.policy.startswith("rerun")))
    require(case.names(place, only) in result.text, result, f"expected `{case.names(place, only)}`")
    if not persistent:
        require(result.status == 70, result, "expected the faulty machine's code 70")
        wanted = f"rank {case.rank} on {os.uname().nodename} found other bits in microbatch {case.microbatch + 1}"
        require(wanted in result.text, result, f"expected `{wanted}`")
    elif case.policy in ("abort", "rerun"):
        require(result.status == 79, result, "expected 79")
        require(("computed twice with the same result" in result.text) == (case.policy == "rerun"), result, "cause")
        require(max(case.run.checkpoints(), default=0) <= case.step, result, "a checkpoint of the step exists")
    else:
        case.require_left_out(result)
        state = case.run.manifest(STEPS)["state"]
        rolled = "rollback" in case.policy
        require(state.get("leftOut", []) == ([case.step] if rolled else []), result, f"state {state}")
        require(state.get("rollbacks", 0) == (1 if rolled else 0), result, f"state {state}")
        require(state.get("recentSkips", []) == ([] if rolled else [case.step]), result, f"state {state}")


def gradient(case):
    kind = case.draw.choice(["nan", "inf"])
    seen(case, f"the gradient of {case.tensor}", kind=kind)
    return f"{kind} in a gradient"


def inputs(case):
    kind = case.draw.choice(["nan", "inf"])
    seen(case, "input table", only=-1, point="inputReady", kind=kind, where="table")
    return f"{kind} in an input"


def losses(case):
    kind = case.draw.choice(["nan", "inf"])
    seen(case, "the loss of head y", point="lossReady", kind=kind, where="0")
    return f"{kind} in a loss"


def large(case):
    """Finite, but its square is not: no microbatch is to blame, the tensor is named."""
    case.policy = case.draw.choice(["abort", "skip", "rollback"])
    result = case.start(case.fault("gradientReady", "huge", case.tensor))
    wanted = (f"step {case.step + 1}: NaN or infinity first in the square of the gradient of {case.tensor}, which no "
              "Float32 holds")
    require(wanted in result.text, result, f"expected `{wanted}`")
    if case.policy == "abort":
        require(result.status == 79, result, "expected 79")
    else:
        case.require_left_out(result)
    return "1e38 in a gradient"


def harmless(case):
    """Numbers that are none of the policies' business: the run goes on."""
    point, kind, place = case.draw.choice([
        ("gradientReady", "denormal", case.tensor), ("inputReady", "denormal", "table"),
        ("lossReady", "denormal", "0"), ("lossReady", "huge", "0"), ("inputReady", "huge", "table")])
    case.policy = case.draw.choice(["abort", "skip", "rollback"])
    result = case.start(case.fault(point, kind, place))
    require(result.status == 0 and case.run.summary()["skippedSteps"] == 0, result, "expected that nothing is told")
    return f"{kind} at {point}"


def weights(case):
    """A weight, or a moment, that an update left not finite."""
    kind = case.draw.choice(["nan", "inf"])
    place = case.draw.choice(TENSORS + ["adam.m", "adam.v"])
    case.policy = case.draw.choice(["abort", "skip", "rollback"])
    array = place if place.startswith("adam") else "weights"
    result = case.start(
        [f"weightsMoved:{case.step + 1}:{kind}@{place}"],
        # Only checkpoints and the next step look, but under rollback.
        [] if case.policy == "rollback" else ["checkpoint.everySteps=1000"] if case.draw.random() < 0.5 else [])
    if case.policy == "rollback":
        wanted = f"step {case.step + 1}: NaN or infinity after its update in {array} of "
        require(wanted in result.text, result, f"expected `{wanted}`")
        require(result.status == 0, result, "expected that the run goes on")
        require(case.run.summary()["parametersDigest"] == case.left_out().summary()["parametersDigest"], result,
                "other weights than without the step")
        case.require_kept(result)
    else:
        require(result.status == 79, result, "expected 79")
        # Without a checkpoint it is the pass after it that shows it, of a moment the pass after that, and later still where
        # the tanh of an infinite sum is finite.
        saved = f"{array} of {place if place in TENSORS else ''}" in result.text and "so no checkpoint is written" in result.text
        later = any(f"step {case.step + n}: NaN or infinity first in " in result.text for n in range(2, STEPS))
        require(saved or later, result, "expected what is not finite")
        require(not later or case.policy == "abort" or "have not been finite since an earlier update" in result.text,
                result, "expected that no step can be finite again")
        bad = [step for step in case.run.checkpoints() if step > case.step]
        require(not bad, result, f"checkpoints {bad} hold it")
    return f"{kind} in {array} after an update"


def stopped(case):
    """Stopped after going back and before the step that is left out: the resumed run leaves it out too."""
    case.policy = "rollback"
    case.step = case.draw.choice([6, 7])
    case.microbatch = case.draw.randrange(microbatches(case.step))
    case.rank = case.microbatch % case.ranks
    # Steps 1 to `step` are done before the fault, then those from 5 on again; the wish is met in the step after.
    save = f"stepDone:{case.step + 1}:save"
    result = case.start(case.fault("gradientReady", "nan", case.tensor) + [save], ["checkpoint.everySteps=4"])
    require(result.status == 75, result, "expected that it saves and stops")
    last = case.run.checkpoints()[-1]
    require(4 < last <= case.step, result, f"stopped at {last}")
    resumed = start(case.run.path, case.draw.choice([1, 2, 3]), [],
                    ["train.nonFinite=abort", "checkpoint.everySteps=4"], status=0)
    digests = [r.summary()["parametersDigest"] for r in (case.run, case.left_out())]
    require(digests[0] == digests[1], resumed, "other weights than without the step")
    require(case.run.summary()["skippedSteps"] == 1, resumed, "steps left out")
    return f"stopped at {last} before step {case.step + 1} that is left out"


def limits(case):
    """More steps that are not finite than the limits permit."""
    case.ranks, case.policy = case.draw.choice([1, 2]), "abort"
    row = case.draw.choice([True, False])
    permitted = case.draw.choice([0, 1, 2])
    steps = range(1, STEPS) if row else range(0, STEPS, 2)
    faults = [f"gradientReady:{passage(s, 0, case.ranks)}:nan@{case.tensor}:0" for s in steps]
    setting = f"{{skip: {{consecutive: {permitted}}}}}" if row else f"{{skip: {{perThousand: {permitted}}}}}"
    result = start(case.run.path, case.ranks, faults, [f"train.nonFinite={setting}"])
    wanted = f"{permitted + 1} steps in a row" if row else f"{permitted + 1} of the last 1000 steps"
    require(result.status == 79 and f"{wanted} were skipped, train.nonFinite permits {permitted}" in result.text,
            result, f"expected 79 and `{wanted}`")
    return f"skip {setting}"


def rolled_too_often(case):
    case.ranks = case.draw.choice([1, 2])
    times = case.draw.choice([1, 2])
    steps = [2, 4, 6]
    number, faults = 0, []
    # Every fault is met once; going back to the checkpoint of its step computes nothing twice but the step.
    for back, step in enumerate(steps):
        number = passage(step, 0, case.ranks) + sum(passes(s, 0, case.ranks) for s in steps[:back])
        faults.append(f"gradientReady:{number}:nan@{case.tensor}:0")
    result = start(case.run.path, case.ranks, faults, [f"train.nonFinite={{rollback: {{times: {times}}}}}"])
    wanted = f"the run went back {times} times, train.nonFinite permits {times}"
    require(result.status == 79 and wanted in result.text, result, f"expected 79 and `{wanted}`")
    return f"rollback {times}"


def flipped(case):
    """One bit, at rest."""
    every = case.draw.choice([1, 2, 3])
    number = case.draw.randrange(1, (STEPS - 1) // every + 1) * every
    copies = case.draw.random() < 0.4
    case.policy = case.draw.choice(sorted(POLICIES))
    settings = [f"distributed.checkEvery={every}"]
    if copies:
        case.ranks = case.draw.choice([2, 3, 4])
        rank = case.draw.randrange(case.ranks)
        settings.append("exchange.copies=rank")
        # One block of parameters: rank R - 1 is its owner, as the last place of them all.
        rank = rank % max(1, case.ranks - 1)
        array, fault = "weights", f"memoryAtRest:{number}:flip@copy of {case.tensor}:{rank}"
    else:
        place = case.draw.choice(TENSORS + ["adam.m", "adam.v"])
        array = place if place.startswith("adam") else "weights"
        fault = f"memoryAtRest:{number}:flip@{place}"
        rank = None
    if number >= STEPS:
        number = STEPS - 1
    result = case.start([fault], settings)
    require(result.status == 70, result, "expected 70")
    found = re.search(r"aimass: rank (\d+): (\S+) of (.*) changed between the updates of steps (\d+) and (\d+)", result.text)
    require(found, result, "expected what changed")
    require(found[2] == array and int(found[4]) == number, result, f"expected {array} after step {number}")
    require(array != "weights" or (case.tensor if copies else place) in found[3], result, "expected the tensor")
    require(rank is None or int(found[1]) == rank, result, f"expected rank {rank}")
    require(f"of {os.uname().nodename} is faulty" in result.text, result, "expected the host")
    return f"flipped {array}{' of a copy' if copies else ''}"


# Subjects with state of other kinds, a tensor of each, and the passes of a full step on one rank.
OTHERS = [
    (subjects.Subject("streams", subjects.streams, settings=["train.epochs=1"]), "heads.next.0.weight", 4),
    (subjects.Subject("words", subjects.words), "heads.text.0.weight", 4),
    (subjects.Subject("rows", subjects.rows), "heads.digit.0.weight", 7),
    (subjects.Subject("coupled", subjects.coupled, settings=["train.epochs=2"]), "heads.digit.0.weight", 7),
    (subjects.Subject("groups", subjects.glyphs, settings=[
        "train.epochs=2", "modalities.table.encoder.1={batchNorm: {sync: 4}}"]), "heads.digit.0.weight", 2),
    (subjects.Subject("averaged", subjects.glyphs, settings=[
        "train={epochs: 2, ema: 0.9, clipNorm: 1}", "schedule={cosine: {warmupSteps: 5}}",
        "optimizer={lamb: {learningRate: 0.01}}"]), "heads.digit.0.weight", 7),
]


def others(case):
    """Whatever state a model has, skip, rollback and rerun leave the same run behind, on one rank and on two."""
    subject, tensor, count = case.draw.choice(OTHERS)
    step, microbatch = case.draw.randrange(1, 4), case.draw.randrange(0, count, 2)
    half = count if subject.name == "groups" else (count + 1) // 2
    alone = count * step + microbatch + 1
    two = half * step + (microbatch if subject.name == "groups" else microbatch // 2) + 1
    results = {}
    for policy, ranks, numbers in [
        ("skip", 1, [alone]), ("rollback", 1, [alone]), ("{rerun: skip}", 1, [alone, alone + count]), ("skip", 2, [two])]:
        path = f"{case.run.path}-{len(results)}"
        result = subject.start(
            path, ranks, [f"train.nonFinite={policy}"], program=runs.DEBUG,
            variables={"AIMASS_FAULT": ",".join(f"gradientReady:{n}:nan@{tensor}:0" for n in numbers)})
        results[policy, ranks] = runs.Run(path).result()
        # Computed once more without the fault, the step has a norm.
        results[policy, ranks]["history"] = [
            line for line in results[policy, ranks]["history"] if '"skipped"' not in line]
        require(results[policy, ranks]["summary"]["skippedSteps"] == 1, result, f"{policy}: expected one step left out")
        require(f"step {step + 1}: NaN" in result.text, result, f"expected step {step + 1}")
        shutil.rmtree(path)
    for key, found in results.items():
        different = runs.differences(found, results["skip", 1])
        if different:
            raise Failed(f"{subject.name}, step {step + 1}: {key} and skip on one rank differ in {different}")
    return f"{subject.name} under all policies"


def check(seed, index, kinds):
    """A case: the kinds in turn, everything else drawn."""
    case = Case(seed, index)
    shutil.rmtree(case.run.path, ignore_errors=True)
    note = kinds[index % len(kinds)](case)
    shutil.rmtree(case.run.path, ignore_errors=True)
    if os.environ.get("AIMASS_SOAK_VERBOSE"):
        return f"{note}; {case.policy}, step {case.step + 1}, rank {case.rank} of {case.ranks}"


def tier(test, kinds, default):
    runs.tier(test, lambda arguments: [
        (f"case {index}", lambda index=index: check(arguments.seed, index, kinds))
        for index in range(arguments.count)], default)
