# SPDX-License-Identifier: BSD-3-Clause
"""Attackers (test/attack/): a hostile primary, and a hostile secondary, on
several CPUs at once, next to a victim that is asked afterwards. One boot per
side and machine makes all attacks of test/attack/attacks.h."""

import os
import random
import re
import threading

from lib import qemu
from lib.qemu import Machine
from lib.ramdisk import make as make_ramdisk
from lib.testing import Failure, Test
from suites import target

TIMEOUT_S = 180

SHORT = [
    Machine(3, "max", 4, 1024),
    Machine(2, "cortex-a57", 2, 512),
    Machine(3, "cortex-a53", 1, 256),
]

# name, kernel, MiB, vCPUs, bootargs, ramdisk
VMS = [("victim", "attack-victim.bin", 2, 2, None, None)] + [
    (f"hostile{i}", "attack-hostile.bin", 2, 4, None, None)
    for i in range(15)]

# Lines of the hypervisor while it is attacked: one for each VM that is
# stopped, sixteen for the primary, which earns another one each second.
MAX_LINES = 40

_lock = threading.Lock()


def names(ctx):
    """attack.SIDE.NAME of all attackers, and their hazards' numbers."""
    with open(ctx.source("test/attack/attacks.h")) as f:
        text = f.read()
    found = {}
    for side in ("primary", "secondary"):
        rows = re.search(rf"#define FOR_{side.upper()}_ATTACKS\(A\)(.*?)\n\n",
                         text, re.S).group(1)
        for name, hazard in re.findall(r"\bA\((\w+), \w+, (\d+),", rows):
            found[f"attack.{side}.{name}"] = int(hazard)
    return found


def ramdisk(ctx):
    """The ramdisk, made once."""
    where = ctx.directory("attack")
    out = os.path.join(where, "attack.img")
    images = {n: ctx.built("guest", n) for n in
              ("attack-primary.bin", "attack-victim.bin",
               "attack-hostile.bin")}
    with _lock:
        if target.newer(out, [*images.values(), __file__]):
            return out
        source = os.path.join(where, "manifest.dts")
        with open(source, "w") as f:
            f.write(target.manifest(VMS).replace('"primary.bin"',
                                                 '"attack-primary.bin"'))
        return make_ramdisk(ctx, out, source, images)


def check_lines(result):
    """Raises Failure if the attackers made the hypervisor say too much."""
    text = result.console.split("\nseed ")[-1]
    lines = re.findall(r"^holdfast: .*$", text, re.M)
    if len(lines) > MAX_LINES + result.seconds:
        raise Failure(f"{len(lines)} lines of the hypervisor", result.details)


def attack_test(machine, side):
    """All attacks of one side on a machine. HF_SEED=N in the environment
    replays the random numbers of a run, HF_CASE=NAME makes some attacks."""
    def run(ctx):
        seed = os.environ.get("HF_SEED") or random.randrange(1 << 32)
        case = os.environ.get("HF_CASE")
        hidden = sum(vm[2] for vm in VMS)
        result = qemu.run_to_end(
            [*machine.arguments(), "-kernel", ctx.built("holdfast.bin"),
             "-initrd", ramdisk(ctx), "-append",
             f"side={side} ram={machine.mib} hidden={hidden} seed={seed}" +
             (f" case={case}" if case else "")], TIMEOUT_S)
        text = target.parse(result)
        check_lines(result)
        made = set(re.findall(r"^(?:ok|skip) (attack\.\S+):", result.console,
                              re.M))
        missing = {n for n in names(ctx) if f".{side}." in n} - made
        if missing and not case:
            raise Failure("not made: " + ", ".join(sorted(missing)),
                          result.details)
        if ctx.verbose:
            print(result.details)
        return text.replace("cases", "attacks") + f", seed {seed}"
    return Test(f"attack/{side}/{machine}", run)


def tests(ctx):
    # The other image is attacked with the most CPUs, and with one.
    short = SHORT if ctx.toolchain == "gnu" else SHORT[::2]
    machines = target.LONG + short if ctx.long else short
    return [attack_test(m, side) for side in ("primary", "secondary")
            for m in machines]
