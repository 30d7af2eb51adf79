# SPDX-License-Identifier: BSD-3-Clause
"""Malformed boot input, made from good input by a seed.

Each kind of mutation below is a function `(rng, boot)` that changes a Boot.
They work on the structure of the input, so that most of what they make gets
past the first checks; a few break its bytes. The seed chooses the kinds, in
turn, and all that they do: one seed, one boot."""

import copy
import random
import struct

from lib.devicetree import Node, build, cells, numbers, parse, string

RAM = 0x40000000
RAM_SIZE = 128 << 20
HYPERVISOR = RAM + 0x200000
RAMDISK = RAM + 0x4000000
TREE = RAM + 0x6000000
BLOCK = 0x200000

# Numbers that checks forget.
NUMBERS = sorted({n + d & (1 << 64) - 1
                  for n in (0, 8, 0x1000, 1 << 16, BLOCK, 1 << 24,
                            0x8000000, 0x9000000, RAM, HYPERVISOR, RAMDISK,
                            TREE, RAM + RAM_SIZE - BLOCK, RAM + RAM_SIZE,
                            1 << 31, 1 << 32, 1 << 36, 1 << 39, 1 << 40,
                            1 << 44, 1 << 47, 1 << 48, 1 << 52, 1 << 63)
                  for d in (-0x1000, -1, 0, 1, 4, 0x1000)})


def number(rng):
    """A number, most often one of those."""
    if rng.random() < 0.8:
        return rng.choice(NUMBERS)
    return rng.getrandbits(rng.choice((8, 16, 32, 64)))


def cpio(members):
    """A newc archive of (name, data, changes of header fields)."""
    out = b""
    for name, data, changes in [*members, ("TRAILER!!!", b"", {})]:
        key = name.encode("latin-1") + b"\0"
        field = [0, 0o100644, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(key), 0]
        for i, value in changes.items():
            field[i] = value & 0xffffffff
        out += b"070701" + b"".join(b"%08x" % n for n in field) + key
        out += bytes(-len(out) % 4) + data
        out += bytes(-len(out) % 4)
    return out


def good_manifest():
    """The root of the manifest."""
    def vm(name, mem_size, **more):
        node = Node("", [["debug_name", string(name)],
                         ["kernel_filename", string("echo.bin")],
                         ["mem_size", cells(0, mem_size)],
                         ["vcpu_count", cells(1)]])
        for key, value in more.items():
            node.set(key, string(value))
        return node
    children = [Node("primary", [["kernel_filename", string("judge.bin")],
                                 ["ramdisk_filename", string("text")],
                                 ["bootargs", string("hello world")]]),
                vm("first", BLOCK),
                vm("second", 3 << 20, ramdisk_filename="text",
                   bootargs="a=b")]
    for i, child in enumerate(children[1:]):
        child.name = f"vm{i}"
    return Node("", [["compatible", string("holdfast,manifest-v1")]],
                children)


class Boot:
    """The input of a boot: good, until somebody changes it."""

    def __init__(self, board, files):
        self.tree = copy.deepcopy(board)
        self.reservations = []
        self.manifest = good_manifest()
        self.files = dict(files)   # name: bytes
        self.changes = {}          # of headers: name: {field: value}
        self.order = None          # of names in the archive
        self.tree_at = TREE
        self.ramdisk_at = RAMDISK
        self.hypervisor_at = HYPERVISOR
        self.initrd = None         # (begin, end) instead of where it is
        self.on_tree = []          # changes of the bytes
        self.on_manifest = []
        self.on_archive = []

    def archive(self):
        """The ramdisk."""
        files = {"manifest.dtb": build(self.manifest), **self.files}
        for change in self.on_manifest:
            files["manifest.dtb"] = change(files["manifest.dtb"])
        out = cpio([(n, files[n], self.changes.get(n, {}))
                    for n in self.order or files])
        for change in self.on_archive:
            out = change(out)
        return out

    def blob(self, ramdisk_size):
        """The board's tree."""
        begin, end = self.initrd or (self.ramdisk_at,
                                     self.ramdisk_at + ramdisk_size)
        chosen = self.tree.child("chosen")
        if chosen and chosen.get("linux,initrd-start") is None:
            chosen.set("linux,initrd-start", numbers(begin))
            chosen.set("linux,initrd-end", numbers(end))
        out = build(self.tree, self.reservations)
        for change in self.on_tree:
            out = change(out)
        return out


# --- bytes ---------------------------------------------------------------------

def flips(rng, count):
    """Flips bits anywhere."""
    def change(data):
        data = bytearray(data)
        for _ in range(count if data else 0):
            at = rng.randrange(len(data))
            data[at] ^= 1 << rng.randrange(8)
        return bytes(data)
    return change


def cut(rng):
    """Cuts the end off."""
    return lambda data: data[:rng.randrange(len(data) + 1)]


def header(rng):
    """Changes a field of a device tree's header."""
    field, value = rng.randrange(10), number(rng) & 0xffffffff
    if rng.random() < 0.5:
        value = rng.randrange(0x4000)
    return lambda data: data[:4 * field] + struct.pack(">I", value) + \
        data[4 * field + 4:]


def word(rng):
    """Changes an aligned word to a token or a number."""
    where = rng.random()
    value = rng.choice((1, 2, 3, 4, 9, 0, number(rng))) & 0xffffffff
    def change(data):
        at = int(where * len(data)) & ~3
        return data[:at] + struct.pack(">I", value) + data[at + 4:]
    return change


def bytes_changed(rng):
    """One change of bytes of a device tree."""
    return rng.choice((lambda r: flips(r, r.choice((1, 1, 2, 4, 16))), cut,
                       header, header, word, word))(rng)


def tree_bytes(rng, boot):
    boot.on_tree.append(bytes_changed(rng))


def manifest_bytes(rng, boot):
    boot.on_manifest.append(bytes_changed(rng))


# --- trees ---------------------------------------------------------------------

def new_value(rng, value):
    """Another value in place of one of a property."""
    kind = rng.randrange(7)
    data = bytearray(value)
    if kind == 0 or not data:
        return rng.choice((b"", b"\0", bytes(4), numbers(number(rng)),
                           string("x"), bytes(rng.randrange(4096))))
    if kind == 1:
        return bytes(data[:rng.randrange(len(data))])
    if kind == 2:
        return bytes(data + data)
    if kind == 3:
        return flips(rng, 1)(value)
    size = rng.choice((4, 8))
    for _ in range(rng.choice((1, 1, 2))):
        at = rng.randrange(len(data)) // size * size
        data[at:at + size] = (number(rng) & (1 << 8 * size) - 1).to_bytes(
            size, "big")
    return bytes(data)


def change_property(rng, node):
    """Changes one property of a node, or takes it away."""
    if not node.properties:
        node.set("reg", numbers(number(rng), number(rng)))
        return
    p = rng.choice(node.properties)
    kind = rng.randrange(10)
    if kind == 0:
        node.properties.remove(p)
    elif kind == 1:
        node.properties.insert(0, [p[0], new_value(rng, p[1])])
    elif kind == 2:
        p[0] = rng.choice(("reg", "ranges", "status", "compatible",
                           "device_type", "#address-cells", p[0] + "x"))
    else:
        p[1] = new_value(rng, p[1])


def change_tree(rng, root):
    """Changes a node or a property anywhere."""
    node, parent = rng.choice(list(root.walk()))
    kind = rng.randrange(8)
    if kind == 0 and parent:
        parent.children.remove(node)
    elif kind == 1 and parent:
        parent.children.append(copy.deepcopy(node))
    elif kind == 2 and parent:
        node.name = rng.choice(("memory", "chosen", "cpus", "vm0", "primary",
                                "cpu@0", "x" * 300, node.name + "@1"))
    else:
        change_property(rng, node)


def tree_any(rng, boot):
    for _ in range(rng.choice((1, 2, 4, 8))):
        change_tree(rng, boot.tree)


def tree_deep(rng, boot):
    node = rng.choice(list(boot.tree.walk()))[0]
    for _ in range(rng.choice((10, 14, 15, 16, 200))):
        inner = Node("n", [["ranges", b""]])
        node.children.append(inner)
        node = inner


def tree_wide(rng, boot):
    """Very many nodes, or a very large property."""
    count = rng.choice((100, 5000))
    if rng.random() < 0.5:
        boot.tree.children += [
            Node(f"d@{i:x}", [["reg", numbers(number(rng), number(rng))]])
            for i in range(count)]
    else:
        boot.tree.set("large", bytes(count * 1000))


def root_cells(rng, boot):
    for name in ("#address-cells", "#size-cells"):
        if rng.random() < 0.7:
            boot.tree.set(name, cells(rng.choice((0, 1, 2, 3, 4, 1 << 31))))


def bus(rng, boot):
    """Puts nodes of the root on a bus with ranges of some kind."""
    moved = [c for c in boot.tree.children if "@" in c.name and
             rng.random() < 0.5]
    for c in moved:
        boot.tree.children.remove(c)
    ac, sc = rng.choice(((2, 2), (1, 1), (2, 1), (3, 2), (0, 0)))
    new = Node("bus", [["#address-cells", cells(ac)],
                       ["#size-cells", cells(sc)]], moved)
    if rng.random() < 0.7:
        new.set("ranges", rng.choice((
            b"", numbers(number(rng), number(rng), number(rng)),
            cells(*(number(rng) for _ in range(rng.randrange(12)))))))
    boot.tree.children.append(new)


# --- what boot looks for in the board's tree -------------------------------------

def memory(rng, boot):
    """Banks of all sorts; often with the real one among them."""
    node = boot.tree.need("memory")
    banks = [(RAM, RAM_SIZE)] if rng.random() < 0.7 else []
    for _ in range(rng.choice((1, 2, 3, 15, 20))):
        kind = rng.randrange(5)
        if kind == 0:
            banks.append((number(rng), number(rng)))
        elif kind == 1:
            banks.append((RAM + RAM_SIZE + (len(banks) << 28), rng.choice(
                (0, 1, 0x1000, 0x1234, 1 << 20, 1 << 27))))
        elif kind == 2:
            banks.append((RAM + rng.randrange(RAM_SIZE), number(rng)))
        elif kind == 3:
            banks.append((rng.randrange(RAM) & ~0xfff, 0x1000))
        else:
            banks.append((0, 0))
    rng.shuffle(banks)
    if rng.random() < 0.5:
        node.set("reg", b"".join(numbers(*b) for b in banks))
        return
    boot.tree.children.remove(node)
    boot.tree.children += [
        Node(f"memory@{i:x}", [["device_type", string("memory")],
                               ["reg", numbers(*b)]])
        for i, b in enumerate(banks)]


def split_memory(rng, boot):
    """The real RAM in pieces, with holes and odd ends."""
    at, pieces = RAM, []
    while at < RAM + RAM_SIZE:
        size = rng.choice((0x1000, 0x1001, 1 << 20, BLOCK, 16 << 20, 64 << 20))
        size = min(size, RAM + RAM_SIZE - at)
        if rng.random() < 0.8:
            pieces.append((at, size))
        at += size
    boot.tree.need("memory").set(
        "reg", b"".join(numbers(*p) for p in pieces[-300:]))


def reserved(rng, boot):
    """Reservations of both kinds."""
    def some():
        count = rng.choice((1, 3, 30, 63, 64, 65))
        return [(rng.choice((number(rng), RAM + rng.randrange(RAM_SIZE))),
                 rng.choice((0, 1, 0x1000, 1 << 16, number(rng))))
                for _ in range(count)]
    if rng.random() < 0.5:
        boot.reservations = some()
        return
    boot.tree.children.append(Node(
        "reserved-memory", [["#address-cells", cells(2)],
                            ["#size-cells", cells(2)], ["ranges", b""]],
        [Node(f"r@{i}", [["reg", numbers(*r)]])
         for i, r in enumerate(some())]))


def initrd(rng, boot):
    """/chosen tells another place for the ramdisk."""
    size = len(boot.archive())
    kind = rng.randrange(6)
    if kind == 0:
        boot.initrd = (number(rng), number(rng))
    elif kind == 1:
        boot.initrd = (RAMDISK + rng.randrange(-64, 64), RAMDISK + size)
    elif kind == 2:
        boot.initrd = (RAMDISK, RAMDISK + size + rng.choice(
            (-size, -size - 1, -1, 1, 4, 1 << 20, TREE - RAMDISK)))
    elif kind == 3:
        boot.initrd = (RAM, RAM + RAM_SIZE)
    elif kind == 4:
        chosen = boot.tree.need("chosen")
        chosen.set("linux,initrd-start",
                   new_value(rng, numbers(RAMDISK)))
        chosen.set("linux,initrd-end",
                   new_value(rng, numbers(RAMDISK + size)))
    else:
        boot.initrd = (HYPERVISOR, HYPERVISOR + size)


def places(rng, boot):
    """Everything elsewhere: odd addresses, on the edge, one in another."""
    size = len(boot.archive()) + 0xfff & ~0xfff
    top = RAM + RAM_SIZE
    boot.ramdisk_at = rng.choice((
        RAMDISK + rng.randrange(64), top - size, top - BLOCK - size,
        RAM + 0x180000, HYPERVISOR + BLOCK, top - 6 * BLOCK))
    boot.tree_at = rng.choice((
        TREE, TREE + 8, TREE + 4, TREE + 0xff8, top - 0x10000,
        top - 3 * BLOCK - 8, HYPERVISOR - 0x10000, HYPERVISOR + BLOCK,
        min(boot.ramdisk_at + size, top - 0x4000)))
    boot.hypervisor_at = rng.choice((
        HYPERVISOR, HYPERVISOR + 3 * BLOCK, top - BLOCK, top - 2 * BLOCK,
        RAMDISK + 16 * BLOCK + BLOCK))


def cpus(rng, boot):
    parent = boot.tree.need("cpus")
    kind = rng.randrange(6)
    first = parent.need("cpu")
    if kind == 0:
        parent.children = [copy.deepcopy(first) for _ in range(2)]
    elif kind == 1:
        for i in range(rng.choice((15, 16, 17, 40))):
            new = copy.deepcopy(first)
            new.name = f"cpu@{i + 1:x}"
            new.set("reg", cells(i + 1))
            parent.children.append(new)
    elif kind == 2:
        parent.set("#address-cells", cells(rng.choice((0, 1, 2, 3, 1 << 30))))
    elif kind == 3:
        first.set("reg", numbers(number(rng))[rng.choice((0, 4)):])
    elif kind == 4:
        boot.tree.children.remove(parent)
    else:
        change_property(rng, first)


def named(boot, prefix):
    """The first node whose name begins so."""
    return next((n for n, _ in boot.tree.walk() if n.name.startswith(prefix)),
                boot.tree)


def gic(rng, boot):
    node = named(boot, "intc")
    kind = rng.randrange(6)
    if kind == 0:
        change_property(rng, node)
    elif kind == 1:
        node.set("reg", b"".join(numbers(number(rng), number(rng))
                                 for _ in range(rng.randrange(5))))
    elif kind == 2:
        regs = bytearray(node.get("reg"))
        at = rng.randrange(len(regs) // 8) * 8
        regs[at:at + 8] = numbers(number(rng))
        node.set("reg", bytes(regs))
    elif kind == 3:
        node.set("#redistributor-regions", cells(rng.choice(
            (0, 1, 2, 4, 5, 1 << 31))))
    elif kind == 4:
        node.set("#interrupt-cells", cells(rng.choice(
            (0, 1, 2, 4, 5, 1 << 29, 1 << 30, 0xffffffff))))
    else:
        node.set("compatible", string(rng.choice(
            ("arm,gic-v3", "arm,gic-400", "arm,cortex-a15-gic", "none"))))


def firmware(rng, boot):
    node = named(boot, rng.choice(("psci", "timer")))
    if rng.random() < 0.5:
        change_property(rng, node)
    elif node.name == "psci":
        node.set("method", string(rng.choice(("hvc", "smc", "", "smcx"))))
    else:
        node.set("interrupts", cells(*(number(rng) for _ in range(
            rng.choice((0, 3, 9, 11, 12, 13))))))


def uart(rng, boot):
    node = named(boot, "pl011")
    kind = rng.randrange(6)
    if kind == 0:
        change_property(rng, node)
    elif kind == 1:
        node.set("compatible", string(rng.choice(
            ("ns16550a", "snps,dw-apb-uart", "arm,sbsa-uart"))))
    elif kind == 2:
        node.set("reg", numbers(number(rng), number(rng)))
    elif kind == 3:
        boot.tree.need("chosen").set("stdout-path", new_value(rng, string("/pl011")))
    elif kind == 4:
        boot.tree.need("chosen").set("stdout-path", string(rng.choice(
            ("/memory", "/", "", "/intc", "uart0:115200", "/a/b/c"))))
    else:
        boot.tree.children.remove(node)


# --- the archive -----------------------------------------------------------------

def archive_bytes(rng, boot):
    def in_headers(data):
        data = bytearray(data)
        starts = [i for i in range(0, len(data) - 110, 4)
                  if data[i:i + 6] == b"070701"]
        for _ in range(rng.choice((1, 1, 2, 4))):
            at = rng.choice(starts) + rng.randrange(124)
            if at < len(data):
                data[at] ^= 1 << rng.randrange(8)
        return bytes(data)
    boot.on_archive.append(rng.choice((in_headers, in_headers, cut(rng),
                                       flips(rng, 8))))


def archive_fields(rng, boot):
    for _ in range(rng.choice((1, 2))):
        name = rng.choice(("manifest.dtb", *boot.files))
        field = rng.choice((1, 6, 6, 6, 11, 11))
        boot.changes.setdefault(name, {})[field] = number(rng)


def archive_order(rng, boot):
    names = ["manifest.dtb", *boot.files]
    rng.shuffle(names)
    for _ in range(rng.randrange(3)):
        names.insert(rng.randrange(len(names) + 1), rng.choice(names))
    for _ in range(rng.randrange(2)):
        names.remove(rng.choice(names))
    boot.order = names


def archive_many(rng, boot):
    for i in range(rng.choice((100, 3000))):
        boot.files[f"f{i}"] = bytes(rng.randrange(64))


# --- the manifest ------------------------------------------------------------------

def manifest_any(rng, boot):
    for _ in range(rng.choice((1, 1, 2, 4))):
        change_tree(rng, boot.manifest)


def manifest_numbers(rng, boot):
    for vm in boot.manifest.children[1:]:
        if rng.random() < 0.7:
            vm.set("mem_size", numbers(rng.choice(
                (number(rng), number(rng) & ~0xfff,
                 rng.randrange(RAM_SIZE) & ~0xfff, 60 << 20, 0x3000))))
        if rng.random() < 0.3:
            vm.set("vcpu_count", cells(number(rng)))


def manifest_vms(rng, boot):
    count = rng.choice((15, 16, 17, 200))
    template = boot.manifest.need("vm1")
    for i in range(2, count):
        vm = copy.deepcopy(template)
        vm.name = f"vm{i}"
        vm.set("debug_name", string(f"n{i % 20}"))
        vm.set("mem_size", cells(rng.choice((0x10000, BLOCK, 8 << 20))))
        boot.manifest.children.append(vm)


def manifest_texts(rng, boot):
    for node in boot.manifest.children:
        for p in node.properties:
            if rng.random() < 0.3:
                p[1] = rng.choice((
                    string(""), string("a" * rng.choice((31, 32, 5000))),
                    string("a", "b"), b"no end", string("%s%n%x\x1b[2J"),
                    string("TRAILER!!!"), string("./echo.bin"), p[1]))


# --- kernels -----------------------------------------------------------------------

def kernel(rng, boot):
    name = rng.choice(("judge.bin", "echo.bin"))
    data = bytearray(boot.files[name])
    kind = rng.randrange(5)
    if kind == 0:
        boot.files[name] = bytes(data[:rng.choice((0, 1, 4, 56, 63, 64, 65))])
        return
    if kind == 1:
        data[56:60] = b"ARM\x64"
    if kind == 2:
        data[:4] = rng.choice((b"MZ\0\0", b"\x7fELF", b"\x1f\x8b\x08\0",
                               b"\xd0\x0d\xfe\xed"))
    for _ in range(rng.choice((1, 1, 2))):
        at = rng.choice((8, 16, 24))
        data[at:at + 8] = (number(rng) & (~0xfff if at == 8 else ~0)
                           ).to_bytes(8, "little")
    boot.files[name] = bytes(data)


def files_shared(rng, boot):
    """VMs that name files that are not kernels, or one for everything."""
    for node in boot.manifest.children:
        if rng.random() < 0.6:
            node.set(rng.choice(("kernel_filename", "ramdisk_filename")),
                     string(rng.choice(("judge.bin", "echo.bin", "text",
                                        "manifest.dtb"))))


KINDS = [
    tree_bytes, tree_any, memory, archive_bytes, manifest_any, kernel, initrd,
    tree_any, reserved, archive_fields, manifest_numbers, places, gic,
    tree_bytes, split_memory, uart, manifest_bytes, cpus, firmware,
    archive_order, tree_any, memory, manifest_texts, root_cells, bus,
    files_shared, manifest_vms, tree_deep, tree_wide, archive_many,
]


def mutant(seed, board, files):
    """The boot of a seed, and the names of its kinds of mutation."""
    rng = random.Random(seed)
    boot = Boot(board, files)
    kinds = [KINDS[seed % len(KINDS)]]
    if rng.random() < 0.3:
        kinds += rng.sample(KINDS, rng.choice((1, 2)))
    for kind in kinds:
        kind(rng, boot)
    return boot, [k.__name__ for k in kinds]


def board_tree(blob):
    """The board's own tree, as QEMU made it."""
    return parse(blob)
