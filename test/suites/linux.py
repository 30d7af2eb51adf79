# SPDX-License-Identifier: BSD-3-Clause
"""Stock Debian Linux as primary VM (test/linux/boot): the demonstration, the
machine as Linux sees it, its log, and the driver; and as secondary VM."""

import re
import subprocess

from lib import linux, qemu
from lib.qemu import Machine
from lib.testing import Failure, Test

DEMO = ["demo", "machine", "dmesg"]

# The machine, the ramdisk, the tests of test/linux/ that run in one boot.
GNU = [
    (Machine(3, "cortex-a57", 4, 1024), "driver.img",
     ["driver", "races", "dmesg"]),
    (Machine(3, "neoverse-n1", 8, 8192), "demo.img", DEMO),
    (Machine(2, "cortex-a57", 4, 1024), "demo.img", DEMO + ["reboot"]),
    (Machine(3, "max", 2, 2048), "demo.img", DEMO),
    (Machine(2, "cortex-a76", 8, 1024), "demo.img", DEMO),
    (Machine(3, "cortex-a53", 1, 256), "demo.img", DEMO),
    (Machine(3, "cortex-a72", 2, 512), "demo.img", DEMO),
]

# Disk and network behind an SMMU: stage 1 with a strict manifest, stage 2.
SMMU = DEMO + ["smmu"]
GNU += [
    (Machine(3, "cortex-a57", 2, 1024, ",iommu=smmuv3"), "strict.img", SMMU),
    (Machine(3, "max", 4, 2048, ",iommu=smmuv3", qemu10=True), "demo.img",
     SMMU),
]

# Debian's Linux in secondaries as well.
GNU += [
    (Machine(3, "cortex-a57", 2, 1024), "linux.img", ["secondary", "dmesg"]),
    (Machine(2, "cortex-a72", 2, 1024), "linux.img", ["secondary", "dmesg"]),
    (Machine(3, "neoverse-n1", 2, 1024), "pair.img", ["pair", "dmesg"]),
]
# What `make run` boots.
RUN = (Machine(3, "cortex-a57", 4, 1024), "demo.img")
LLVM = [(*RUN, DEMO)]

# For the driver's script, which takes 80 s on an idle machine.
TIMEOUT_S = 600


def boot(ctx, machine, ramdisk, names):
    """One boot; returns a text for the line."""
    # The ramdisks are the same for both toolchains.
    console = linux.boot(machine, ctx.built("holdfast.bin"),
                         ctx.source("build/linux", ramdisk), names, TIMEOUT_S)
    if (machine, ramdisk) == RUN:
        as_in_readme(ctx, console)
    return linux.summary(console)


def as_in_readme(ctx, console):
    """What `make run` prints must be what README.md shows, but for the build."""
    with open(ctx.source("README.md")) as f:
        shown = re.findall(r"^    (holdfast: .*)$", f.read(), re.M)
    lines = re.sub(r"\r", "", console).splitlines()
    for line in shown[1:]:
        if line not in lines:
            raise Failure(f"README.md shows what is not printed: {line}",
                          console)
    printed = [line for line in lines if line.startswith("holdfast: ")]
    if len(printed) != len(shown):
        raise Failure(f"README.md shows {len(shown)} lines of "
                      f"{len(printed)}", console)


def one_cpu_ramdisk(ctx):
    """linux.img with one vCPU for its VM."""
    where = ctx.directory("linux/boottime")
    with open(ctx.source("test/linux/linux.dts")) as f:
        text = f.read().replace("vcpu_count = <2>", "vcpu_count = <1>")
    with open(f"{where}/manifest.dts", "w") as f:
        f.write(text)
    files = {"vmlinuz": "build/debian/vmlinuz", "vm.img": "build/linux/vm.img",
             "initrd.img": "build/linux/initrd.img"}
    subprocess.run(
        [ctx.source("tools/mkramdisk"), "-o", f"{where}/ramdisk.img",
         f"{where}/manifest.dts", "echo.bin=" + ctx.built("guest/echo.bin"),
         *(f"{name}={ctx.source(path)}" for name, path in files.items())],
        check=True)
    return f"{where}/ramdisk.img"


# One instruction takes a nanosecond, and waiting no time of the host's.
ICOUNT = ["-icount", "shift=0,sleep=off"]


def bare_boot_time(ctx, machine):
    """Instructions of the VM's Linux until its shell, without a hypervisor."""
    result = qemu.run(
        [*Machine(machine.gic, machine.cpu, 1, 192).arguments(False), *ICOUNT,
         "-kernel", ctx.source("build/debian/vmlinuz"), "-initrd",
         ctx.source("build/linux/vm.img"), "-append",
         "console=ttyAMA0 quiet"], TIMEOUT_S, until="Up for .*\n")
    found = re.search(r"^Up for ([\d.]+) ([\d.]+)$", result.console, re.M)
    if not found:
        raise Failure("it does not boot without a hypervisor", result.details)
    return float(found.group(1)) * 1e9


def latency(ctx):
    """How late the primary is beside a busy secondary, whatever the host does
    meanwhile."""
    return linux.summary(linux.boot(
        Machine(3, "cortex-a57", 2, 1024), ctx.built("holdfast.bin"),
        ctx.source("build/linux/linux.img"), ["latency"], TIMEOUT_S,
        more=ICOUNT))


def boot_time(ctx):
    """What booting costs a secondary: a figure, not a test."""
    machine = Machine(3, "cortex-a57", 1, 1024)
    console = linux.boot(machine, ctx.built("holdfast.bin"),
                         one_cpu_ramdisk(ctx), ["boottime"], 2 * TIMEOUT_S,
                         more=ICOUNT)
    ran = int(re.search(r"ran for (\d+) ns", console).group(1))
    bare = bare_boot_time(ctx, machine)
    return f"{ran / 1e6:.0f} million instructions, {bare / 1e6:.0f} without " \
        f"a hypervisor, {100 * (ran / bare - 1):+.1f} %"


def one(machine, ramdisk, names):
    kind = next((k for k in ("driver", "smmu", "secondary", "pair")
                 if k in names), "demo")
    return Test(f"linux/{kind}/{machine}",
                lambda ctx: boot(ctx, machine, ramdisk, names))


def tests(ctx):
    found = [one(*case) for case in
             (LLVM if ctx.toolchain == "llvm" else GNU)]
    if ctx.toolchain == "gnu":
        found.append(Test("linux/latency", latency))
        if ctx.long:
            found.append(Test("linux/boottime", boot_time))
    return found
