# SPDX-License-Identifier: BSD-3-Clause
"""Boots of Debian's Linux that run tests of test/linux/ and power off."""

import os
import re
import tempfile

from lib import qemu
from lib.testing import Failure

DISK_BYTES = 16 << 20

RESULT = re.compile(r"^hf-test: result: (\d+) passed, (\d+) failed, .*$", re.M)
REBOOT = "reboot"


def _arguments(machine, kernel, ramdisk, tests, bare, disk):
    """QEMU's arguments. The network is QEMU's own and leads nowhere."""
    # Behind an IOMMU only if they are told to be.
    modern = ",disable-legacy=on,iommu_platform=on" \
        if ",iommu=" in machine.extra else ""
    options = {"test": ",".join(tests), "cpus": machine.cpus, "disk": 1,
               "net": 1}
    # What the driver frees is not to look as if it were still there.
    debug = ["slub_debug=ZP,kmalloc-*"] if "races" in tests else []
    return [*machine.arguments(not bare), "-kernel", kernel, "-initrd",
            ramdisk, "-drive", f"if=none,id=disk,format=raw,file={disk}",
            "-device", f"virtio-blk-pci,drive=disk{modern}",
            "-netdev", "user,id=net,restrict=on",
            "-device", f"virtio-net-pci,netdev=net{modern}",
            "-append", " ".join(["console=ttyAMA0", *debug, *(
                f"hf.{key}={value}" for key, value in options.items())])]


def boot(machine, kernel, ramdisk, tests, timeout, bare=False, echo=False,
         more=()):
    """Boots and lets Linux run `tests`: names of files NAME.sh in test/linux/,
    or "reboot" to end with a reboot. `more`: arguments for QEMU. Returns the
    console; raises Failure unless all checks passed and the machine then went
    off by itself."""
    with tempfile.TemporaryDirectory(prefix="hf-linux-") as where:
        disk = os.path.join(where, "disk")
        with open(disk, "wb") as f:
            f.truncate(DISK_BYTES)
        result = qemu.run([*_arguments(machine, kernel, ramdisk, tests, bare,
                                       disk), *more], timeout, echo=echo,
                          program=machine.program)
    qemu.check_fatal(result)
    score = RESULT.search(result.console)
    if not score:
        raise Failure("Linux did not get to the end of its tests",
                      result.details)
    if score.group(2) != "0":
        bad = re.findall(r"^hf-test: FAILED (.*)$", result.console, re.M)
        raise Failure("; ".join(bad), result.details)
    end = "reboot: Restarting system" if REBOOT in tests \
        else "reboot: Power down"
    if end not in result.console or not result.ended:
        raise Failure("the machine did not go off by itself", result.details)
    return result.console


def summary(console):
    """A text for the line of a test: how many checks, and what the tests call
    a figure (`hf-test: figure: ...`)."""
    return ", ".join([RESULT.search(console).group(1) + " checks",
                      *re.findall(r"^hf-test: figure: (.*)$", console, re.M)])
