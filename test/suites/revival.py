# SPDX-License-Identifier: BSD-3-Clause
"""Some known mistakes put back, each of which a test has to catch; all of them:
`make revival`."""

import re
import subprocess
import sys

from lib.testing import Failure, Test

TIMEOUT_S = 600


def run(ctx):
    command = [sys.executable, ctx.source("test/revival/revival"), "--quick",
               "--build", ctx.build]
    try:
        done = subprocess.run(command, capture_output=True, text=True,
                              timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired as e:
        raise Failure(f"no end after {TIMEOUT_S} s") from e
    output = done.stdout + done.stderr
    if done.returncode:
        bad = re.search(r"^not ok +(.*)$|^revival: (.*)$", output, re.M)
        raise Failure(bad.group(0) if bad else "it failed", output)
    return output.strip().splitlines()[-1]


def tests(ctx):
    # What catches them does not depend on the compiler.
    return [Test("revival/quick", run)] if ctx.toolchain == "gnu" else []
