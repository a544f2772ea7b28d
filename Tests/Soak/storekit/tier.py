"""The frame of a tier: seeds, counts, one line of JSON per test, and how to run one case again."""

import argparse
import json
import os
import random
import sys
import time


class Failed(Exception):
    """A case that did not end as it must; the text says what was expected and what was found."""


def need(condition, text):
    if not condition:
        raise Failed(text)


def arguments(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=None, help="cases of each test; by default all")
    parser.add_argument("--only", type=int, default=None, help="one case, as a failure names it")
    parser.add_argument("--test", default=None, help="one test of this tier")
    parser.add_argument("--match", default="", help="only cases whose name contains this")
    parser.add_argument("--stop", action="store_true", help="end with the first failure")
    return parser.parse_args()


class Tier:
    """Runs tests, each a list of cases in an order that the seed decides."""

    def __init__(self, options):
        self.options = options
        self.failures = 0

    def chosen(self, test):
        return self.options.test in (None, test)

    def enumerated(self, test, cases, run, note="", name=str):
        """Runs `run(case)` for `count` of the cases, all where none is given; `name(case)` names one."""
        cases = [case for case in cases if self.options.match in name(case)]
        order = list(range(len(cases)))
        random.Random(f"{self.options.seed} {test}").shuffle(order)
        count = len(cases) if self.options.count is None else min(self.options.count, len(cases))
        self.batch(test, count, lambda i: run(cases[order[i]]),
                   lambda i: name(cases[order[i]]),
                   f"{count} of {len(cases)}{', ' + note if note else ''}")

    def drawn(self, test, count, run, note=""):
        """Runs `run(random, i)` for cases that are drawn; case `i` depends on the seed and `i` alone."""
        if self.options.count is not None:
            count = min(count, self.options.count)
        seed = self.options.seed
        self.batch(test, count, lambda i: run(random.Random(f"{seed} {test} {i}"), i), str, note)

    def batch(self, test, count, run, name, note):
        if not self.chosen(test):
            return
        start = time.monotonic()
        only = self.options.only
        numbers = range(count) if only is None else [only]
        failed = 0
        for number in numbers:
            try:
                run(number)
            except Failed as failure:
                failed += 1
                print(f"{os.path.basename(sys.argv[0])} --seed {self.options.seed} --test {test} "
                      f"--only {number}: {name(number)}: {failure}", file=sys.stderr, flush=True)
                if self.options.stop:
                    sys.exit(1)
        self.failures += failed
        print(json.dumps({"test": test, "seed": self.options.seed, "cases": len(numbers),
                          "failed": failed, "note": note,
                          "seconds": round(time.monotonic() - start, 1)}), flush=True)

    def finish(self):
        sys.exit(1 if self.failures else 0)
