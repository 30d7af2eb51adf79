# SPDX-License-Identifier: BSD-3-Clause
"""Runs the measuring guests under QEMU with count.so, and gives what each row
costs: instructions at EL2, by symbol and by kind."""

import bisect
import collections
import os
import re
import subprocess

from lib import qemu
from lib.qemu import Machine
from lib.testing import Failure

TOOLS = "aarch64-linux-gnu-"
HYP_VA = 0x800000000000
HYP_SIZE = 0x200000
# Where QEMU puts the image; the hypervisor moves itself to the end of RAM.
LOADED_AT = 0x40200000

# name, vCPUs; all have the same image.
VMS = [("server", 1), ("peer", 1), ("machine", 2)]

TIMEOUT_S = 120
COUNTER_NS = 16

# What is told of an instruction beside that it was executed.
KINDS = [
    ("sysreg", re.compile(r"m(rs|sr)$")),
    ("barrier", re.compile(r"(dsb|dmb|isb)$")),
    ("tlbi", re.compile(r"tlbi$")),
    ("cache", re.compile(r"(dc|ic)$")),
    ("exclusive", re.compile(r"(ld|st)a?l?xrb?$|ldaxr|stlxr|cas|swp|ldadd")),
]
KIND_NAMES = [name for name, _ in KINDS]


class Image:
    """Symbols and instructions of holdfast.elf."""

    def __init__(self, elf):
        text = subprocess.run([TOOLS + "nm", "-n", elf], check=True,
                              capture_output=True, text=True).stdout
        symbols = [(int(a, 16), n) for a, n in
                   re.findall(r"^(\w+) [tT] ([A-Za-z_]\w*)$", text, re.M)]
        self.starts = [a for a, _ in symbols]
        self.names = [n for _, n in symbols]
        code = subprocess.run([TOOLS + "objdump", "-d", elf], check=True,
                              capture_output=True, text=True).stdout
        self.mnemonic = {
            int(a, 16): m for a, m in
            re.findall(r"^\s*([0-9a-f]+):\t[0-9a-f]{8} \t(\S+)", code, re.M)}
        sizes = subprocess.run([TOOLS + "size", "-A", elf], check=True,
                               capture_output=True, text=True).stdout
        self.sections = {n: int(s) for n, s in
                         re.findall(r"^\.(\w+)\s+(\d+)", sizes, re.M)}

    def symbol(self, address):
        """The name of the function or label that holds an address."""
        i = bisect.bisect_right(self.starts, address) - 1
        return self.names[i] if i >= 0 else "?"

    def kind(self, address):
        """The KINDS of an instruction."""
        m = self.mnemonic.get(address, "")
        return [name for name, pattern in KINDS if pattern.match(m)]


class Row:
    """What an operation costs, each time that it is done."""

    def __init__(self, name, rounds, ticks):
        self.name = name
        self.rounds = rounds
        self.ticks = ticks
        self.upper = self.lower = 0  # instructions of guests, by half of VA
        self.places = {}             # address: executions, all rounds

    @property
    def el2(self):
        """Instructions at EL2."""
        return sum(self.places.values()) / self.rounds

    @property
    def guest(self):
        """Instructions of guests."""
        return (self.upper + self.lower) / self.rounds

    @property
    def clock(self):
        """All instructions by the virtual counter, or None."""
        return self.ticks * COUNTER_NS / self.rounds if self.ticks else None

    def symbols(self, image):
        """[(symbol, instructions)], the most first."""
        out = collections.Counter()
        for address, count in self.places.items():
            out[image.symbol(address)] += count / self.rounds
        return out.most_common()

    def kinds(self, image):
        """{kind: instructions}."""
        out = dict.fromkeys(KIND_NAMES, 0)
        for address, count in self.places.items():
            for kind in image.kind(address):
                out[kind] += count / self.rounds
        return out


def ramdisk(ctx, where, vms=VMS, mib=2):
    """Makes the ramdisk; returns its path."""
    source, out = os.path.join(where, "bench.dts"), \
        os.path.join(where, "bench.img")
    text = ('/dts-v1/;\n/ {\n\tcompatible = "holdfast,manifest-v1";\n'
            '\tprimary {\n\t\tkernel_filename = "primary.bin";\n\t};\n')
    for i, (name, vcpus) in enumerate(vms):
        text += (f'\tvm{i} {{\n\t\tdebug_name = "{name}";\n'
                 '\t\tkernel_filename = "secondary.bin";\n'
                 f"\t\tmem_size = <{mib << 20:#x}>;\n"
                 f"\t\tvcpu_count = <{vcpus}>;\n\t}};\n")
    with open(source, "w") as f:
        f.write(text + "};\n")
    made = subprocess.run(
        [ctx.source("tools/mkramdisk"), "-o", out, source,
         *(f"{n}.bin=" + ctx.built("guest", f"bench-{n}.bin")
           for n in ("primary", "secondary"))],
        capture_output=True, text=True)
    if made.returncode:
        raise Failure("mkramdisk failed", made.stdout + made.stderr)
    return out


def counter(ctx, out):
    """QEMU's arguments for counting into the file `out`."""
    return ["-icount", "shift=0,sleep=off", "-plugin",
            f"{ctx.built('bench', 'count.so')},out={out},base={HYP_VA:x},"
            f"size={HYP_SIZE:x}"]


def read_counts(path, rows, physical):
    """Adds the counts of the plugin to the rows, which are in order."""
    with open(path) as f:
        for line in f:
            what, row, *numbers = line.split()
            if int(row) >= len(rows):
                raise Failure(f"more rows are counted than printed: {row}")
            row = rows[int(row)]
            if what == "guest":
                row.upper, row.lower = map(int, numbers)
                continue
            address, count = int(numbers[0], 16), int(numbers[1])
            # Row 0 begins before the MMU is on.
            for at in (LOADED_AT, physical):
                if at <= address < at + HYP_SIZE:
                    address += HYP_VA - at
            row.places[address] = row.places.get(address, 0) + count


def run(ctx, where, machine, bootargs, vms=VMS):
    """One boot; returns (rows by name, console)."""
    os.makedirs(where, exist_ok=True)
    out = os.path.join(where, "counts")
    result = qemu.run_to_end(
        [*machine.arguments(), *counter(ctx, out), "-kernel",
         ctx.built("holdfast.bin"), "-initrd", ramdisk(ctx, where, vms),
         "-append", bootargs], TIMEOUT_S)
    rows = [Row("boot", 1, 0)]
    rows += [Row(name, int(n), int(t)) for name, n, t in
             re.findall(r"^row (\S+) (\d+) (\d+)$", result.console, re.M)]
    found = re.search(r"^holdfast: hypervisor: \d+ KiB at 0x(\w+)$",
                      result.console, re.M)
    if not found:
        raise Failure("no boot", result.details)
    read_counts(out, rows, int(found.group(1), 16))
    return {row.name: row for row in rows}, result.console
