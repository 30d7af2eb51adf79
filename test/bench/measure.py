# SPDX-License-Identifier: BSD-3-Clause
"""Runs the measuring guests under QEMU with count.so, and gives what each row
costs: instructions at EL2, by symbol and by kind."""

import bisect
import collections
import os
import re
import subprocess

from bench.tables import number
from lib import linux, qemu
from lib.qemu import Machine
from lib.ramdisk import make as make_ramdisk
from lib.testing import Failure

TOOLS = "aarch64-linux-gnu-"
HYP_VA = 0x800000000000
HYP_SIZE = 0x200000
# Where QEMU puts the image; the hypervisor moves itself to the end of RAM.
LOADED_AT = 0x40200000

# vCPUs of the VMs of each set of rows in primary.c; all have the same image.
# Those of `table` are also what the boot of the table has.
VMS = {"table": (1, 1, 2), "sizes": (1, 1, 2, 1, 2, 4, 8), "cpus": (1,)}

VM_BYTES = 2 << 20

# On what else the short set is measured, by title: what its figures have behind
# their names, GIC and CPU.
OTHERS = {"GICv2": ("/gicv2", 2, "cortex-a57"),
          "N1": ("/n1", 3, "neoverse-n1")}

TIMEOUT_S = 120
LINUX_TIMEOUT_S = 900
COUNTER_NS = 16

# Instructions of a round of row `loop`.
LOOP = 4

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
        bounds = [int(a, 16) for a in re.findall(
            r"^(\w+) \w image_(?:begin|end)$", text, re.M)]
        if bounds != [HYP_VA, HYP_VA + HYP_SIZE]:
            raise Failure("the hypervisor runs elsewhere", text)
        symbols = [(int(a, 16), n) for a, n in
                   re.findall(r"^(\w+) [tT] ([A-Za-z_]\w*)$", text, re.M)]
        self.starts = [a for a, _ in symbols]
        self.names = [n for _, n in symbols]
        code = subprocess.run([TOOLS + "objdump", "-d", elf], check=True,
                              capture_output=True, text=True).stdout
        self.text = {
            int(a, 16): t.replace("\t", " ") for a, t in
            re.findall(r"^\s*([0-9a-f]+):\t[0-9a-f]{8} \t(.*)$", code, re.M)}
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
        mnemonic = self.text.get(address, "").partition(" ")[0]
        return [name for name, pattern in KINDS if pattern.match(mnemonic)]


class Size:
    """A number of bytes, where rows are."""

    guest = 0

    def __init__(self, size):
        self.el2 = size
        self.places = {}


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

    def listing(self, image):
        """[(address, symbol, instruction, executions)], in order."""
        return [(a, image.symbol(a), image.text.get(a, "?"), n / self.rounds)
                for a, n in sorted(self.places.items())]

    def kinds(self, image):
        """{kind: instructions}."""
        out = dict.fromkeys(KIND_NAMES, 0)
        for address, count in self.places.items():
            for kind in image.kind(address):
                out[kind] += count / self.rounds
        return out


def ramdisk(ctx, where, vms):
    """Makes a ramdisk with VMs of so many vCPUs; returns its path."""
    source, out = os.path.join(where, "bench.dts"), \
        os.path.join(where, "bench.img")
    text = ('/dts-v1/;\n/ {\n\tcompatible = "holdfast,manifest-v1";\n'
            '\tprimary {\n\t\tkernel_filename = "primary.bin";\n\t};\n')
    for i, vcpus in enumerate(vms):
        text += (f'\tvm{i} {{\n\t\tdebug_name = "vm{i}";\n'
                 '\t\tkernel_filename = "secondary.bin";\n'
                 f"\t\tmem_size = <{VM_BYTES:#x}>;\n"
                 f"\t\tvcpu_count = <{vcpus}>;\n\t}};\n")
    with open(source, "w") as f:
        f.write(text + "};\n")
    return make_ramdisk(ctx, out, source, {
        f"{n}.bin": ctx.built("guest", f"bench-{n}.bin")
        for n in ("primary", "secondary")})


def counter(ctx, out, more=""):
    """QEMU's arguments for counting into the file `out`."""
    return ["-icount", "shift=0,sleep=off", "-plugin",
            f"{ctx.built('bench', 'count.so')},out={out},base={HYP_VA:x},"
            f"size={HYP_SIZE:x}{more}"]


def read_counts(path, rows, physical=0):
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


def check(row, console):
    """Raises Failure if the virtual counter says something else. It is read in
    steps; QEMU's does not count an access that is trapped."""
    if row.clock is None:
        return
    slack = 1.01 + 2 * COUNTER_NS / row.rounds + row.clock / 10000
    if abs(row.clock - row.el2 - row.guest) > slack:
        raise Failure(f"{row.name}: {row.el2:.2f} at EL2 and {row.guest:.2f} "
                      f"elsewhere, {row.clock:.2f} by the counter", console)
    if row.name == "loop" and (row.el2 or abs(row.clock - LOOP) > 0.1):
        raise Failure(f"{LOOP} instructions take {row.clock} ns", console)


def run(ctx, name, machine, rows="boot", vms=None):
    """Boots, and measures a set of rows; returns {name: Row}."""
    where = ctx.directory("bench/" + name)
    out = os.path.join(where, "counts")
    result = qemu.run_to_end(
        [*machine.arguments(), *counter(ctx, out, ",boot=on"), "-kernel",
         ctx.built("holdfast.bin"), "-initrd",
         ramdisk(ctx, where, vms or VMS[rows]), "-append", f"set={rows}"],
        TIMEOUT_S)
    found = [Row("boot", 1, 0)]
    found += [Row(name, int(n), int(t)) for name, n, t in
              re.findall(r"^row (\S+) (\d+) (\d+)$", result.console, re.M)]
    at = re.search(r"^holdfast: hypervisor: \d+ KiB at 0x(\w+)$",
                   result.console, re.M)
    if not at:
        raise Failure("no boot", result.details)
    read_counts(out, found, int(at.group(1), 16))
    for row in found:
        check(row, result.details)
    return {row.name: row for row in found}


def linux_path(ctx):
    """A round trip of 64 bytes through the Linux driver; returns its Row."""
    where = ctx.directory("bench/linux")
    out = os.path.join(where, "counts")
    console = linux.boot(
        Machine(3, "cortex-a57", 1, 512), ctx.built("holdfast.bin"),
        ctx.source("build/linux/driver.img"), ["roundtrip"], LINUX_TIMEOUT_S,
        more=counter(ctx, out))
    rounds = re.search(r"^row linux (\d+)$", console, re.M)
    rows = [Row("boot", 1, 0), Row("linux", int(rounds.group(1)), 0)]
    read_counts(out, rows)
    return rows[1]


def others(rows, goal):
    """What a goal's figure is on each of OTHERS, as texts."""
    found = [rows.get(f"{goal.figure}{suffix}")
             for suffix, _, _ in OTHERS.values()]
    return [number(goal.value(row) if row else None) for row in found]


def image_bytes(image):
    """Text and constants of the image, as it lies in memory."""
    return image.sections["text"] + image.sections["rodata"]


def memory(ctx):
    """Bytes that each VM and each vCPU take of the hypervisor's own."""
    found = {}
    for what in ("vm", "vcpu"):
        text = subprocess.run(
            ["gdb-multiarch", "-nx", "-batch", "-ex",
             f"output sizeof(struct {what})", ctx.built("holdfast.elf")],
            capture_output=True, text=True, check=True).stdout
        found[what] = int(text.split()[-1])
    return found


def machine_of(gic=3, cpus=1, mib=512, cpu="cortex-a57"):
    """The machine on which everything is measured."""
    return Machine(gic, cpu, cpus, mib)


def table_rows(ctx):
    """The short set, on all that it is measured on: {figure: Row}."""
    rows = {}
    for suffix, gic, cpu in [("", 3, "cortex-a57"), *OTHERS.values()]:
        measured = run(ctx, f"table-gic{gic}-{cpu}",
                       machine_of(gic, cpu=cpu), "table")
        rows.update((name + suffix, row) for name, row in measured.items()
                    if name != "loop")
    return rows
