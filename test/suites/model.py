# SPDX-License-Identifier: BSD-3-Clause
"""The Spin models of test/model/: every interleaving of each is looked at, and
each mistake that a model lists must be found in it."""

import os
import re
import shutil
import subprocess

from lib.testing import Failure, Skip, Test

TIMEOUT_S = 300
MEMORY_MIB = 2000
DEPTH = 1000000

# Claims of ROUND_ROBIN hold for fair CPUs only.
FAIR = {"messages_flow", "answers_flow"}

# Model, and the claims that it makes besides its assertions.
RIGHT = [
    ("run", None),
    ("run", "no_wake_up_lost"),
    ("run", "messages_flow"),
    ("mailbox", None),
    ("mailbox", "answers_flow"),
]

# Model, mistake, and the claim that it breaks; None: an assertion.
WRONG = [
    ("run", "EARLY_RELEASE", None),
    ("run", "NO_SWAP", None),
    ("run", "NO_SECOND_LOOK", "no_wake_up_lost"),
    ("run", "LAST_FIRST", None),
    ("run", "NO_NEXT_CLEAR", None),
    ("run", "FORGOTTEN", "messages_flow"),
    ("run", "COPY_AFTER_WAKE", None),
    ("mailbox", "ACK_FIRST", None),
    ("mailbox", "ACK_PENDING", None),
    ("mailbox", "ACK_FORGOTTEN", "answers_flow"),
    ("mailbox", "CHECK_OUTSIDE", None),
    ("mailbox", "STATE_FIRST", None),
    ("mailbox", "HALF_LOCKED", None),
]


def call(command, cwd):
    """Runs a command; returns its output."""
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True,
                              timeout=TIMEOUT_S)
    except FileNotFoundError as e:
        raise Skip(f"{command[0]} is not installed") from e
    except subprocess.TimeoutExpired as e:
        raise Failure(f"{command[0]}: no end after {TIMEOUT_S} s") from e
    output = done.stdout + done.stderr
    if done.returncode:
        raise Failure(f"{command[0]} failed", output)
    return output


def search(ctx, name, model, claim, mistake=None):
    """Looks at all states; returns what the checker printed."""
    where = ctx.directory(name)
    shutil.rmtree(where)
    os.makedirs(where)
    fair = claim in FAIR
    defines = ["-D" + d for d in ("ROUND_ROBIN" if fair else None, mistake)
               if d]
    call(["spin", *defines, "-a", ctx.source("test/model", model + ".pml")],
         where)
    kind = [] if claim else ["-DNOCLAIM", "-DSAFETY"]
    call(["cc", "-O2", "-w", f"-DMEMLIM={MEMORY_MIB}", "-DCOLLAPSE", *kind,
          "-o", "pan", "pan.c"], where)
    return call(["./pan", f"-m{DEPTH}", *(["-a", "-N", claim] if claim else []),
                 *(["-f"] if fair else [])], where)


def errors(output):
    """How many errors the search found; fails if it was not complete."""
    found = re.search(r"errors: (\d+)$", output, re.M)
    if not found:
        raise Failure("the search said nothing", output)
    count = int(found.group(1))
    # The first error ends a search; a complete one has no limit reached.
    if not count and re.search(
            r"max search depth|Search not completed|out of memory", output):
        raise Failure("the search is not complete", output)
    return count


def right_test(model, claim):
    name = f"model/{model}/{claim or 'assertions'}"

    def run(ctx):
        output = search(ctx, name, model, claim)
        if errors(output):
            raise Failure("it does not hold", output)
        states = re.search(r"^ *([\d.e+]+) states, stored", output, re.M)
        return f"{float(states.group(1)):.0f} states"
    return Test(name, run)


def wrong_test(model, mistake, claim):
    name = f"model/{model}/{mistake}"

    def run(ctx):
        output = search(ctx, name, model, claim, mistake)
        if not errors(output):
            raise Failure("the mistake is not found", output)
        return "found"
    return Test(name, run)


def tests(ctx):
    if ctx.toolchain != "gnu":  # no compiler of ours takes part
        return []
    return [right_test(*r) for r in RIGHT] + [wrong_test(*w) for w in WRONG]
