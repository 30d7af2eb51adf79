#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Tests of tools/mkramdisk: what it packs, what it refuses, and that the
hypervisor's own code (check_ramdisk.c) says the same of the same input.
Usage: test_mkramdisk.py CHECK_RAMDISK"""

import os
import struct
import subprocess
import sys
import tempfile

MKRAMDISK = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                         "../../tools/mkramdisk")

PRIMARY = 'primary { kernel_filename = "vmlinuz"; };'
VM0 = {
    "debug_name": '"echo"',
    "kernel_filename": '"echo.bin"',
    "mem_size": "<0x0 0x200000>",
    "vcpu_count": "<1>",
}


def node(name="vm0", **changes):
    """The source of a VM's node; a change to None leaves a property out."""
    values = {**VM0, **changes}
    return name + " { " + "".join(
        f"{key} = {value}; " for key, value in values.items()
        if value is not None) + "};"


def manifest(*nodes, compatible='compatible = "holdfast,manifest-v1";'):
    """The source of a manifest."""
    return "/dts-v1/;\n/ { " + compatible + "\n" + "\n".join(nodes) + "\n};\n"


def image(size=4096, text_offset=0, image_size=0x10000, flags=10):
    """A kernel with an Image header."""
    header = b"MZ" + bytes(6) + struct.pack("<QQQ", text_offset, image_size,
                                            flags)
    header += bytes(56 - len(header)) + b"ARM\x64"
    return header + bytes(size - len(header))


def many(count):
    """Nodes of `count` VMs."""
    return [node(f"vm{i}", debug_name=f'"n{i}"') for i in range(count)]


# Name, manifest, what is said of it. The first message is mkramdisk's; the
# hypervisor's must be the same.
BAD_MANIFESTS = [
    ("compatible_missing", manifest(PRIMARY, compatible=""),
     "compatible: is missing"),
    ("compatible_wrong", manifest(PRIMARY, compatible='compatible = "x";'),
     'compatible: must be "holdfast,manifest-v1"'),
    ("root_property", manifest(
        PRIMARY, compatible='compatible = "holdfast,manifest-v1"; strange;'),
     "strange: is not known"),
    ("strict_value", manifest(
        PRIMARY, compatible='compatible = "holdfast,manifest-v1"; strict = <1>;'),
     "strict: must have no value"),
    ("panic_value", manifest(
        PRIMARY,
        compatible='compatible = "holdfast,manifest-v1"; panic = "stop";'),
     'panic: must be "halt" or "reset"'),
    ("unknown_node", manifest(PRIMARY, "vm { };"), "vm: is not known"),
    ("leading_zero", manifest(PRIMARY, node("vm00")), "vm00: is not known"),
    ("no_primary", manifest(node()), "primary: is missing"),
    ("gap", manifest(PRIMARY, node("vm1")),
     "vm1: is not the next: vm0, vm1, ... come in order"),
    ("too_many", manifest(PRIMARY, *many(17)), "vm16: is one VM too many"),
    ("primary_kernel", manifest("primary { };"),
     "primary: kernel_filename: is missing"),
    ("primary_mem_size", manifest(
        'primary { kernel_filename = "vmlinuz"; mem_size = <4096>; };'),
     "primary: mem_size: is not known"),
    ("unknown_property", manifest(PRIMARY, node(strange="<1>")),
     "vm0: strange: is not known"),
    ("inner_node", manifest(PRIMARY, node().replace("};", "inner { }; };")),
     "vm0: inner: is a node: a VM has none inside"),
    ("names_equal", manifest(PRIMARY, node(), node("vm1")),
     "vm1: debug_name: is the name of another VM"),
] + [
    (f"missing_{name}", manifest(PRIMARY, node(**{name: None})),
     f"vm0: {name}: is missing") for name in VM0
] + [
    (f"{name}_{number}", manifest(PRIMARY, node(**{name: value})),
     f"vm0: {name}: {message}")
    for number, (name, value, message) in enumerate([
        ("debug_name", '""', "must not be empty"),
        ("debug_name", '"a", "b"', "must be one string"),
        ("debug_name", "<1>", "must be one string"),
        ("debug_name", '"-a"', "must begin with a letter or a digit"),
        ("debug_name", '"a/b"',
         "has a character other than a-z A-Z 0-9 . _ -"),
        ("debug_name", '"' + 32 * "a" + '"', "is too long"),
        ("debug_name", '"primary"', "is the primary VM's name"),
        ("kernel_filename", '""', "must not be empty"),
        ("kernel_filename", "[61]", "must be one string"),
        ("ramdisk_filename", '""', "must not be empty"),
        ("bootargs", "<1>", "must be one string"),
        ("mem_size", "<0>", "must not be zero"),
        ("mem_size", "<0 0>", "must not be zero"),
        ("mem_size", "<0x1001>", "must be a multiple of 4096"),
        ("mem_size", "<0 0 0x1000>", "must be one or two cells"),
        ("mem_size", '"2M"', "must be one or two cells"),
        ("mem_size", "<0x80 0x1000>", "is too large"),
        ("vcpu_count", "<0>", "must not be zero"),
        ("vcpu_count", "<9>", "is too large"),
        ("vcpu_count", "<0 1>", "must be one cell"),
        ("debug", "<1>", "must have no value"),
    ])
]

# Name, contents of echo.bin, what is said of it.
BAD_KERNELS = [
    ("empty", b"", "it is empty"),
    ("gzip", b"\x1f\x8b\x08" + bytes(9), "it is compressed: unpack it first"),
    ("xz", b"\xfd7zXZ\0" + bytes(9), "it is compressed: unpack it first"),
    ("zboot", b"MZ\0\0zimg" + bytes(9), "it is compressed: unpack it first"),
    ("elf", b"\x7fELF" + bytes(9), "it is ELF: run objcopy -O binary first"),
    ("uimage", b"\x27\x05\x19\x56" + bytes(9),
     "it is a U-Boot uImage: unpack it"),
    ("fit", b"\xd0\x0d\xfe\xed" + bytes(9),
     "it is a device tree or FIT image"),
    ("efi", b"MZ" + bytes(99), "it is an EFI program without an Image header"),
    ("big_endian", image(flags=11), "it is a big-endian kernel"),
    ("text_offset", image(text_offset=0x800),
     "its header's text_offset is no multiple of 4096"),
    ("text_offset_huge", image(text_offset=1 << 48),
     "its header's text_offset is too large"),
    ("image_size_huge", image(image_size=1 << 63),
     "its header's image_size is too large"),
]


class Bench:
    """A directory with input files, and the two programs."""

    def __init__(self, directory, check_ramdisk):
        self.directory = directory
        self.check_ramdisk = check_ramdisk
        self.failed = 0

    def path(self, name):
        """Where a file of the bench lies."""
        return os.path.join(self.directory, name)

    def write(self, name, data):
        """Writes a file of the bench."""
        with open(self.path(name), "wb") as file:
            file.write(data if isinstance(data, bytes) else data.encode())

    def read(self, name):
        """Reads a file of the bench."""
        with open(self.path(name), "rb") as file:
            return file.read()

    def pack(self, source, *arguments, kernel=b"\x20\0\x80\xd2" * 9,
             files=("vmlinuz", "echo.bin")):
        """Runs mkramdisk; its messages, None if it was content."""
        self.write("manifest.dts", source)
        self.write("vmlinuz", image())
        self.write("echo.bin", kernel)
        result = subprocess.run(
            [sys.executable, MKRAMDISK, "-o", self.path("ramdisk"),
             *arguments, self.path("manifest.dts"),
             *(name if "=" in name else self.path(name) for name in files)],
            capture_output=True, check=False, text=True)
        return None if result.returncode == 0 else result.stderr.strip()

    def judge(self):
        """What the hypervisor's code says of the ramdisk, None if nothing."""
        result = subprocess.run([self.check_ramdisk, self.path("ramdisk")],
                                capture_output=True, check=False, text=True)
        return None if result.returncode == 0 else result.stdout.strip()

    def report(self, name, problem):
        """Prints a test's line; `problem` is None if it passed."""
        if problem is None:
            print(f"ok mkramdisk.{name}")
            return
        print(f"not ok mkramdisk.{name}: {problem}")
        self.failed += 1


def expect(what, got, wanted):
    """None, or how two things differ."""
    return None if got == wanted else f"{what}: {got!r}, not {wanted!r}"


def test_bad(bench):
    """What one refuses the other refuses, in the same words."""
    cases = [(name, source, b"flat", f"manifest.dtb: {message}")
             for name, source, message in BAD_MANIFESTS]
    cases += [(name, manifest(PRIMARY, node()), kernel,
               f"manifest.dtb: vm0: echo.bin: {message}")
              for name, kernel, message in BAD_KERNELS]
    for name, source, kernel, message in cases:
        said = bench.pack(source, kernel=kernel)
        problem = expect("mkramdisk", said, "mkramdisk: " + message)
        if problem is None:
            problem = expect("unchecked", bench.pack(
                source, "--no-check", kernel=kernel), None)
        if problem is None:
            problem = expect("hypervisor", bench.judge(), message)
        bench.report("bad_" + name, problem)


def test_good(bench):
    """A good ramdisk: accepted, deterministic, read by cpio too."""
    source = manifest(PRIMARY, node(), node("vm1", debug_name='"b"',
                                            mem_size="<0x100000>"))
    bench.report("good", expect("mkramdisk", bench.pack(source), None) or
                 expect("hypervisor", bench.judge(), None))
    first = bench.read("ramdisk")
    os.utime(bench.path("vmlinuz"), (1, 1))
    bench.pack(source, files=("echo.bin", "vmlinuz"))
    bench.report("deterministic", None if bench.read("ramdisk") == first
                 else "two runs differ")
    aligned = all(first.index(data) % 64 == 0 for data in
                  (image(), b"\xd0\x0d\xfe\xed", b"\x20\0\x80\xd2" * 9))
    bench.report("data_is_aligned", None if aligned else "it is not")
    listing = subprocess.run(["cpio", "-t", "--quiet"], input=first,
                             capture_output=True, check=False).stdout.decode()
    bench.report("order", expect("cpio -t", listing.split(),
                                 ["manifest.dtb", "echo.bin", "vmlinuz"]))


def test_limits(bench):
    """The most VMs; memory that is just enough, and a page too little."""
    bench.report("sixteen_vms", expect(
        "mkramdisk", bench.pack(manifest(PRIMARY, *many(16))), None) or
        expect("hypervisor", bench.judge(), None))
    kernel = image(text_offset=0x80000, image_size=0x10000)
    for size, message in ((0x91000, None), (
            0x90000, "mkramdisk: manifest.dtb: vm0: mem_size: too small for "
            "kernel, ramdisk and device tree, which need 0x91000")):
        said = bench.pack(manifest(PRIMARY, node(mem_size=f"<{size:#x}>")),
                          kernel=kernel)
        bench.report(f"mem_size_{size:#x}", expect("mkramdisk", said, message))


def test_files(bench):
    """Names on the command line."""
    source = manifest(PRIMARY, node(kernel_filename='"boot/echo"'))
    echo = "boot/echo=" + bench.path("echo.bin")
    bench.report("rename", expect(
        "mkramdisk", bench.pack(source, files=("vmlinuz", echo)), None) or
        expect("hypervisor", bench.judge(), None))
    cases = [
        ("missing", ("vmlinuz",), "manifest.dtb: vm0: kernel_filename: "
         "echo.bin is not among the files given"),
        ("twice", ("vmlinuz", "vmlinuz"), bench.path("vmlinuz") +
         ": a file called vmlinuz is there already"),
        ("unnamed", ("=x",), "=x: there is no name for this file"),
        ("absent", ("nothing",), bench.path("nothing") +
         ": No such file or directory"),
    ]
    for name, files, message in cases:
        said = bench.pack(manifest(PRIMARY, node()), files=files)
        bench.report("file_" + name,
                     expect("mkramdisk", said, "mkramdisk: " + message))


def test_manifest_forms(bench):
    """Source that does not compile; a compiled one; a broken one."""
    said = bench.pack("/dts-v1/;\n/ {\n")
    bench.report("syntax_error", None if said and "syntax error" in said
                 else f"mkramdisk: {said!r}")
    bench.pack(manifest(PRIMARY, node()))
    good = bench.read("ramdisk")
    start = good.index(b"\xd0\x0d\xfe\xed")
    size, = struct.unpack_from(">I", good, start + 4)
    blob = good[start:start + size]
    bench.report("compiled", expect("mkramdisk", bench.pack(blob), None) or
                 expect("same", bench.read("ramdisk"), good))
    bench.report("cut_off", expect(
        "mkramdisk", bench.pack(blob[:-9]),
        "mkramdisk: manifest.dtb: it is not a device tree, or broken"))


def main():
    """Runs all tests; 1 if one failed."""
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(directory, sys.argv[1])
        for test in (test_good, test_bad, test_limits, test_files,
                     test_manifest_forms):
            test(bench)
        return 1 if bench.failed else 0


if __name__ == "__main__":
    sys.exit(main())
