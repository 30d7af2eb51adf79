# SPDX-License-Identifier: BSD-3-Clause
"""On-target tests: the bare-metal test primary (test/guest/primary) with its
secondaries (test/guest/service, echo), one boot per suite and machine."""

import glob
import os
import random
import re
import subprocess
import threading

from lib import qemu
from lib.qemu import Machine
from lib.ramdisk import make as make_ramdisk
from lib.testing import Failure, Skip, Test

# Suites of the test primary, the longest ones first.
SUITES = ["race", "isolation", "smp", "psci", "lib", "boot", "calls", "mailbox",
          "vcpu", "state", "debug", "faults", "life", "vgic"]

# What suite `console` writes before the primary reads it.
PRINTED = ["[service] before", "[service] a.b\tc", "[other] " + "x" * 160,
           "[other] " + "x" * 8, "[other] end of life"]

# What suite `lpi` is refused first, and as many lines of it as a VM may cause
# at once: commands for virtual LPIs, of an ITS that has none.
REFUSED = [f"holdfast: primary: GIC: refused: ITS: command {n:#x}"
           for n in range(0x20, 0x30)]

# Each CPU, both GICs, each number of CPUs and the ends of the memory sizes.
SHORT = [
    Machine(3, "cortex-a53", 1, 256),
    Machine(2, "cortex-a57", 2, 512),
    Machine(3, "cortex-a72", 4, 1024),
    Machine(2, "cortex-a76", 8, 2048),
    Machine(3, "neoverse-n1", 8, 8192),
    Machine(2, "max", 4, 4096),
    Machine(3, "max", 2, 1024),
]

# Whose redistributors have registers for virtual LPIs.
GICV4 = Machine(4, "max", 2, 512)

# Machines for the guest library without a hypervisor.
BARE = [Machine(3, "cortex-a57", 4, 256), Machine(2, "cortex-a53", 2, 256)]

LONG = [Machine(gic, cpu, cpus, mib)
        for gic in (2, 3)
        for cpu in ("cortex-a53", "cortex-a57", "cortex-a72", "cortex-a76",
                    "neoverse-n1", "max")
        for cpus, mib in ((1, 256), (2, 1024), (4, 3072), (8, 8192))]

TIMEOUT_S = 120

# Suite `race`: requests for each of its cases, on the machine that gets most
# of them (about 15 calls a request and 4 cases) and on the others.
RACE_MACHINE = Machine(3, "cortex-a72", 4, 1024)
RACE_REQUESTS = {"short": 3300, "long": 33000, "others": 200}
RACE_MIN_CALLS = {"short": 100000, "long": 1000000}
RACE_REQUESTS_PER_S = 50

RAMDISK_TEXT = b"The ramdisk of a secondary VM.\n"

# name, kernel, MiB, vCPUs, bootargs, ramdisk
VMS = [
    ("echo", "echo.bin", 2, 1, None, None),
    ("service", "service.bin", 2, 1, None, None),
    ("smp", "service.bin", 4, 4, None, None),
    ("other", "service.bin", 2, 1, None, None),
    ("checks", "service.bin", 2, 1, "mode=configure", None),
    ("silent", "service.bin", 2, 1, "mode=silent", None),
    ("mute", "service.bin", 2, 1, "mode=mute", None),
    ("files", "service.bin", 2, 1, "mode=service hello=world", "text"),
    ("big", "service.bin", 32, 1, None, None),
]
SPARES = [(f"spare{i}", "service.bin", 2, 1, None, None) for i in range(7)]
RACERS = [(f"race{i}", "race.bin", 2, vcpus, None, None)
          for i, vcpus in enumerate((4, 3, 2, 1))]
GONE = [(f"gone{i}", "race.bin", 2, 4, None, None) for i in range(4)]
# Images made for QEMU's `virt` machine (test/guest/virt), each with so many
# CPUs, there and here.
VIRT_IMAGES = ["virt.bin", "virt-flat.bin", "bare.bin"]
VIRT_CPUS = 4
VIRTS = [(image, image, 2, VIRT_CPUS, None, None) for image in VIRT_IMAGES]
ECHOES = [(f"echo{i}", "echo.bin", 2, 1, None, None) for i in range(1, 4)]

_lock = threading.Lock()


def vms_of(suite):
    """The secondary VMs of a suite, at most 16."""
    if suite == "smp":
        return VMS[:4] + ECHOES
    if suite == "race":
        return RACERS + GONE
    if suite == "virt":
        return VIRTS
    if suite == "few":
        return VMS[1:2] + SPARES[:1]
    return VMS + SPARES


def manifest(vms, root=""):
    """The source of a manifest; `root`: more properties of its root."""
    text = ('/dts-v1/;\n/ {\n\tcompatible = "holdfast,manifest-v1";\n'
            f'\t{root}\n'
            '\tprimary {\n\t\tkernel_filename = "primary.bin";\n\t};\n')
    for i, (name, kernel, mib, vcpus, bootargs, ramdisk) in enumerate(vms):
        text += f'\tvm{i} {{\n\t\tdebug_name = "{name}";\n'
        text += f'\t\tkernel_filename = "{kernel}";\n'
        if ramdisk:
            text += f'\t\tramdisk_filename = "{ramdisk}";\n'
        if bootargs:
            text += f'\t\tbootargs = "{bootargs}";\n'
        text += f"\t\tmem_size = <{mib << 20:#x}>;\n"
        text += f"\t\tvcpu_count = <{vcpus}>;\n\t}};\n"
    return text + "};\n"


def newer(path, sources):
    """True if `path` exists and no source is newer."""
    return os.path.exists(path) and all(
        os.path.getmtime(s) <= os.path.getmtime(path) for s in sources)


def ramdisk(ctx, suite, root=""):
    """The ramdisk of a suite; made once, all boots share it. `root`: more
    properties of the manifest's root."""
    vms = vms_of(suite)
    kind = suite if suite in ("smp", "race", "virt", "few") else "all"
    kind += re.sub(r"\W+", "-", root)
    where = ctx.directory("target/ramdisk")
    out = os.path.join(where, kind + ".img")
    images = {n: ctx.built("guest", n) for n in
              sorted({"primary.bin", *(vm[1] for vm in vms)})}
    with _lock:
        if newer(out, [*images.values(), __file__]):
            return out
        source = os.path.join(where, kind + ".dts")
        with open(source, "w") as f:
            f.write(manifest(vms, root))
        if any(vm[5] for vm in vms):
            images["text"] = os.path.join(where, "text")
            with open(images["text"], "wb") as f:
                f.write(RAMDISK_TEXT)
        return make_ramdisk(ctx, out, source, images)


def parse(result):
    """Raises Failure unless all cases came to their end and were good;
    returns a text for the line."""
    bad = re.findall(r"^not ok (.*)$", result.console, re.M)
    end = re.search(r"^end: (\d+) ok, (\d+) not ok, (\d+) skipped$",
                    result.console, re.M)
    if bad:
        more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        raise Failure(bad[0] + more, result.details)
    if not end:
        raise Failure("ended before its last case", result.details)
    if end.group(1) == "0":
        raise Skip(f"none of {end.group(3)} cases applies")
    skipped = f", {end.group(3)} skipped" if end.group(3) != "0" else ""
    work = re.findall(r"^seed \d+$|^\d+ calls, \d+ requests$",
                      result.console, re.M)
    work = f", {work[0]}, {work[-1]}" if len(work) > 1 else ""
    return f"{end.group(1)} cases{skipped}{work}"


def race_options(ctx, machine):
    """Bootargs of suite `race`, and its time-out. HF_SEED=N in the environment
    replays the random numbers of a run."""
    much = str(machine) == str(RACE_MACHINE)
    requests = RACE_REQUESTS["others" if not much else
                             "long" if ctx.long else "short"]
    seed = os.environ.get("HF_SEED") or random.randrange(1 << 32)
    return (f" seed={seed} requests={requests}",
            TIMEOUT_S + 4 * requests // RACE_REQUESTS_PER_S)


def debug_options(ctx):
    """Bootargs of suite `debug`: addresses that each way into the hypervisor
    passes."""
    text = subprocess.run(["nm", ctx.built("holdfast.elf")],
                          capture_output=True, text=True, check=True).stdout
    at = {name: int(address, 16) for address, name in
          re.findall(r"^(\w+) \w (\w+)$", text, re.M)}
    # A call, the switch, and what is trapped come to EL2 here.
    places = [at["vectors_primary"] + 0x400, at["vectors_secondary"] + 0x400,
              at["trap_primary"], at["arch_vcpu_enter"]]
    return "".join(f" hyp{i}={place}" for i, place in enumerate(places))


def check_calls(ctx, machine, result):
    """Raises Failure if RACE_MACHINE made fewer calls than it is to."""
    least = RACE_MIN_CALLS["long" if ctx.long else "short"]
    calls = re.findall(r"^(\d+) calls, \d+ requests$", result.console, re.M)
    if str(machine) == str(RACE_MACHINE) and int(calls[-1]) < least:
        raise Failure(f"{calls[-1]} calls, at least {least} are to be made",
                      result.details)


def boot(ctx, machine, suite):
    """Boots the hypervisor with the test primary; returns qemu.Result."""
    hidden = sum(vm[2] for vm in vms_of(suite))
    extra, timeout = race_options(ctx, machine) if suite == "race" \
        else (debug_options(ctx) if suite == "debug" else "", TIMEOUT_S)
    # The whole of its address space, on the CPU that has the smallest.
    if suite == "isolation" and machine.cpu == "cortex-a53":
        extra = " blocks=40"
    bootargs = f"suite={suite} ram={machine.mib} hidden={hidden}{extra}"
    return qemu.run_to_end(
        [*machine.arguments(), "-kernel", ctx.built("holdfast.bin"),
         "-initrd", ramdisk(ctx, suite), "-append", bootargs], timeout)


def target_test(machine, suite):
    """The test of a suite on a machine."""
    def run(ctx):
        result = boot(ctx, machine, suite)
        text = parse(result)
        if suite == "race":
            check_calls(ctx, machine, result)
        if ctx.verbose:
            print(result.details)
        return text
    return Test(f"target/{suite}/{machine}", run)


def lpi_test(machine):
    """Suite `lpi`: the refusals that are told, too."""
    def run(ctx):
        result = boot(ctx, machine, "lpi")
        text = parse(result)
        told = re.findall(r"^holdfast: .* refused: .*$", result.console, re.M)
        if told[:len(REFUSED)] != REFUSED or \
                len(told) > len(REFUSED) + result.seconds:
            raise Failure("other refusals are told", result.details)
        return text
    return Test(f"target/lpi/{machine}", run)


def console_test(machine):
    """Suite `console`: what the hypervisor prints of VMs, too."""
    def run(ctx):
        result = boot(ctx, machine, "console")
        text = parse(result)
        printed = re.findall(r"^\[.*$", result.console, re.M)
        if printed != PRINTED:
            raise Failure(f"printed of VMs is {printed}", result.details)
        return text
    return Test(f"target/console/{machine}", run)


def on_virt(ctx, machine, image):
    """What an image prints on QEMU's machine itself. QEMU's own PSCI may turn a
    CPU on once more that it said was off, if two CPUs raced to turn it on; the
    guest then panics, there and not here."""
    there = Machine(machine.gic, machine.cpu, VIRT_CPUS, 128)
    for left in reversed(range(4)):
        try:
            return qemu.run_to_end(
                [*there.arguments(virtualization=False), "-kernel",
                 ctx.built("guest", image)], TIMEOUT_S).console.splitlines()
        except Failure as failure:
            if not left or "guest panic: CPU_ON of CPU" not in str(failure):
                raise
    return None


def virt_test(machine):
    """Suite `virt`: each image prints what it prints without a hypervisor."""
    def run(ctx):
        result = boot(ctx, machine, "virt")
        text = parse(result)
        lines = 0
        for image in VIRT_IMAGES:
            wanted = on_virt(ctx, machine, image)
            found = re.findall(rf"^\[{re.escape(image)}\] (.*)$",
                               result.console, re.M)
            if found != wanted or wanted[-1:] != ["done"]:
                raise Failure(f"{image}: other output: {found} instead of "
                              f"{wanted}", result.details)
            lines += len(wanted)
        return f"{text}, {lines} lines"
    return Test(f"target/virt/{machine}", run)


def bare_test(machine):
    """Suite `lib` without a hypervisor, which shows that the library of the
    guests is right."""
    def run(ctx):
        return parse(qemu.run_to_end(
            [*machine.arguments(virtualization=False),
             "-kernel", ctx.built("guest/primary.bin"), "-append",
             f"suite=lib ram={machine.mib} hidden=0"], TIMEOUT_S))
    return Test(f"target/bare/{machine}", run)


def read(ctx, *path):
    """A file of the source tree."""
    with open(ctx.source(*path)) as f:
        return f.read()


def case_names(ctx):
    """SUITE.CASE of all cases of the test primary."""
    names = set()
    for path in glob.glob(ctx.source("test/guest/primary/*.c")):
        text = read(ctx, path)
        suite = re.search(r'^const struct suite suite_\w+ = \{"(\w+)"', text,
                          re.M)
        if suite:
            names |= {f"{suite.group(1)}.{case}" for case in
                      re.findall(r'^\t\{"(\w+)",\s+\w+\},$', text, re.M)}
    return names


def rules(ctx):
    """The table of rules in docs/testing.md names cases that exist, and has
    every name of inc/hf/abi.h and every mailbox rule."""
    text = read(ctx, "docs/testing.md")
    text = re.search(r"<!-- rules: begin -->(.*)<!-- rules: end -->", text,
                     re.S).group(1)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]]
            for line in text.strip().splitlines()[2:]]
    if any(len(row) != 3 for row in rows):
        raise Failure("a row has not three cells")
    named = {case for row in rows for cell in row[1:] for case in cell.split()}
    missing = sorted(named - case_names(ctx))
    if missing:
        raise Failure("no such case: " + ", ".join(missing))
    words = set(re.findall(r"\w+", " ".join(row[0] for row in rows)))
    macros = set(re.findall(r"^#define (HF_\w+) ", read(ctx, "inc/hf/abi.h"),
                            re.M))
    missing = sorted(macros - words)
    missing += [f"Mailbox {n}" for n in range(1, 8)
                if f"| Mailbox {n}: " not in text]
    if missing:
        raise Failure("no rule for " + ", ".join(missing))
    return f"{len(rows)} rules, {len(named)} cases"


def tests(ctx):
    machines = LONG + [RACE_MACHINE] if ctx.long else SHORT
    return [Test("target/rules", rules)] + [bare_test(m) for m in BARE] + [
        target_test(m, suite) for suite in SUITES for m in machines] + [
        console_test(m) for m in machines] + [
        virt_test(m) for m in (machines if ctx.long else machines[:4])] + [
        lpi_test(m) for m in machines + [GICV4] if m.gic != 2]
