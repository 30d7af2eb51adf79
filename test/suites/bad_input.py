# SPDX-License-Identifier: BSD-3-Clause
"""Boots with bad input of every kind that docs/boot.md lists: the console must
say what is wrong, and the primary must start or must not, as the case says.

Cases that one boot can show together (faults of single secondaries) share it.
"""

import os
import re
import struct
import subprocess

from lib import qemu
from lib.qemu import Machine
from lib.ramdisk import make as make_ramdisk
from lib.testing import Failure, Test

MACHINE = Machine(3, "cortex-a57", 1, 256)
TIMEOUT_S = 60

STOPPED = re.compile(r"boot stopped, nothing was started")
STARTED = re.compile(r"^end: \d+ ok, 0 not ok", re.M)

PRIMARY = 'primary { kernel_filename = "primary.bin"; };'
GOOD = {
    "debug_name": '"echo"',
    "kernel_filename": '"echo.bin"',
    "mem_size": "<0x200000>",
    "vcpu_count": "<1>",
}


def vm(index, **changes):
    """The source of a VM's node; a change to None leaves a property out."""
    values = {**GOOD, "debug_name": f'"vm-{index}"', **changes}
    return f"vm{index} {{ " + "".join(
        f"{key} = {value}; " for key, value in values.items()
        if value is not None) + "};"


def manifest(*nodes, root='compatible = "holdfast,manifest-v1";'):
    """The source of a manifest."""
    return "/dts-v1/;\n/ { " + root + "\n" + "\n".join(nodes) + "\n};\n"


def image(text_offset=0, image_size=0x10000, flags=0):
    """A kernel with an Image header of these numbers and no code."""
    head = struct.pack("<QQQQ", 0, text_offset, image_size, flags)
    return head + bytes(56 - len(head)) + b"ARM\x64" + bytes(68)


class Bench:
    """Makes the input files of one case."""

    def __init__(self, ctx, name):
        self.ctx = ctx
        self.where = ctx.directory("bad_input/" + name)

    def write(self, name, data):
        """Writes a file; returns its path."""
        path = os.path.join(self.where, name)
        with open(path, "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode())
        return path

    def ramdisk(self, source, files=None):
        """Packs a manifest, the two guests and more files; its path."""
        out = os.path.join(self.where, "ramdisk.img")
        wanted = {n: self.ctx.built("guest", n)
                  for n in ("primary.bin", "echo.bin")}
        for name, data in (files or {}).items():
            wanted[name] = self.write(name, data)
        return make_ramdisk(self.ctx, out, self.write("manifest.dts", source),
                            wanted, "--no-check")

    def archive(self, change):
        """A good ramdisk with its bytes changed; its path."""
        with open(self.ramdisk(manifest(PRIMARY)), "rb") as f:
            return self.write("changed.img", change(f.read()))


class Case:
    """A boot: its input, what the console must say, and how it ends.

    `make(bench)` returns QEMU's arguments beside those of the machine.
    `says` are regular expressions for lines of the hypervisor."""

    def __init__(self, name, make, says, starts=False, el2=True):
        self.name = name
        self.make = make
        self.says = says
        self.starts = starts
        self.el2 = el2

    def run(self, ctx):
        """Boots; raises Failure unless it went as the case says."""
        arguments = self.make(Bench(ctx, self.name))
        result = qemu.run([*MACHINE.arguments(self.el2), "-kernel",
                           ctx.built("holdfast.bin"), "-append", "suite=lib",
                           *arguments], TIMEOUT_S, until=STOPPED.pattern)
        qemu.check_fatal(result)
        for text in self.says:
            if not re.search("^holdfast: .*" + text, result.console, re.M):
                raise Failure(f"nothing said of: {text}", result.details)
        started = STARTED.search(result.console) is not None
        if started != self.starts:
            raise Failure("the primary started" if started else
                          "the primary did not start", result.details)
        if not started and not STOPPED.search(result.console):
            raise Failure("no word that the boot stopped", result.details)


def packed(source, files=None):
    """Input: a ramdisk with this manifest and these files."""
    return lambda bench: ["-initrd", bench.ramdisk(source, files)]


def changed(change):
    """Input: a good ramdisk whose bytes were changed."""
    return lambda bench: ["-initrd", bench.archive(change)]


def stop(name, source, says, files=None):
    """A case whose ramdisk stops the boot."""
    return Case(name, packed(source, files), [re.escape(says)])


def set_bytes(data, at, new):
    """`data` with `new` at offset `at`."""
    return data[:at] + new + data[at + len(new):]


def tree_at(data):
    """Where manifest.dtb lies in a ramdisk."""
    return data.index(b"\xd0\x0d\xfe\xed")


def without_manifest(data):
    """The ramdisk with manifest.dtb under another name."""
    return data.replace(b"manifest.dtb", b"manifest.xyz", 1)


ARCHIVE_CASES = [
    Case("entered_at_el1", packed(manifest(PRIMARY)),
         ["entered at EL1, needs EL2"], el2=False),
    Case("no_ramdisk", lambda bench: [], ["no ramdisk: "]),
    Case("ramdisk_empty_file",
         lambda bench: ["-initrd", bench.write("cut", b"x")],
         ["ramdisk: it is too short for a cpio archive"]),
    Case("archive_cut", changed(lambda d: d[:len(d) // 2]),
         ["ramdisk: a file is cut off"]),
    Case("archive_no_trailer",
         changed(lambda d: d.replace(b"TRAILER!!!", b"TRAILER???")),
         ["it is cut off, or has no trailer"]),
    Case("archive_gzip", changed(lambda d: b"\x1f\x8b" + d[2:]),
         ["ramdisk: it is compressed: unpack it first"]),
    Case("archive_odc", changed(lambda d: b"070707" + d[6:]),
         ["ramdisk: it is an old .odc. cpio archive: use newc"]),
    Case("archive_garbage", changed(lambda d: bytes(len(d))),
         ["ramdisk: it is not a newc cpio archive"]),
    Case("archive_header", changed(lambda d: set_bytes(d, 60, b"g")),
         ["a file's header is broken"]),
    Case("archive_file_size", changed(lambda d: set_bytes(d, 54, b"ffffffff")),
         ["a file is cut off"]),
    Case("archive_name_size", changed(lambda d: set_bytes(d, 94, b"ffffffff")),
         ["a file's name is cut off"]),
    Case("archive_twice", changed(lambda d: d + d),
         ["something follows its trailer"]),
    Case("no_manifest", changed(without_manifest),
         ["ramdisk: no manifest.dtb"]),
]

MANIFEST_CASES = [
    Case("manifest_not_a_tree",
         changed(lambda d: set_bytes(d, tree_at(d), b"????")),
         ["manifest.dtb: it is not a device tree"]),
    Case("manifest_size", changed(
        lambda d: set_bytes(d, tree_at(d) + 4, b"\xff\xff\xff\xff")),
        ["manifest.dtb: it is cut off"]),
    Case("manifest_structure", changed(
        lambda d: set_bytes(d, tree_at(d) + 8, b"\xff\xff\xff\xfc")),
        ["manifest.dtb: its structure is out of place"]),
    stop("compatible", manifest(PRIMARY, root='compatible = "x";'),
         'manifest.dtb: compatible: must be "holdfast,manifest-v1"'),
    stop("root_property", manifest(
        PRIMARY, root='compatible = "holdfast,manifest-v1"; strange;'),
        "manifest.dtb: strange: is not known"),
    stop("unknown_node", manifest(PRIMARY, "strange { };"),
         "manifest.dtb: strange: is not known"),
    stop("no_primary", manifest(vm(0)), "manifest.dtb: primary: is missing"),
    stop("gap", manifest(PRIMARY, vm(0), vm(2)),
         "manifest.dtb: vm2: is not the next"),
    stop("order", manifest(PRIMARY, vm(1), vm(0)),
         "manifest.dtb: vm1: is not the next"),
    stop("too_many_vms", manifest(PRIMARY, *(vm(i) for i in range(17))),
         "manifest.dtb: vm16: is one VM too many"),
]

PRIMARY_CASES = [
    stop("primary_no_kernel", manifest("primary { };"),
         "primary: kernel_filename: is missing"),
    stop("primary_kernel_type", manifest(
        "primary { kernel_filename = <1>; };"),
        "primary: kernel_filename: must be one string"),
    stop("primary_unknown_property", manifest(
        'primary { kernel_filename = "primary.bin"; mem_size = <4096>; };'),
        "primary: mem_size: is not known"),
    Case("primary_kernel_absent", packed(manifest(
        'primary { kernel_filename = "absent.bin"; };')),
        ["primary: kernel_filename: absent.bin: no such file"]),
    Case("primary_ramdisk_absent", packed(manifest(
        'primary { kernel_filename = "primary.bin"; '
        'ramdisk_filename = "absent.img"; };')),
        ["primary: ramdisk_filename: absent.img: no such file"]),
] + [
    Case(f"primary_kernel_{name}", packed(
        manifest('primary { kernel_filename = "bad"; };'), {"bad": data}),
        ["bad.*" + re.escape(says)])
    for name, data, says in (
        ("gzip", b"\x1f\x8b\x08" + bytes(99),
         "it is compressed: unpack it first"),
        ("elf", b"\x7fELF" + bytes(99), "it is ELF"),
        ("big_endian", image(flags=1), "it is a big-endian kernel"),
        ("text_offset", image(text_offset=0x801),
         "text_offset is no multiple of 4096"),
        ("image_size_wraps", image(image_size=(1 << 64) - 4096),
         "image_size is too large"),
    )
] + [
    Case("primary_kernel_larger_than_ram", packed(
        manifest('primary { kernel_filename = "bad"; };'),
        {"bad": image(image_size=1 << 40)}),
        ["RAM: no room for the primary's kernel"]),
]

KERNEL = "kernel_filename: (.*: )?"
TOO_SMALL = "mem_size: too small for kernel, ramdisk and device tree"

# Faults of one secondary each: what is changed, and what is said of it.
SECONDARY_FAULTS = [
    ({name: None}, f"{name}: is missing") for name in GOOD
] + [
    ({"strange": "<1>"}, "strange: is not known"),
    ({"debug_name": '""'}, "debug_name: must not be empty"),
    ({"debug_name": "<1>"}, "debug_name: must be one string"),
    ({"debug_name": '"../x"'}, "debug_name: must begin with a letter"),
    ({"debug_name": '"a/b"'}, "debug_name: has a character other than"),
    ({"debug_name": '"' + 32 * "n" + '"'}, "debug_name: is too long"),
    ({"debug_name": '"primary"'}, "debug_name: is the primary VM's name"),
    ({"mem_size": "<0>"}, "mem_size: must not be zero"),
    ({"mem_size": "<0x200800>"}, "mem_size: must be a multiple of 4096"),
    ({"mem_size": "<0 0 0x200000>"}, "mem_size: must be one or two cells"),
    ({"mem_size": "<0xffffffff 0xfffff000>"}, "mem_size: is too large"),
    ({"mem_size": '"2M"'}, "mem_size: must be one or two cells"),
    ({"mem_size": "<0x1 0x0>"}, "mem_size: more memory than there is"),
    ({"mem_size": "<0x1000>"}, TOO_SMALL),
    ({"vcpu_count": "<0>"}, "vcpu_count: must not be zero"),
    ({"vcpu_count": "<9>"}, "vcpu_count: is too large"),
    ({"vcpu_count": "<0 1>"}, "vcpu_count: must be one cell"),
    ({"debug": "<1>"}, "debug: must have no value"),
    ({"kernel_filename": '"absent.bin"'},
     KERNEL + "no such file in the ramdisk"),
    ({"ramdisk_filename": '"absent.img"'},
     "ramdisk_filename: (.*: )?no such file in the ramdisk"),
    ({"kernel_filename": '"gzip"'},
     KERNEL + "it is compressed: unpack it first"),
    ({"kernel_filename": '"elf"'}, KERNEL + "it is ELF"),
    ({"kernel_filename": '"empty"'}, KERNEL + "it is empty"),
    ({"kernel_filename": '"bigendian"'}, KERNEL + "it is a big-endian kernel"),
    ({"kernel_filename": '"odd"'},
     KERNEL + "its header's text_offset is no multiple of 4096"),
    ({"kernel_filename": '"huge"'},
     KERNEL + "its header's image_size is too large"),
    ({"kernel_filename": '"large"'}, TOO_SMALL),
]

SECONDARY_FILES = {
    "gzip": b"\x1f\x8b\x08" + bytes(99),
    "elf": b"\x7fELF" + bytes(99),
    "bigendian": image(flags=1),
    "odd": image(text_offset=0x801),
    "huge": image(image_size=1 << 63),
    "large": image(image_size=0x300000),
}


def secondary_boot(faults):
    """Input: a VM for each fault, and a good one behind them."""
    nodes = [vm(i, **change) for i, (change, _) in enumerate(faults)]
    source = manifest(PRIMARY, *nodes, vm(len(faults), debug_name='"good"'))

    def make(bench):
        out = bench.ramdisk(source, SECONDARY_FILES)
        return ["-initrd", with_empty_file(bench, out)]
    return make


def with_empty_file(bench, path):
    """Adds a member `empty` without data in front of a ramdisk."""
    fields = (0, 0o100644, 0, 0, 1, 0, 0, 0, 0, 0, 0, 6, 0)
    member = b"070701" + b"".join(b"%08x" % n for n in fields) + b"empty\0"
    with open(path, "rb") as f:
        data = f.read()
    return bench.write("with_empty.img",
                       member + bytes(-len(member) % 4) + data)


def left_out(index, text):
    """What is said of a secondary that does not start."""
    return rf"manifest.dtb: vm{index} \([^ ]*\) left out: {text}"


def secondary_cases():
    """Cases of up to eight faults each; the primary starts in all."""
    for start in range(0, len(SECONDARY_FAULTS), 8):
        faults = SECONDARY_FAULTS[start:start + 8]
        says = [left_out(i, text) for i, (_, text) in enumerate(faults)]
        yield Case(f"secondaries_{start // 8}", secondary_boot(faults), says,
                   starts=True)
    yield Case("secondary_name_twice", packed(manifest(
        PRIMARY, vm(0, debug_name='"x"'), vm(1, debug_name='"x"'))),
        [left_out(1, "debug_name: is the name of another VM")], starts=True)
    yield Case("secondary_inner_node", packed(manifest(
        PRIMARY, vm(0).replace("};", "inner { }; };"))),
        [left_out(0, "inner: is a node: a VM has none inside")], starts=True)
    yield Case("secondaries_larger_than_ram", packed(manifest(
        PRIMARY, vm(0), vm(1, mem_size="<0x20000000>"), vm(2))),
        [left_out(1, "mem_size: more memory than there is")], starts=True)


def tight_ram(bench):
    """Input: a ramdisk that must move, and a VM for which there is room only
    once it has moved: it is to be left out before and behind the move."""
    source = manifest(
        'primary { kernel_filename = "primary.bin"; '
        'ramdisk_filename = "pad"; };', vm(0, mem_size="<0x12c00000>"))
    return ["-m", "512", "-initrd",
            bench.ramdisk(source, {"pad": bytes(130_623_424)})]


def moving_ramdisk(bench):
    """Input: a ramdisk that lies where a VM will be, and has room elsewhere."""
    source = manifest(
        'primary { kernel_filename = "primary.bin"; '
        'ramdisk_filename = "pad"; };', vm(0, mem_size="<0x14800000>"))
    return ["-m", "512", "-initrd",
            bench.ramdisk(source, {"pad": bytes(64 << 20)})]


MEMORY_CASES = [
    Case("moving_ramdisk", moving_ramdisk,
         [r"vm0: vm-0, 335872 KiB at 0x4b600000"], starts=True),
    Case("tight_ram", tight_ram,
         [r"vm0 \(vm-0\) left out: mem_size: more memory than there is"],
         starts=True),
]


SMMU_NODE = "/smmuv3@9050000"


def smmu_tree(node, *change):
    """Input: a good ramdisk, and the tree of a machine with an SMMU (which
    this one has not), with a property of `node` changed by fdtput."""
    def make(bench):
        tree = bench.write("board.dtb", b"")
        # A machine for itself: its tree, and nothing else, is wanted.
        subprocess.run(
            [qemu.PROGRAM, "-M", "virt,virtualization=on,gic-version=3,"
             f"iommu=smmuv3,dumpdtb={tree}", "-cpu", MACHINE.cpu, "-m",
             str(MACHINE.mib), "-display", "none"], check=True,
            capture_output=True, timeout=TIMEOUT_S)
        subprocess.run(["fdtput", *change[:-1], tree, node,
                        *change[-1]], check=True, timeout=TIMEOUT_S)
        return ["-dtb", tree, "-initrd", bench.ramdisk(manifest(PRIMARY))]
    return make


def smmu_at(address):
    """Input: an SMMU whose registers are said to be at an address."""
    return smmu_tree(SMMU_NODE, "-t", "x",
                     ["reg", f"{address >> 32:x}", f"{address & 0xffffffff:x}",
                      "0", "20000"])


SMMU_CASES = [
    Case("smmu_no_reg", smmu_tree(SMMU_NODE, "-d", ["reg"]),
         ["device tree: smmuv3@9050000: no reg"]),
    Case("smmu_short_reg", smmu_tree(SMMU_NODE, "-t", "x", [
        "reg", "0", "9050000", "0", "10000"]),
        ["smmuv3@9050000: reg is not 128 KiB at a multiple of 4096"]),
    Case("smmu_absent", smmu_at(0x9050000),
         ["nothing answers at 0x90500"]),
    Case("smmu_beyond_addresses", smmu_at(1 << 45),
         ["nothing answers at 0x2000000000"]),
    Case("smmu_beyond_window", smmu_at(1 << 47),
         ["smmuv3@9050000: reg lies outside of the address space"]),
    Case("smmu_in_ram", smmu_at(0x44000000),
         ["smmuv3@9050000: does not answer"]),
    Case("smmu_in_hypervisor", smmu_at(0x4fe00000),
         ["smmuv3@9050000: reg lies in the hypervisor"]),
    Case("smmu_in_flash", smmu_at(0x4000000),
         ["smmuv3@9050000: cannot walk page tables of this CPU"]),
    # Without a known IOMMU the devices behind it are told.
    Case("smmu_disabled", smmu_tree(
        SMMU_NODE, "-t", "s", ["status", "disabled"]),
        ["may reach all memory by DMA: fw-cfg, 32 virtio_mmio, smmuv3, pcie"],
        starts=True),
]


HCR_RW = struct.pack("<I", 0xd2b00009)   # mov x9, #1 << 31
HCR_E2H = struct.pack("<I", 0xd2c00089)  # mov x9, #1 << 34


def vhe_only(bench):
    """Input: a CPU whose HCR_EL2.E2H cannot be cleared, as far as the image can
    see: it sets the bit instead."""
    with open(bench.ctx.built("holdfast.bin"), "rb") as f:
        data = f.read()
    if data.count(HCR_RW) != 2:
        raise Failure("HCR_EL2 is not set in two places")
    return ["-cpu", "max", "-kernel",
            bench.write("vhe.bin", data.replace(HCR_RW, HCR_E2H)),
            "-initrd", bench.ramdisk(manifest(PRIMARY))]


CPU_CASES = [
    Case("vhe_only", vhe_only,
         ["this CPU has EL2 with VHE only: HCR_EL2.E2H stays 1"]),
]


def tests(ctx):
    """One test for each boot."""
    cases = [*ARCHIVE_CASES, *MANIFEST_CASES, *PRIMARY_CASES,
             *secondary_cases(), *MEMORY_CASES, *SMMU_CASES,
             *CPU_CASES]
    return [Test("bad_input/" + case.name, case.run) for case in cases]
