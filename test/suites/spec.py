# SPDX-License-Identifier: BSD-3-Clause
"""The core against its executable specification. On the host: random calls
one after another (test/spec/), random accesses to the virtual interrupt
controller (test/spec/irq/), and calls of several CPUs in every schedule
(test/explore/). On the target: an image that compares itself after each call
(test/spec/target.c), under VMs that make random ones (test/guest/spec)."""

import os
import re
import subprocess
import threading

from lib import qemu
from lib.qemu import Machine
from lib.ramdisk import make as make_ramdisk
from lib.testing import Failure, Test
from suites import target
from suites.unit import make

TIMEOUT_S = 600

# The specification is to stay small enough to be read against docs/abi.md: that
# of calls and mailboxes, and that of lives and interrupts.
SPECIFICATION = [(["spec.h", "spec.c", "view.c", "pte.h"], 800),
                 (["life.h", "life.c"], 400),
                 (["irq/irq.h", "irq/irq.c"], 600)]

# Schedules of pairs of CPUs that the search finds, without repeats.
MIN_SCHEDULES = 1000000

# On the target: a boot for each of these machines and seeds, and the calls of
# the primary in it; the VMs make about as many.
BOOTS = [(Machine(3, "cortex-a57", 1, 256), 1),
         (Machine(2, "cortex-a72", 1, 512), 2),
         (Machine(3, "max", 1, 256), 3),
         (Machine(3, "cortex-a53", 1, 256), 4)]
CALLS = 20000
MIN_CALLS = 27000  # of all VMs of a boot
SHRINK_BOOTS = 8

# One instruction is 2 ns, and time is the instructions': a run is the same
# every time.
ICOUNT = ["-icount", "shift=1,sleep=off", "-seed", "1"]
NO_RANDOMNESS = ",dtb-randomness=off"

_lock = threading.Lock()


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
    """A share of the states, each with all its cases. All of them together
    are to have MIN_SCHEDULES of pairs, and no search may be cut short."""
    def test(ctx):
        line = run(ctx, "explore/explore", "--part", str(part), "--parts",
                   str(parts))
        pairs, sequences, cut = (
            int(re.search(r"(\d+) " + what, line).group(1)) for what in
            ("schedules of pairs", "of pairs with", "cut short"))
        if cut or (pairs + sequences) * parts < MIN_SCHEDULES:
            raise Failure("too few schedules", line)
        return line
    return Test(f"explore/{part + 1}-of-{parts}", test)


def length(ctx):
    """The specification keeps its bound, comments and all."""
    told = []
    for names, limit in SPECIFICATION:
        lines = 0
        for name in names:
            with open(ctx.source("test/spec", name)) as f:
                lines += len(f.readlines())
        if lines > limit:
            raise Failure(f"{lines} lines in {' '.join(names)}, at most "
                          f"{limit}")
        told.append(str(lines))
    return " and ".join(told) + " lines"


# --- on the target ---

def image(ctx):
    """Builds the hypervisor with the specification in it."""
    build = os.path.join(ctx.build, "spec-image")
    path = os.path.join(build, "holdfast.bin")
    command = ["make", "-s", "-j2", "-C", ctx.root, f"BUILD={build}", "SPEC=1", path]
    if ctx.toolchain == "llvm":
        command.append("LLVM=1")
    with _lock:
        made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode:
        raise Failure("does not build", made.stdout + made.stderr)


def ramdisk(ctx, where, seed):
    """The primary and three VMs, each with a seed of its own."""
    vms = [(f"spec{i}", "spec.bin", 2, 3 - i, f"seed={seed * 8 + i}", None)
           for i in range(3)]
    source = os.path.join(where, "manifest.dts")
    out = os.path.join(where, f"ramdisk-{seed}.img")
    with open(source, "w") as f:
        f.write(target.manifest(vms))
    return make_ramdisk(ctx, out, source, {
        n: ctx.built("guest", n) for n in ("primary.bin", "spec.bin")})


def boot(ctx, where, machine, seed, calls):
    """One boot of build/spec-image; returns qemu.Result."""
    machine = Machine(machine.gic, machine.cpu, machine.cpus, machine.mib,
                      NO_RANDOMNESS)
    return qemu.run(
        [*machine.arguments(), *ICOUNT, "-kernel",
         ctx.built("spec-image/holdfast.bin"),
         "-initrd", ramdisk(ctx, where, seed),
         "-append", f"suite=spec seed={seed} calls={calls}"], TIMEOUT_S)


def failed_after(result):
    """The primary's calls before a difference was found, or None."""
    found = re.search(r"after (\d+) calls of the primary", result.console)
    return int(found.group(1)) if found else None


def shortest(ctx, where, machine, seed, calls, result):
    """Shrinks a failing run: other seeds, each for fewer calls than the best
    so far failed after. Returns seed, calls and result of the shortest."""
    after = failed_after(result)
    for other in range(1000, 1000 + SHRINK_BOOTS):
        tried = boot(ctx, where, machine, other, after)
        failed = failed_after(tried)
        if failed is not None and failed < after:
            seed, calls, result, after = other, after, tried, failed
    return seed, calls, result


def failure(ctx, where, machine, name, run):
    """The Failure of a run (seed, calls, result) without its good end."""
    if failed_after(run[2]) is None:
        return Failure("ended before its last call", run[2].details)
    if "HF_SEED" not in os.environ:
        run = shortest(ctx, where, machine, *run)
    seed, calls, result = run
    why = re.search(r"panic: (.*)", result.console)
    return Failure(
        f"{why.group(1) if why else 'a difference'}; after "
        f"{failed_after(result)} calls of the primary; replay it: "
        f"HF_SEED={seed} HF_CALLS={calls} test/run.py -k {name}",
        result.details)


def on_target(machine, seed):
    """Random calls on a machine. HF_SEED and HF_CALLS in the environment
    replay a run."""
    name = f"spec/target-{seed}/{machine}"

    def test(ctx):
        where = ctx.directory(name)
        image(ctx)
        first = int(os.environ.get("HF_SEED", seed))
        calls = int(os.environ.get("HF_CALLS",
                                   CALLS * (10 if ctx.long else 1)))
        result = boot(ctx, where, machine, first, calls)
        found = re.search(r"specification: (\d+) calls of the primary, (\d+) "
                          r"of secondaries, (\d+) exits: no difference",
                          result.console)
        if not found or not result.ended:
            raise failure(ctx, where, machine, name, (first, calls, result))
        primary, secondary, exits = map(int, found.groups())
        if "HF_CALLS" not in os.environ and primary + secondary < MIN_CALLS:
            raise Failure(f"only {primary + secondary} calls", result.details)
        return (f"{primary} + {secondary} calls, {exits} exits, "
                f"seed {first}, calls {calls}")
    return Test(name, test)


def tests(ctx):
    on_targets = [on_target(machine, seed) for machine, seed in BOOTS]
    # The others are built by the host's compiler, whatever builds the image.
    if ctx.toolchain != "gnu":
        return on_targets[:1]
    more = 10 if ctx.long else 1
    return on_targets + [
        Test("spec/length", length),
        random_test("spec/random", "spec/drive", 1, 5000000 * more),
        random_test("spec/sanitized", "spec/drive-asan", 1000000,
                    300000 * more),
        random_test("spec/irq", "spec/irq", 1, 1200000 * more),
        random_test("spec/irq-sanitized", "spec/irq-asan", 1000000,
                    100000 * more),
        explore_test(0, 2),
        explore_test(1, 2),
    ]
