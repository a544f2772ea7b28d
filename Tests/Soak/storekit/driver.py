"""Programs that are tested, their environment, and a dialogue with `store-checks`."""

import atexit
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile

from .tier import Failed

PROGRAM = os.environ.get("AIMASS", "aimass")
PRODUCTS = os.environ.get("AIMASS_STORE_PRODUCTS", os.path.dirname(PROGRAM))
CHECKS = os.path.join(PRODUCTS, "store-checks")
LIBRARY = os.path.join(PRODUCTS, "libaimass-faults.so")


def scratch():
    """A folder to work in, gone with this process.

    In memory where there is some: thousands of saves would wait for the disk at every sync.
    """
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else os.environ.get("AIMASS_SCRATCH")
    folder = tempfile.mkdtemp(prefix="store-", dir=base)
    atexit.register(discard, folder)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    return folder


def discard(folder):
    shutil.rmtree(folder, ignore_errors=True)


def faults(below, plan=None, trace=None, rank=None):
    """The variables that arm the fault library."""
    if not os.path.exists(LIBRARY):
        raise SystemExit(f"{LIBRARY} is missing: build with --build-tests")
    variables = {"LD_PRELOAD": LIBRARY, "AIMASS_FAULTS_PATH": below}
    if plan:
        variables["AIMASS_FAULTS"] = plan
    if trace:
        variables["AIMASS_FAULTS_TRACE"] = trace
    if rank is not None:
        variables["AIMASS_FAULTS_RANK"] = str(rank)
    return variables


class Ended(Exception):
    """The process ended instead of answering; `signal` is the one that killed it, or None."""

    def __init__(self, status, errors):
        super().__init__(f"the driver ended with {status}: {errors[-500:]}")
        self.signal = -status if status < 0 else None


class Store:
    """A running `store-checks`."""

    def __init__(self, variables=None, prefix=(), before=None):
        self.errors = tempfile.TemporaryFile()
        self.buffer = b""
        try:
            self.process = subprocess.Popen(
                [*prefix, CHECKS], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=self.errors, env={**os.environ, **(variables or {})}, preexec_fn=before)
        except FileNotFoundError:
            raise SystemExit(f"{CHECKS} is missing: build with --build-tests")

    def ask(self, line, patience=20):
        """The answer to a command; a process that does not answer in time is ended and fails the case."""
        try:
            self.process.stdin.write((line + "\n").encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        while b"\n" not in self.buffer:
            ready, _, _ = select.select([self.process.stdout], [], [], patience)
            if not ready:
                self.close()
                raise Failed(f"no answer to '{line}' in {patience} s")
            part = os.read(self.process.stdout.fileno(), 1 << 16)
            if not part:
                status = self.process.wait()
                self.errors.seek(0)
                raise Ended(status, self.errors.read().decode(errors="replace"))
            self.buffer += part
        text, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(text)

    def must(self, line):
        """The answer to a command that has to succeed."""
        answer = self.ask(line)
        if not answer["ok"]:
            raise Failed(f"'{line}' failed: {answer}")
        return answer

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.errors.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
