"""File systems of a test's own, in a mount namespace of its own."""

import os
import shutil
import subprocess
import sys

from .tier import need

INSIDE = "AIMASS_STORE_DISK"


def enter():
    """Starts again in a mount namespace; returns whether this process is in one."""
    if INSIDE in os.environ:
        return True
    probe = ["unshare", "-m", "--propagation", "private", "mount", "-t", "tmpfs", "none", "/mnt"]
    if shutil.which("unshare") and subprocess.run(probe, capture_output=True).returncode == 0:
        os.environ[INSIDE] = "1"
        os.execvp("unshare", ["unshare", "-m", "--propagation", "private", sys.executable,
                              os.path.abspath(sys.argv[0]), *sys.argv[1:]])
    return False


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    need(done.returncode == 0, f"{' '.join(words)}: {done.stderr}")
