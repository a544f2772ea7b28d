"""Trainings of one small configuration, whose files meet faults."""

import json
import os
import shutil
import subprocess

from .driver import PROGRAM, scratch
from .tier import need

RECIPE = """
name: glyphs
sources:
  draws: {synthetic: glyphs, samples: 60, seed: 1}
splits:
  train: {table: draws.table, label: draws.label}
fields:
  table: {modality: table, numeric: [length, mass, ratio, tilt, count, age]}
  label: {modality: label, classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]}
"""

# The same with something to measure.
MEASURED = RECIPE.replace("splits:", """  others: {synthetic: glyphs, samples: 50, seed: 1, first: 1280}
splits:
  validation: {table: others.table, label: others.label}""")

# Ten steps; checkpoints after 3, 6, 9 and 10, of which the last two stay.
CONFIGURATION = """
name: glyphs
seed: 7
data: {file: glyphs.h5}
batch: {global: 12, micro: 3}
modalities:
  table: {field: table, encoder: [{linear: {out: 64}}, relu]}
heads:
  digit: {layers: [{linear: {out: 10}}], loss: crossEntropy, target: label}
optimizer: {adam: {learningRate: 2.0e-3}}
train: {epochs: 2}
checkpoint: {everySteps: 3, keep: 2}
"""

VARIABLES = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1", "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
    "OMPI_MCA_mpi_yield_when_idle": "1", "HDF5_USE_FILE_LOCKING": "FALSE", "AIMASS_DATA": "",
}


class Trainings:
    """Runs of one small configuration, and what they must end with."""

    def __init__(self, more=(), recipe=RECIPE):
        self.folder = scratch()
        # Settings of every run.
        self.more = list(more)
        self.count = 0
        # What killed ranks leave goes with the folder.
        VARIABLES["OMPI_MCA_btl_vader_backing_directory"] = self.folder
        for name, text in [("recipe.yaml", recipe), ("glyphs.yaml", CONFIGURATION)]:
            with open(os.path.join(self.folder, name), "w") as file:
                file.write(text)
        done = subprocess.run(
            [PROGRAM, "prepare", "recipe.yaml", "-o", "glyphs.h5", "--root", self.folder],
            cwd=self.folder, env={**os.environ, **VARIABLES}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        # A run that nothing happens to.
        self.straight = self.fresh()
        done = self.train(self.straight)
        assert done.returncode == 0, done.stderr
        self.reference = self.digest(self.straight)

    def fresh(self):
        self.count += 1
        return os.path.join(self.folder, f"run-{self.count}")

    def words(self, run, variables=None, more=(), ranks=2):
        """The command of one start under mpirun, which a hang does not outlive."""
        words = ["mpirun", "--timeout", "60", "-n", f"{ranks}", "--bind-to", "none"]
        # The library is for the ranks alone: `env` puts it into their environment.
        words += ["env", *[f"{name}={value}" for name, value in (variables or {}).items()]]
        return [*words, PROGRAM, "train", os.path.join(self.folder, "glyphs.yaml"), "--output",
                run, *self.more, *more]

    def train(self, run, variables=None, more=(), ranks=2):
        return subprocess.run(self.words(run, variables, more, ranks), env={**os.environ, **VARIABLES},
                              capture_output=True, text=True, errors="replace", timeout=90)

    def digest(self, run):
        path = os.path.join(run, "summary.json")
        if not os.path.exists(path):
            return None
        with open(path) as file:
            return json.load(file)["parametersDigest"]

    def completes(self, run, more=(), reference=None, finished=False):
        """The next start, to which nothing happens, ends as if nothing had happened before."""
        done = self.train(run, more=more)
        need(done.returncode == 0, f"the next start ends with {done.returncode}: {done.stderr[-800:]}")
        need(self.digest(run) == (reference or self.reference),
             "the next start ends with other parameters")
        need(finished or not self.litter(run), f"litter stays: {self.litter(run)}")
        shutil.rmtree(run)

    def litter(self, run):
        names = os.listdir(os.path.join(run, "checkpoints"))
        return [name for name in names if not name.startswith("step-")]

    def history(self, run):
        """The log without what depends on the speed of the machine, line by line."""
        lines = []
        with open(os.path.join(run, "metrics.jsonl")) as file:
            for line in file:
                told = json.loads(line)
                told.pop("samplesPerSecond", None)
                lines.append(json.dumps(told, sort_keys=True))
        return lines
