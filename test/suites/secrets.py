# SPDX-License-Identifier: BSD-3-Clause
"""Who owns which page, and that nothing leaves a VM by way of memory: RAM is a
file that is full of a pattern before the boot; suite `secrets` of the test
primary runs; then the file shows where everything is, hidden memory too."""

import os
import re
import struct
import subprocess
import tempfile

from lib import elf, qemu
from lib.devicetree import parse
from lib.hypervisor import (ADDRESS, FIRST_VM, HYPERVISOR, NOBODY, PAGE,
                            RAM_BASE, Ram)
from lib.qemu import Machine
from lib.ramdisk import make as make_ramdisk
from lib.testing import Failure, Test
from suites import target

# 64-byte, 512-byte blocks of DC ZVA; 40, 44 and 48-bit addresses.
MACHINES = [Machine(3, "cortex-a57", 1, 256), Machine(2, "cortex-a53", 2, 256),
            Machine(3, "max", 2, 256)]
TIMEOUT_S = 120

# test/guest/primary/secrets.c
POISON = struct.pack("<Q", 0x6b8d1c97a3f2e45b)
SECRETS = [struct.pack("<Q", 0x9a3c5e7192b4d6f8 + n) for n in range(5)]

# Texts of files; each is in the ramdisk once.
OF_NOBODY = b"A file that no VM names."
OF_BAD_VM = b"A file of a VM that is left out."
OF_BIG = b"word=a-word-of-the-manifest"

# VMs that the suite of the guest never runs.
IDLE = ["other", "checks", "silent", "mute"]

GICR_SIZE = 0x20000

NORMAL, DEVICE = 0x7fd, 0x7c5 | 1 << 54
ATTRIBUTES = ~(ADDRESS | 2)


def ramdisk(ctx, where):
    """The VMs of other suites, one of which is bad, and a file too many."""
    big = ("big", "service.bin", 32, 1, OF_BIG.decode(), None)
    vms = target.VMS[:-1] + [big] + target.SPARES[:-1] + \
        [("bad", "service.bin", 2, 9, None, "of-bad-vm")]
    files = {n: ctx.built("guest", n) for n in
             ("primary.bin", "echo.bin", "service.bin")}
    for name, data in (("manifest.dts", target.manifest(vms).encode()),
                       ("text", target.RAMDISK_TEXT), ("of-nobody", OF_NOBODY),
                       ("of-bad-vm", OF_BAD_VM)):
        files[name] = os.path.join(where, name)
        with open(files[name], "wb") as f:
            f.write(data)
    out = os.path.join(where, "ramdisk.img")
    source = files.pop("manifest.dts")
    return make_ramdisk(ctx, out, source, files, "--no-check")


def boot(ctx, machine, where, extra=""):
    """Boots over poisoned RAM; returns (qemu.Result, path of RAM)."""
    path = os.path.join(where, "ram")
    with open(path, "wb") as f:
        for _ in range(machine.mib):
            f.write(POISON * (1 << 17))
    hidden = sum(vm[2] for vm in target.VMS + target.SPARES) - 2
    result = qemu.run_to_end(
        [*machine.arguments(), "-machine", "memory-backend=ram", "-object",
         f"memory-backend-file,id=ram,size={machine.mib}M,share=on,"
         f"mem-path={path}", "-kernel", ctx.built("holdfast.bin"),
         "-initrd", ramdisk(ctx, where), "-append",
         f"suite=secrets ram={machine.mib} hidden={hidden}{extra}"], TIMEOUT_S)
    return result, path


def inside(at, ranges):
    """Whether an address lies in one of (begin, size)."""
    return any(begin <= at < begin + size for begin, size in ranges)


def places(ram, text):
    """Physical addresses of a text."""
    at = ram.data.find(text)
    while at >= 0:
        yield RAM_BASE + at
        at = ram.data.find(text, at + 1)


def has_memory(ram, index):
    """Whether a secondary has any: its tables are empty before it first runs,
    and once it is stopped."""
    return any(mapped for _, _, _, mapped in ram.stage2(index))


def check_poison(ram, idle):
    """No secondary has a byte string of before the boot in its memory, those
    aside that never ran and have none; the primary has (else this would show
    nothing)."""
    for index, (at, size) in ram.vms.items():
        found = ram.part(at, size).find(POISON[:6]) >= 0
        if found and (index not in idle or has_memory(ram, index)):
            raise Failure(f"vm{index} has memory from before the boot")
        if index in idle and not found:
            raise Failure(f"vm{index} was to be one that never ran")
    if not any(not inside(at, [*ram.vms.values(), ram.own])
               for at in places(ram, POISON)):
        raise Failure("there is no poison at all")


def check_secrets(ram, spares):
    """Each secret lies in the VM that wrote it, all over, in what the
    hypervisor keeps of that VM, and nowhere else."""
    for n, secret in enumerate(SECRETS):
        own = ram.vms[spares[n]]
        found = list(places(ram, secret))
        here = [at for at in found if inside(at, [own])]
        if 8 * len(here) < own[1] // 2:
            raise Failure(f"secret {n} is not all over its VM's memory")
        for at in found:
            if not inside(at, [own, ram.own]):
                raise Failure(f"secret {n} lies at {at:#x}")


def only_in(ctx, name):
    """Some bytes of a guest's image that are not in the primary's."""
    images = []
    for n in (name, "primary.bin"):
        with open(ctx.built("guest", n), "rb") as f:
            images.append(f.read())
    return next(images[0][i:i + 64] for i in range(64, len(images[0]), 64)
                if images[0][i:i + 64] not in images[1])


def check_files(ctx, ram):
    """Nothing of the ramdisk is left where the primary can see it."""
    hidden = [*ram.vms.values(), ram.own, ram.kept]
    for what, text, anywhere in (
            ("a ramdisk of a secondary", target.RAMDISK_TEXT, True),
            ("a secondary's bootargs", OF_BIG, True),
            ("a secondary's kernel", only_in(ctx, "echo.bin"), True),
            ("a file of a VM that is left out", OF_BAD_VM, False),
            ("a file that nobody names", OF_NOBODY, False)):
        found = list(places(ram, text))
        if anywhere != bool(found):
            raise Failure(f"{what}: {len(found)} of them")
        for at in found:
            if not inside(at, hidden):
                raise Failure(f"{what} lies at {at:#x}")


# --- who owns what ---------------------------------------------------------------

def number(value, at, cells):
    """A number of some cells."""
    return int.from_bytes(value[4 * at:4 * (at + cells)], "big")


def entries(value, *cells):
    """Rows of numbers of so many cells each."""
    step = sum(cells)
    for at in range(0, len(value) // 4 // step * step if step else 0, step):
        row = []
        for c in cells:
            row.append(number(value, at, c))
            at += c
        yield tuple(row)


def device_ranges(node, cells=(2, 1), translate=lambda a: a, gic=None):
    """(begin, end) of all registers and PCI windows below a node of QEMU's
    tree, as pages; its buses are empty `ranges`, but for PCI. `gic`: how many
    of the interrupt controller's are the primary's."""
    own = tuple(number(node.get(f"#{n}-cells", d), 0, 1) for n, d in
                (("address", b"\0\0\0\2"), ("size", b"\0\0\0\1")))
    for child in node.children:
        rows = list(entries(child.get("reg", b""), *own))
        if child.name.startswith("intc"):
            rows = rows[:gic]
        if child.get("device_type") == b"pci\0":
            sub = tuple(number(child.get(f"#{n}-cells"), 0, 1)
                        for n in ("address", "size"))
            rows += [(at, size) for _, at, size in entries(
                child.get("ranges"), sub[0], own[0], sub[1])]
        for at, size in rows:
            if size:
                yield at & -PAGE, at + size + PAGE - 1 & -PAGE
        if child.get("ranges") == b"" and child.children:
            yield from device_ranges(child, gic=gic)


def joined(ranges):
    """Sorted, and joined where they touch."""
    out = []
    for begin, end in sorted(ranges):
        if out and begin <= out[-1][1]:
            out[-1][1] = max(end, out[-1][1])
        else:
            out.append([begin, end])
    return out


def without(ranges, begin, end):
    """Ranges with a part taken out."""
    for b, e in ranges:
        if b < begin:
            yield [b, min(e, begin)]
        if e > end:
            yield [max(b, end), e]


def emulated_ranges(tree, machine):
    """What of a GICv3 the hypervisor keeps: the control page of each
    redistributor and of the ITS, and all behind the last redistributor."""
    if machine.gic != 3:
        return []
    gic = tree.child("intc")
    begin, size = list(entries(gic.get("reg"), 2, 2))[1]
    last = begin + machine.cpus * GICR_SIZE
    pages = [*range(begin, last, GICR_SIZE)]
    its = gic.child("its")
    if its:
        pages.append(number(its.get("reg"), 0, 2))
    return [(at, at + PAGE) for at in pages] + [(last, begin + size)]


def board_devices(machine, where, limit):
    """What the primary may see beside RAM, by QEMU's own tree; and what of it
    the hypervisor keeps."""
    path = os.path.join(where, "board.dtb")
    arguments = machine.arguments()
    arguments[1] += f",dumpdtb={path}"
    subprocess.run(["qemu-system-aarch64", *arguments, "-display", "none"],
                   check=True, capture_output=True)
    with open(path, "rb") as f:
        tree = parse(f.read())
    regions = number(tree.child("intc").get("#redistributor-regions",
                                            b"\0\0\0\1"), 0, 1)
    found = joined(device_ranges(tree, gic=1 + regions if machine.gic == 3
                                 else 2))
    found = list(without(found, RAM_BASE, RAM_BASE + (machine.mib << 20)))
    kept = emulated_ranges(tree, machine)
    for begin, end in kept:
        found = list(without(found, begin, end))
    return [[b, min(e, limit)] for b, e in found if b < limit], kept


def check_primary(ram, machine, where):
    """Every entry of the primary's stage 2, up to the end of its IPAs."""
    table = ram.stage2(None)
    end = RAM_BASE + (machine.mib << 20)
    hidden = joined((at, at + size) for at, size in [*ram.vms.values(),
                                                     ram.own, ram.kept])
    for begin, _, what, mapped in table:
        if mapped and what & ADDRESS != begin:
            raise Failure(f"IPA {begin:#x} is not PA")
        if mapped and what & ATTRIBUTES not in (NORMAL & ATTRIBUTES,
                                                DEVICE & ATTRIBUTES):
            raise Failure(f"attributes {what:#x} at {begin:#x}")
    normal = joined((b, e) for b, e, what, mapped in table if mapped and
                    what & ATTRIBUTES == NORMAL & ATTRIBUTES)
    device = joined((b, e) for b, e, what, mapped in table if mapped and
                    what & ATTRIBUTES == DEVICE & ATTRIBUTES)
    wanted = [[RAM_BASE, end]]
    for b, e in hidden:
        wanted = list(without(wanted, b, e))
    if normal != wanted:
        raise Failure(f"memory: {normal}, not {wanted}")
    wanted, kept = board_devices(machine, where, table[-1][1])
    if device != wanted:
        raise Failure(f"devices: {device}, not {wanted}")
    check_owners(ram, table, kept)


def check_owners(ram, table, kept):
    """What absent entries of the primary say: whose it is."""
    wanted = {(at, at + size): FIRST_VM + i
              for i, (at, size) in ram.vms.items()}
    for at, size in (ram.own, ram.kept):
        wanted[at, at + size] = HYPERVISOR
    wanted.update({found: HYPERVISOR for found in kept})
    for (begin, end), owner in wanted.items():
        said = [what for b, e, what, mapped in table
                if not mapped and b <= begin and e >= end]
        if said != [owner]:
            raise Failure(f"{begin:#x} to {end:#x} is of {said}, not {owner}")
    rest = [t for t in table if not t[3] and t[2] != NOBODY]
    if sum(t[1] - t[0] for t in rest) != sum(e - b for b, e in wanted):
        raise Failure(f"more is owned than that: {rest}")


def check_secondaries(ram, gone):
    """A secondary has its own memory from 0x40000000 on, or, before it first
    runs and once it is stopped, nothing."""
    for index, (at, size) in ram.vms.items():
        mapped = [t for t in ram.stage2(index) if t[3]]
        if index in gone:
            if mapped:
                raise Failure(f"vm{index} is gone and has {mapped}")
            continue
        if len(mapped) != 1 or mapped[0][:2] != [RAM_BASE, RAM_BASE + size] \
                or mapped[0][2] & ADDRESS != at or \
                mapped[0][2] & ATTRIBUTES != NORMAL & ATTRIBUTES:
            raise Failure(f"vm{index} has {mapped}")
    # The root of one that is gone holds what it is to be given back.
    if any(t[2] for i in ram.vms if i not in gone
           for t in ram.stage2(i) if not t[3]):
        raise Failure("an owner in a secondary's table")


def run(ctx, machine):
    """One boot and all that it shows."""
    with tempfile.TemporaryDirectory(prefix="hf-secrets-") as where:
        result, path = boot(ctx, machine, where)
        text = target.parse(result)
        ram = Ram(path, result.console, ctx.built("holdfast.elf"))
        try:
            names = dict((name, int(i)) for i, name in re.findall(
                r"^holdfast: vm(\d+): (\w+),", result.console, re.M))
            spares = [names[f"spare{i}"] for i in range(5)]
            idle = [names[n] for n in IDLE if n in names]
            check_poison(ram, idle)
            check_secrets(ram, spares)
            check_files(ctx, ram)
            check_primary(ram, machine, where)
            check_secondaries(ram, spares[2:] + idle)
        except Failure as e:
            raise Failure(str(e), result.details) from None
        finally:
            ram.close()
    return f"{text}, {len(ram.vms)} VMs"


def secrets_test(machine):
    """The test of a machine."""
    return Test(f"secrets/{machine}", lambda ctx: run(ctx, machine))


def reset(ctx):
    """A reset by the primary leaves nothing of a secondary in RAM, beside what
    is on the stacks of CPUs."""
    with tempfile.TemporaryDirectory(prefix="hf-secrets-") as where:
        result, path = boot(ctx, MACHINES[0], where, " end=reset")
        target.parse(result)
        ram = Ram(path, result.console, ctx.built("holdfast.elf"))
        try:
            if len(ram.vms) < len(SECRETS):
                raise Failure(f"only {len(ram.vms)} VMs", result.details)
            for index, (at, size) in ram.vms.items():
                if ram.part(at, size).count(0) != size:
                    raise Failure(f"memory of vm{index} is not zero",
                                  result.details)
            if ram.part(*ram.kept).count(0) != ram.kept[1]:
                raise Failure("what VMs are loaded from is not zero",
                              result.details)
            at = elf.symbols(ctx)
            stacks = [(ram.physical(at["cpu_stacks"]),
                       at["pool_begin"] - at["cpu_stacks"])]
            for n, secret in enumerate(SECRETS):
                for at in places(ram, secret):
                    if inside(at, stacks):
                        continue
                    raise Failure(f"secret {n} lies at {at:#x}",
                                  result.details)
        finally:
            ram.close()
    return f"{len(ram.vms)} VMs"


def tests(ctx):
    return [*(secrets_test(m) for m in MACHINES),
            Test("secrets/reset", reset)]
