# SPDX-License-Identifier: BSD-3-Clause
"""What the operations of the hypervisor cost, in instructions, against
test/bench/baseline.json."""

from bench import baseline
from lib.testing import Failure, Test


def costs(ctx):
    """No figure has grown."""
    found = baseline.figures(baseline.measure_rows(ctx))
    if ctx.toolchain == "llvm":
        known = baseline.read()
        ratio = [value / known[name] for name, value in found.items()
                 if known.get(name)]
        return f"{len(found)} figures, {min(ratio):.2f} to " \
            f"{max(ratio):.2f} of gcc's"
    grown, shrunk = baseline.compare(baseline.read(), found)
    if grown:
        raise Failure(f"{grown[0]} (of {len(grown)}): make bench-baseline, if "
                      "that is as it has to be", "\n".join(grown))
    note = f", {len(shrunk)} have shrunk: make bench-baseline" if shrunk else ""
    return f"{len(found)} figures{note}"


def tests(ctx):
    return [Test("bench/costs", costs)]
