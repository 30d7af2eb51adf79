# SPDX-License-Identifier: BSD-3-Clause
"""Stock Debian Linux as primary VM (test/linux/boot): the demonstration, the
machine as Linux sees it, its log, and the driver; and as secondary VM."""

from lib import linux
from lib.qemu import Machine
from lib.testing import Test

DEMO = ["demo", "machine", "dmesg"]

# The machine, the ramdisk, the tests of test/linux/ that run in one boot.
GNU = [
    (Machine(3, "cortex-a57", 4, 1024), "driver.img", ["driver", "dmesg"]),
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
LLVM = [(Machine(3, "cortex-a57", 4, 1024), "demo.img", DEMO)]

# For the driver's script, which takes 80 s on an idle machine.
TIMEOUT_S = 600


def boot(ctx, machine, ramdisk, names):
    """One boot; returns a text for the line."""
    # The ramdisks are the same for both toolchains.
    checks = linux.boot(machine, ctx.built("holdfast.bin"),
                        ctx.source("build/linux", ramdisk), names, TIMEOUT_S)
    return f"{checks} checks"


def one(machine, ramdisk, names):
    kind = next((k for k in ("driver", "smmu", "secondary", "pair")
                 if k in names), "demo")
    return Test(f"linux/{kind}/{machine}",
                lambda ctx: boot(ctx, machine, ramdisk, names))


def tests(ctx):
    return [one(*case) for case in
            (LLVM if ctx.toolchain == "llvm" else GNU)]
