# SPDX-License-Identifier: BSD-3-Clause
"""The core against its executable specification, on the host: random calls
one after another (test/spec/), and calls of several CPUs in every schedule
(test/explore/)."""

import os
import subprocess

from lib.testing import Failure, Test
from suites.unit import make

TIMEOUT_S = 600


def run(ctx, program, *arguments):
    """Builds and runs a program; returns the last line it prints."""
    path = os.path.join(ctx.build, program)
    make(ctx, path)
    command = [os.path.join(ctx.root, path), *arguments]
    try:
        done = subprocess.run(command, cwd=ctx.root, capture_output=True,
                              timeout=TIMEOUT_S, text=True, errors="replace")
    except subprocess.TimeoutExpired as e:
        raise Failure(f"no end after {TIMEOUT_S} s") from e
    output = done.stdout + done.stderr
    if done.returncode:
        raise Failure(f"{' '.join([path, *arguments])} failed", output)
    return output.strip().splitlines()[-1]


def random_test(name, program, seed, calls):
    """Random calls from a seed on, compared after each."""
    def test(ctx):
        record = os.path.join(ctx.directory(name), "failed.txt")
        return run(ctx, program, "--seed", str(seed), "--calls", str(calls),
                   "--record", record)
    return Test(name, test)


def explore_test(part, parts):
    """A share of the states, each with all its cases."""
    def test(ctx):
        return run(ctx, "explore/explore", "--part", str(part), "--parts",
                   str(parts))
    return Test(f"explore/{part + 1}-of-{parts}", test)


def tests(ctx):
    # They are built by the host's compiler, whatever builds the image.
    if ctx.toolchain != "gnu":
        return []
    more = 10 if ctx.long else 1
    return [
        random_test("spec/random", "spec/drive", 1, 5000000 * more),
        random_test("spec/sanitized", "spec/drive-asan", 1000000,
                    300000 * more),
        explore_test(0, 2),
        explore_test(1, 2),
    ]
