"""What is done to a folder of checkpoints, and what it must hold before and after."""

import os
import shutil

from .driver import Store, discard, faults, scratch
from .trace import read_trace


class Scenario:
    """Commands that make a folder, and commands that meet the faults.

    `expected` maps (step, version) to the digest of what a checkpoint holds.
    """

    def __init__(self, name, setup, run, old, new, kept=(), litter=None):
        self.name, self.setup, self.run, self.litter = name, setup, run, litter
        # The newest checkpoint before and after, and those that must outlive any fault.
        self.old, self.new, self.kept = old, new, set(kept)

    @property
    def saves(self):
        return self.run[0].startswith("save")

    def root(self, folder):
        return os.path.join(folder, "run", "checkpoints")

    def commands(self, folder):
        return [line.replace("ROOT", self.root(folder)) for line in self.run]

    def build(self, template):
        """Makes the folder as it is before, in `template`."""
        os.makedirs(os.path.join(template, "run"))
        with Store() as store:
            for line in self.setup:
                store.must(line.replace("ROOT", self.root(template)))
        if self.litter:
            self.litter(self.root(template))


def _interrupted(root):
    """What runs that were killed leave: an attempt, a replacement, half a deletion."""
    newest = os.path.join(root, "step-00000020")
    attempt = os.path.join(root, ".tmp-step-00000030")
    shutil.copytree(newest, attempt)
    os.unlink(os.path.join(attempt, "COMMIT"))
    os.rename(os.path.join(root, "step-00000010"), os.path.join(root, ".old-step-00000010"))
    deleted = os.path.join(root, ".del-step-00000005")
    shutil.copytree(newest, deleted)
    os.unlink(os.path.join(deleted, "manifest.json"))


def _damaged(root):
    path = os.path.join(root, "step-00000020", "shard-00001-of-00002.safetensors")
    with open(path, "r+b") as file:
        file.seek(5000)
        byte = file.read(1)[0]
        file.seek(5000)
        file.write(bytes([byte ^ 16]))


SCENARIOS = [
    Scenario("first", [], ["save root=ROOT step=10"], None, (10, 1)),
    Scenario("interval", ["save root=ROOT step=10"], ["save root=ROOT step=20"],
             (10, 1), (20, 1), kept=[(10, 1)]),
    Scenario("retention", [f"save root=ROOT step={step}" for step in (10, 20, 30)],
             ["save root=ROOT step=40 keep=2"], (30, 1), (40, 1), kept=[(30, 1)]),
    Scenario("replace", ["save root=ROOT step=10", "save root=ROOT step=20"],
             ["save root=ROOT step=20 version=2 ranks=3"], (20, 1), (20, 2), kept=[(10, 1)]),
    Scenario("resume", ["save root=ROOT step=10", "save root=ROOT step=20"],
             ["prepare root=ROOT", "load root=ROOT"], (20, 1), (20, 1), kept=[(10, 1), (20, 1)],
             litter=_interrupted),
    Scenario("damaged", ["save root=ROOT step=10", "save root=ROOT step=20"],
             ["prepare root=ROOT", "load root=ROOT"], (10, 1), (10, 1), kept=[(10, 1)],
             litter=_damaged),
    Scenario("attempt", ["save root=ROOT step=10", "save root=ROOT step=20",
                         "attempt root=ROOT step=20"],
             ["attempt root=ROOT step=20", "succeed root=ROOT step=20"], (20, 1), (20, 1),
             kept=[(10, 1), (20, 1)]),
    Scenario("pin", ["save root=ROOT step=10", "save root=ROOT step=20"],
             ["pin root=ROOT step=10", "pin root=ROOT step=10 on=0"], (20, 1), (20, 1),
             kept=[(10, 1), (20, 1)]),
]


class Bench:
    """The scenarios made once, the digests they must show, and a driver without faults that judges."""

    def __init__(self, scenarios=SCENARIOS):
        self.folder = scratch()
        self._judge = Store()
        self.digests = {}
        self.traces = {}
        self.scenarios = {scenario.name: scenario for scenario in scenarios}
        self.count = 0
        self._learn()
        for scenario in scenarios:
            scenario.build(self.template(scenario))
            self.traces[scenario.name] = self._record(scenario)

    @property
    def judge(self):
        """The driver without faults, started again where the last case ended it."""
        if self._judge.process.poll() is not None:
            self._judge.close()
            self._judge = Store()
        return self._judge

    def _learn(self):
        """The digest of each checkpoint that a scenario can make, from one made alone."""
        for step in (5, 10, 20, 30, 40):
            for version in (1, 2):
                root = os.path.join(self.folder, f"alone-{step}-{version}")
                self.judge.must(f"save root={root} step={step} version={version}")
                self.digests[step, version] = self.judge.must(f"load root={root}")["digest"]
        assert len(set(self.digests.values())) == len(self.digests)

    def template(self, scenario):
        return os.path.join(self.folder, "template-" + scenario.name)

    def copy(self, scenario):
        """A fresh copy of the folder as it is before the scenario."""
        self.count += 1
        folder = os.path.join(self.folder, f"case-{self.count}")
        shutil.copytree(self.template(scenario), folder, symlinks=True)
        return folder

    def _record(self, scenario):
        """The calls of the scenario without a fault."""
        folder = self.copy(scenario)
        trace = os.path.join(self.folder, "trace-" + scenario.name)
        with Store(faults(os.path.join(folder, "run"), trace=trace)) as store:
            for line in scenario.commands(folder):
                store.must(line)
        discard(folder)
        return read_trace(trace, folder)

    def known(self, told):
        """Which checkpoint an answer is about, or None if its content is of none."""
        version = told.get("version", "").removeprefix("version ")
        key = (told.get("step"), int(version) if version.isdigit() else None)
        return key if key in self.digests and self.digests[key] == told["digest"] else None

    def close(self):
        self._judge.close()
        discard(self.folder)
