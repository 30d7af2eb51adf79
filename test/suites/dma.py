# SPDX-License-Identifier: BSD-3-Clause
"""Devices that write memory: suite `dma` of the test primary attacks hidden
memory with PCI devices and fw_cfg, behind an SMMU or not; Linux has its disk
and network behind one."""

import os
import re

from lib import elf, linux, qemu
from lib.qemu import Machine
from lib.ramdisk import make as make_ramdisk
from lib.testing import Failure, Test
from suites import target

TIMEOUT_S = 120

SMMU = ",iommu=smmuv3"
VMS = [("service", "service.bin", 2, 1, None, None)]

# The devices' own address limits do not count here; neither has a ROM.
DEVICES = ["-device", "edu,dma_mask=0xffffffffffffffff",
           "-device", "virtio-rng-pci,disable-legacy=on,iommu_platform=on"]

ALL = "fw-cfg, 32 virtio_mmio"


class Case:
    """A boot of the test primary: the machine, whether the manifest is strict,
    and what the hypervisor must say (regular expressions)."""

    def __init__(self, name, machine, strict, says):
        self.name = name
        self.machine = machine
        self.strict = strict
        self.says = says

    @property
    def smmu(self):
        return SMMU in self.machine.extra


def stage(n):
    """What is said of an SMMU that was turned on, and of what it refused."""
    refused = r"smmu0: stream 0x(8|10): {} 0x[0-9a-f]+ refused$"
    return [rf"smmu0: smmuv3@9050000, stage {n}, 16-bit streams$",
            refused.format("write to"), refused.format("read of"),
            "smmu0: more were refused$"]


CASES = [
    # Without an SMMU and strict the attacks succeed, and it is told.
    Case("open", Machine(), False,
         [f"may reach all memory by DMA: {ALL}, pcie$"]),
    Case("strict", Machine(), True, [f"strict: withheld: {ALL}, pcie$"]),
    Case("stage1", Machine(extra=SMMU), False,
         [f"may reach all memory by DMA: {ALL}$", *stage(1)]),
    Case("stage1-gic2-a53", Machine(2, "cortex-a53", extra=SMMU), False,
         stage(1)),
    Case("stage1-strict", Machine(3, "max", 2, 512, extra=SMMU), True,
         [f"strict: withheld: {ALL}$", *stage(1)]),
    # Stage 2 with 40, 44 and 48 bits: concatenated, level 0, cut to 44.
    Case("stage2-a53", Machine(3, "cortex-a53", extra=SMMU, qemu10=True),
         False, stage(2)),
    Case("stage2-a57", Machine(3, "cortex-a57", extra=SMMU, qemu10=True),
         True, stage(2)),
    Case("stage2-max", Machine(3, "max", 2, 4096, extra=SMMU, qemu10=True),
         True, stage(2)),
]


def pack(ctx, strict):
    """A ramdisk with one VM; its path."""
    where = ctx.directory("dma/strict" if strict else "dma/open")
    source = target.manifest(VMS)
    if strict:
        source = source.replace("v1\";", "v1\";\n\tstrict;", 1)
    with open(os.path.join(where, "manifest.dts"), "w") as f:
        f.write(source)
    out = os.path.join(where, f"{os.getpid()}.img")
    return make_ramdisk(ctx, out, os.path.join(where, "manifest.dts"), {
        n: ctx.built("guest", n) for n in ("primary.bin", "service.bin")})


def check_says(result, says):
    """Raises Failure unless the hypervisor said all of it."""
    for text in says:
        if not re.search("^holdfast: .*" + text, result.console, re.M):
            raise Failure(f"nothing said of: {text}", result.details)


def attack(case):
    """The test of a case."""
    def run(ctx):
        machine = case.machine
        program = machine.program
        at = elf.symbols(ctx)
        code = at["secondary_cpu_start"] - at["image_begin"]
        result = qemu.run_to_end(
            [*machine.arguments(), "-kernel", ctx.built("holdfast.bin"),
             "-initrd", pack(ctx, case.strict), *DEVICES, "-append",
             f"suite=dma ram={machine.mib} hidden=2 smmu={case.smmu:d} "
             f"strict={case.strict:d} code={code}"], TIMEOUT_S, program)
        text = target.parse(result)
        check_says(result, case.says)
        if not case.smmu and "smmu" in result.console.replace("dma.smmu", ""):
            raise Failure("an SMMU that is not there", result.details)
        return text
    return Test(f"dma/{case.name}", run)


def tests(ctx):
    return [attack(case) for case in CASES]
