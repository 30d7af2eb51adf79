# SPDX-License-Identifier: BSD-3-Clause
"""Host unit tests: the programs of test/unit/, built by make, and the scripts
beside them. They print `ok NAME` or `not ok NAME: WHY` for each case."""

import glob
import os
import re
import subprocess
import threading

from lib.testing import Failure, Test

TIMEOUT_S = 300

# Two makes at a time would build the same file twice.
_make = threading.Lock()


def make(ctx, *targets):
    """Builds targets below ctx.build."""
    command = ["make", "-s", "-C", ctx.root, f"BUILD={ctx.build}", *targets]
    with _make:
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Failure("does not build", done.stdout + done.stderr)


def run_cases(command, cwd):
    """Runs a program that prints a line for each case; returns a text."""
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True,
                              timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired as e:
        raise Failure(f"no end after {TIMEOUT_S} s",
                      (e.stdout or b"").decode("utf-8", "replace")) from e
    output = (done.stdout + done.stderr).decode("utf-8", "replace")
    good = len(re.findall(r"^ok ", output, re.M))
    bad = re.findall(r"^not ok (.*)$", output, re.M)
    if bad:
        raise Failure(bad[0], output)
    if done.returncode:
        raise Failure(f"exit code {done.returncode}", output)
    if not good:
        raise Failure("no case ran", output)
    return f"{good} cases"


def program_test(name):
    """The test of test/unit/test_NAME.c."""
    def run(ctx):
        program = os.path.join(ctx.build, "unit", name)
        make(ctx, program)
        return run_cases([os.path.join(ctx.root, program)], ctx.root)
    return Test(f"unit/{name}", run)


def check_string(ctx):
    """What the compiler made of src/string.c."""
    make(ctx, os.path.join(ctx.build, "unit", "string"))
    return run_cases(["sh", "test/unit/check_string.sh",
                      os.path.join(ctx.build, "unit")], ctx.root)


def mkramdisk(ctx):
    """tools/mkramdisk refuses what the hypervisor refuses."""
    checker = os.path.join(ctx.build, "unit", "check_ramdisk")
    make(ctx, checker)
    return run_cases(["python3", "test/unit/test_mkramdisk.py",
                      os.path.join(ctx.root, checker)], ctx.root)


def tests(ctx):
    names = sorted(os.path.basename(p)[len("test_"):-len(".c")]
                   for p in glob.glob(ctx.source("test/unit/test_*.c")))
    return [program_test(n) for n in names] + [
        Test("unit/check_string", check_string),
        Test("unit/mkramdisk", mkramdisk)]
