"""Runs the tiers of plan.json until each has its goal, and keeps the ledger. Called by launch/soak."""

import argparse
import datetime
import json
import os
import pathlib
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LEDGER = ROOT / "docs" / "reliability.jsonl"
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- table: made by launch/soak --table -->", "<!-- end of table -->"


def ledger():
    """All batches that ever ran, oldest first."""
    if not LEDGER.exists():
        return []
    return [json.loads(line) for line in LEDGER.read_text().splitlines() if line.strip()]


def done(lines, test):
    """Cases of a test, and failures."""
    own = [line for line in lines if line["test"] == test]
    return sum(line["cases"] for line in own), sum(line["failed"] for line in own)


def commit():
    """The commit that runs, with a mark where files were changed."""
    def git(*words):
        return subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True).stdout.strip()
    changed = git("status", "--porcelain", "--untracked-files=no", "--", "Sources", "Tests", "launch")
    return git("rev-parse", "--short", "HEAD") + ("+" if changed else "")


class Stillness(threading.Thread):
    """Notices that the machine stood still, as a paused virtual machine does: what waited then was not slow."""

    def __init__(self):
        super().__init__(daemon=True)
        self.longest = 0.0
        self.start()

    def run(self):
        while True:
            before = time.monotonic()
            time.sleep(0.1)
            self.longest = max(self.longest, time.monotonic() - before - 0.1)

    def taken(self):
        """The longest pause in seconds since the last call."""
        longest, self.longest = self.longest, 0.0
        return round(longest, 1)


def run_batch(entry, seed, count):
    """One batch of a tier: what it reports, as it comes; nothing where it broke."""
    with tempfile.TemporaryDirectory(prefix="aimass-soak-") as scratch:
        tier, *words = entry["tier"].split()
        child = subprocess.Popen(
            [str(HERE / tier), *words, "--seed", str(seed), "--count", str(count)],
            env={**os.environ, "AIMASS_SCRATCH": scratch}, stdout=subprocess.PIPE, text=True,
            start_new_session=True)
        reported = False
        try:
            for line in child.stdout:
                if line.startswith("{"):
                    reported = True
                    yield json.loads(line)
            child.wait()
        except (KeyboardInterrupt, GeneratorExit):
            os.killpg(child.pid, signal.SIGTERM)
            child.wait()
            raise
    if not reported:
        print(f"{entry['tier']} --seed {seed} --count {count} ended with {child.returncode} and no report",
              file=sys.stderr)


def run(plan, minutes):
    """Round and round, one batch of each unfinished tier at a time; whether none failed."""
    until = time.monotonic() + minutes * 60 if minutes else float("inf")
    mark, broken, good, stillness = commit(), set(), True, Stillness()
    while time.monotonic() < until:
        open_tiers = [e for e in plan if e["test"] not in broken and done(ledger(), e["test"])[0] < e["goal"]]
        if not open_tiers:
            break
        for entry in open_tiers:
            if time.monotonic() >= until:
                break
            lines = ledger()
            seed = 1 + max((line["seed"] for line in lines if line["test"] == entry["test"]), default=0)
            count = min(entry["batch"], entry["goal"] - done(lines, entry["test"])[0])
            before, reported = time.monotonic(), False
            for report in run_batch(entry, seed, count):
                reported = True
                line = {
                    "date": datetime.date.today().isoformat(), "commit": mark,
                    "machine": f"{os.cpu_count()} cores, {platform.machine()}",
                    "test": report["test"], "seed": seed, "cases": report["cases"],
                    "failed": report["failed"], "seconds": round(time.monotonic() - before, 1),
                    "note": report.get("note", "")}
                still = stillness.taken()
                if still >= 2:
                    line["stoodStill"] = still
                with LEDGER.open("a") as file:
                    file.write(json.dumps(line) + "\n")
                print(json.dumps(line), flush=True)
                good = good and report["failed"] == 0
                before = time.monotonic()
            if not reported:
                broken.add(entry["test"])
                good = False
    return good


def table(plan):
    """The table of the page, from the ledger."""
    lines = ledger()
    rows = ["| test | what is done to it | cases | failed | seeds | last |", "|---|---|---|---|---|---|"]
    for entry in plan:
        own = [line for line in lines if line["test"] == entry["test"]]
        if not own:
            rows.append(f"| {entry['test']} | {entry['what']} | 0 of {entry['goal']:,} | | | |")
            continue
        cases, failed = done(lines, entry["test"])
        goal = "" if cases >= entry["goal"] else f" of {entry['goal']:,}"
        seeds = sorted({line["seed"] for line in own})
        span = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]}-{seeds[-1]}"
        rows.append(
            f"| {entry['test']} | {entry['what']} | {cases:,}{goal} | {failed} | {span} "
            f"| {own[-1]['date']}, {own[-1]['commit']} |")
    text = PAGE.read_text()
    head, rest = text.split(BEGIN)
    PAGE.write_text(head + BEGIN + "\n" + "\n".join(rows) + "\n" + END + rest.split(END)[1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tier", action="append")
    parser.add_argument("--minutes", type=float, default=0)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    plan = json.loads((HERE / "plan.json").read_text())
    if options.table:
        return table(plan)
    if options.tier:
        plan = [entry for entry in plan if entry["tier"].split()[0] in options.tier or entry["test"] in options.tier]
        if not plan:
            sys.exit("no such tier; see launch/soak --list")
    if options.list:
        for entry in plan:
            cases, failed = done(ledger(), entry["test"])
            print(f"{entry['test']:8} {cases:>7,} of {entry['goal']:>7,}  {failed} failed  "
                  f"{entry['tier']}: {entry['what']}")
        return None
    try:
        return None if run(plan, options.minutes) else sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
