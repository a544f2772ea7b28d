"""Runs that are disturbed from outside, and compared with one that was left alone.

What the tiers of kills, signals, hangs and cut nodes share. A tier is a function of a `Case`; everything a
case does at random derives from its seed and number alone, so that it can be run again by itself.
"""

import argparse
import glob
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.environ.get("AIMASS_ROOT") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.environ.get("AIMASS") or ROOT + "/.build/release/aimass"
DEBUG = os.environ.get("AIMASS_DEBUG") or ROOT + "/.build/debug/aimass"
MARK = "AIMASS_SOAK_CASE"
INTERVAL = 40
STEPS = 600
LIMIT = 5

RECIPE = """
name: glyphs
sources:
  draws: {synthetic: glyphs, samples: 1280, seed: 1}
  others: {synthetic: glyphs, samples: 100, seed: 1, first: 1280}
splits:
  train: {table: draws.table, label: draws.label}
  validation: {table: others.table, label: others.label}
fields:
  table: {modality: table, numeric: [length, mass, ratio, tilt, count, age]}
  label: {modality: label, classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]}
"""

CONFIGURATION = f"""
name: run
seed: 3
data: {{file: glyphs.h5}}
batch: {{global: 128, micro: 16}}
modalities:
  table:
    field: table
    encoder: [{{linear: {{out: 256}}}}, batchNorm, relu, {{dropout: {{rate: 0.1}}}}]
heads:
  digit: {{layers: [{{linear: {{out: 10}}}}], loss: crossEntropy, target: label}}
optimizer: {{adam: {{learningRate: 1.0e-3}}}}
train: {{steps: {STEPS}, ema: 0.9}}
checkpoint: {{everySteps: {INTERVAL}, keep: 3}}
evaluate: {{everyEpochs: 10, metrics: [accuracy]}}
distributed: {{watchdogSeconds: {LIMIT}}}
"""


class Failed(Exception):
    """What a case shows that should not be."""


def expect(condition, text):
    if not condition:
        raise Failed(text)


def environment(**more):
    """Variables under which a job starts in a container, as root, on fewer cores than ranks."""
    values = dict(os.environ)
    for name in list(values):
        if name.startswith(("AIMASS_", "OMPI_COMM", "PMIX_")):
            del values[name]
    values.update(
        OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
        OMPI_MCA_rmaps_base_oversubscribe="1", OMPI_MCA_btl_vader_single_copy_mechanism="none",
        HDF5_USE_FILE_LOCKING="FALSE", SWIFT_BACKTRACE="enable=no", AIMASS_DATA="", COLUMNS="80")
    values.update(more)
    return values


def variables(process):
    """The environment a process was started with; empty where it is gone."""
    try:
        with open(f"/proc/{process}/environ", "rb") as file:
            text = file.read().decode(errors="replace")
    except OSError:
        return {}
    return dict(part.split("=", 1) for part in text.split("\0") if "=" in part)


def name_of(process):
    try:
        with open(f"/proc/{process}/comm") as file:
            return file.read().strip()
    except OSError:
        return ""


def state_of(process):
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0]
    except (OSError, IndexError):
        return ""


def parent_of(process):
    try:
        with open(f"/proc/{process}/stat") as file:
            return int(file.read().rsplit(")", 1)[1].split()[1])
    except (OSError, IndexError):
        return 0


def send(number, process):
    """Whether the signal found its process."""
    try:
        os.kill(process, number)
        return True
    except ProcessLookupError:
        return False


class Job:
    """One supervised job, from its start to its last process."""

    def __init__(self, case, words, program=PROGRAM, before=(), **more):
        self.mark = f"{os.getpid()}-{case.seed}-{case.index}-{random.SystemRandom().getrandbits(32):x}"
        self.log = case.path(f"log-{len(case.jobs)}")
        case.jobs.append(self)
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [*before, program, *words], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True, cwd=case.shelf, env=environment(**{MARK: self.mark}, **more))

    def text(self):
        with open(self.log, errors="replace") as log:
            return log.read()

    def wait_for(self, words, count=1, seconds=40):
        """Waits until the output holds `words` so often; false if the job ends before."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.text().count(words) >= count:
                return True
            if self.process.poll() is not None:
                return self.text().count(words) >= count
            time.sleep(0.02)
        raise Failed(f"'{words}' did not come within {seconds} s")

    def wait(self, seconds=90):
        """The exit status, -N for signal N."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"not done after {seconds} s") from None

    def processes(self):
        """The living processes of the job on this machine, the supervisor's leash and mpirun with them."""
        found = []
        for path in glob.glob("/proc/[0-9]*"):
            process = int(path[6:])
            if variables(process).get(MARK) == self.mark and state_of(process) not in ("", "Z"):
                found.append(process)
        return found

    def ranks(self):
        """The living ranks, by number."""
        found = {}
        for process in self.processes():
            rank = variables(process).get("OMPI_COMM_WORLD_RANK")
            if rank is not None and name_of(process).startswith("aimass"):
                found[int(rank)] = process
        return found

    def mpirun(self):
        return [process for process in self.processes() if name_of(process) == "mpirun"]

    def gone(self, seconds):
        """Waits until no process is left."""
        end = time.monotonic() + seconds
        while True:
            left = self.processes()
            if not left:
                return
            if time.monotonic() > end:
                names = [f"{process} {name_of(process)}" for process in left]
                raise Failed(f"left over after {seconds} s: {names}")
            time.sleep(0.1)

    def end(self):
        for process in self.processes():
            send(signal.SIGKILL, process)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Run:
    """What a run folder says."""

    def __init__(self, path):
        self.path = path

    def json(self, name):
        try:
            with open(f"{self.path}/{name}") as file:
                return json.load(file)
        except (OSError, ValueError):
            return None

    def failures(self):
        return (self.json("failure.json") or {}).get("failures", [])

    def history(self):
        lines = []
        with open(self.path + "/metrics.jsonl") as file:
            for line in file:
                values = json.loads(line)
                values.pop("samplesPerSecond", None)
                lines.append(values)
        return lines

    def result(self):
        summary = self.json("summary.json")
        expect(summary is not None, "the run is not finished")
        return summary["parametersDigest"], summary.get("metrics"), self.history()


class Case:
    """One case of a tier."""

    reference = None

    def __init__(self, seed, index, shelf, folder):
        self.seed, self.index, self.shelf, self.folder = seed, index, shelf, folder
        self.random = random.Random(f"{seed}/{index}")
        self.jobs = []
        self.counts = {}

    def path(self, name):
        return f"{self.folder}/{name}"

    def run(self):
        return Run(self.path("run"))

    def words(self, ranks, restarts=3, command="train", more=()):
        return [command, "run.yaml", "--ranks", str(ranks), "--restarts", str(restarts),
                "-o", self.path("run"), *more]

    def start(self, ranks, restarts=3, more=(), **variables):
        return Job(self, self.words(ranks, restarts, more=more), **variables)

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def expect_reference(self):
        """The run is, to the last bit and line, the one that was left alone."""
        digest, metrics, history = self.run().result()
        wanted = Case.reference
        expect(digest == wanted[0], f"digest {digest}, not {wanted[0]}")
        expect(metrics == wanted[1], f"metrics {metrics}, not {wanted[1]}")
        expect(history == wanted[2], "the history differs from that of the reference")

    def moment(self, share=0.8):
        """Seconds after the start of training, most likely before its end."""
        return self.random.random() * share * Case.seconds

    def resume(self, ranks):
        """Goes on to the end, and compares."""
        job = self.start(ranks)
        expect(job.wait() == 0, "the resumed job did not end with 0")
        job.gone(1)
        self.expect_reference()

    def expect_little_lost(self):
        """No failure cost more than the steps since the last checkpoint."""
        for failure in self.run().failures():
            step, saved = failure.get("step"), failure.get("checkpointAfter") or 0
            if step is not None:
                # The step being computed, and one checkpoint that is still on its way to the disk.
                expect(step - 1 - saved <= 2 * INTERVAL, f"step {step}, but the last checkpoint is {saved}")

    def end(self):
        for job in self.jobs:
            job.end()


class Nodes:
    """Virtual nodes, for as long as a case needs them."""

    numbers = 0

    def __init__(self, case, count):
        Nodes.numbers += 1
        self.case, self.count = case, count
        self.name = f"s{os.getpid()}-{Nodes.numbers}"

    def script(self, *words):
        return check([ROOT + "/launch/virtual-nodes", *words], env=environment())

    def __enter__(self):
        self.script("up", str(self.count), "--prefix", self.name)
        return self

    def __exit__(self, *_):
        for job in self.case.jobs:
            job.end()
        self.script("down", "--prefix", self.name)

    def address(self, node):
        return f"10.77.0.{node}"

    def launch(self, ranks, restarts=3, more=(), order=None):
        """A supervised job on all nodes, with so many ranks on each; the supervisor is on the first."""
        slots = ranks if isinstance(ranks, list) else [ranks] * self.count
        order = order or range(1, self.count + 1)
        hosts = ",".join(f"{self.address(node)}:{slots[node - 1]}" for node in order)
        words = ["launch", "run.yaml", "--hosts", hosts, "--agent", f"/run/aimass-nodes/{self.name}/agent",
                 "--interfaces", "10.77.0.0/24", "--bind", "none", "--restarts", str(restarts),
                 "-o", self.case.path("run"), *more]
        before = [ROOT + "/launch/virtual-nodes", "exec", "1", "--prefix", self.name, "--"]
        return Job(self.case, words, before=before)

    def cut(self, node):
        self.script("cut", str(node), "--prefix", self.name)

    def processes(self):
        """What runs on each node, by its number."""
        found = {}
        for node in range(1, self.count + 1):
            text = check(["ip", "netns", "pids", f"{self.name}-{node}"])
            found[node] = [int(word) for word in text.split()]
        return found

    def living(self):
        return [process for group in self.processes().values() for process in group if state_of(process) != "Z"]


def check(command, **keywords):
    done = subprocess.run(command, capture_output=True, text=True, **keywords)
    expect(done.returncode == 0, f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def lay(shelf):
    """Writes configuration and data, and trains the reference, unless an earlier tier has."""
    if os.path.exists(shelf + "/seconds"):
        with open(shelf + "/seconds") as file:
            Case.seconds = float(file.read())
        Case.reference = Run(shelf + "/reference").result()
        return
    with open(shelf + "/recipe.yaml", "w") as file:
        file.write(RECIPE)
    with open(shelf + "/run.yaml", "w") as file:
        file.write(CONFIGURATION)
    check([PROGRAM, "prepare", "recipe.yaml", "-o", "glyphs.h5"], cwd=shelf, env=environment())
    case = Case(0, 0, shelf, shelf)
    job = Job(case, ["train", "run.yaml", "--ranks", "2", "-o", "reference"])
    job.wait_for("placement:")
    begin = time.monotonic()
    expect(job.wait(300) == 0, f"the reference failed: {job.text()}")
    # How long a run trains; kills are drawn from this.
    Case.seconds = time.monotonic() - begin
    Case.reference = Run(shelf + "/reference").result()
    with open(shelf + "/seconds", "w") as file:
        file.write(f"{Case.seconds}\n")


def laid(steps):
    """Lays as `lay` does, with a reference of so many steps: fewer for a slow build, more for what takes time to aim."""
    def prepare(shelf):
        lay(shelf)
        folder, case = f"{shelf}/steps-{steps}", Case(0, 0, shelf, shelf)
        job = Job(case, ["train", "run.yaml", "--ranks", "2", "--set", f"train.steps={steps}", "-o", folder])
        job.wait_for("placement:")
        begin = time.monotonic()
        expect(job.wait(300) == 0, f"the reference of {steps} steps failed: {job.text()}")
        Case.seconds = time.monotonic() - begin
        Case.reference = Run(folder).result()
    return prepare


def main(tier, test, prepare=lay):
    """Runs the cases of a tier as `launch/soak` asks for them."""
    parser = argparse.ArgumentParser(description=test.__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--only", type=int, help="run this case alone")
    parser.add_argument("--keep", action="store_true", help="leave the folders of the cases")
    options = parser.parse_args()
    scratch = tempfile.mkdtemp(prefix=f"{tier}-", dir=os.environ.get("AIMASS_SCRATCH"))
    # A folder that several tiers share has what all of them need.
    shelf = os.environ.get("AIMASS_SOAK_SHELF") or scratch
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    numbers = range(options.count) if options.only is None else [options.only]
    failed, batch, counts, begin = 0, [0, 0], {}, time.monotonic()

    def tell():
        note = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
        line = {"test": tier, "seed": options.seed, "cases": batch[0], "failed": batch[1],
                "note": note, "seconds": round(time.monotonic() - begin, 1)}
        print(json.dumps(line), flush=True)
        batch[:] = [0, 0]
        counts.clear()

    try:
        prepare(shelf)
        for index in numbers:
            folder = f"{scratch}/case-{index}"
            os.mkdir(folder)
            case = Case(options.seed, index, shelf, folder)
            try:
                test(case)
            except Failed as failure:
                failed += 1
                batch[1] += 1
                print(f"{os.path.relpath(sys.argv[0])} --seed {options.seed} --only {index}: {failure}", file=sys.stderr)
                for job in case.jobs:
                    print(job.text()[-3000:], file=sys.stderr, flush=True)
            finally:
                case.end()
            batch[0] += 1
            for what, count in case.counts.items():
                counts[what] = counts.get(what, 0) + count
            if not options.keep:
                shutil.rmtree(folder, ignore_errors=True)
            if batch[0] == 50:
                tell()
        if batch[0]:
            tell()
    finally:
        if not options.keep:
            shutil.rmtree(scratch, ignore_errors=True)
    sys.exit(1 if failed else 0)
