# SPDX-License-Identifier: BSD-3-Clause
"""The hypervisor's page tables and owners of pages, read from outside: from a
file that was a machine's RAM. Knows the architecture's format of an entry by
itself, and where things are from the symbols of holdfast.elf."""

import mmap
import re
import struct
import subprocess

from lib.testing import Failure

RAM_BASE = 0x40000000
PAGE = 4096

NOBODY, PRIMARY, HYPERVISOR, FIRST_VM = range(4)

ADDRESS = 0x0000fffffffff000
FIELDS = ("stage2.root", "stage2.level", "stage2.root_pages",
          "stage2.input_bits")


def layout(elf):
    """Addresses of the VMs, and offsets of fields in struct vm."""
    wanted = [f"&(('struct vm' *)0)->{f}".replace("'", "") for f in FIELDS] + \
        ["&vm_primary", "&vm_secondary", "sizeof(struct vm)", "&image_begin"]
    options = [o for w in wanted
               for o in ("-ex", f'printf "@%lx\\n", (unsigned long)({w})')]
    out = subprocess.run(["gdb-multiarch", "-nx", "-batch", *options, elf],
                         capture_output=True, text=True, check=True).stdout
    values = [int(x, 16) for x in re.findall(r"@([0-9a-f]+)", out)]
    if len(values) != len(wanted):
        raise Failure("gdb does not know struct vm", out)
    return dict(zip([*FIELDS, "primary", "secondary", "size", "image"],
                    values))


class Ram:
    """The RAM of a machine that has ended."""

    def __init__(self, path, console, elf):
        self.file = open(path, "rb")
        self.data = mmap.mmap(self.file.fileno(), 0, access=mmap.ACCESS_READ)
        found = re.search(r"^holdfast: hypervisor: (\d+) KiB at 0x(\w+)$",
                          console, re.M)
        self.own = (int(found.group(2), 16), int(found.group(1)) << 10)
        found = re.search(r"^holdfast: kept for the start of VMs: (\d+) KiB at "
                          r"0x(\w+)$", console, re.M)
        self.kept = (int(found.group(2), 16), int(found.group(1)) << 10)
        self.vms = {int(i): (int(at, 16), int(size) << 10) for i, size, at in
                    re.findall(r"^holdfast: vm(\d+): .*, (\d+) KiB at "
                               r"0x(\w+), \d+ vCPU", console, re.M)}
        self.layout = layout(elf)

    def close(self):
        """Ends the use."""
        self.data.close()
        self.file.close()

    def part(self, at, size):
        """Bytes of physical memory."""
        return self.data[at - RAM_BASE:at - RAM_BASE + size]

    def words(self, at, count):
        """64-bit words of physical memory."""
        return struct.unpack(f"<{count}Q", self.part(at, 8 * count))

    def physical(self, address):
        """Where something of the hypervisor's image lies."""
        return address - self.layout["image"] + self.own[0]

    def stage2(self, index):
        """The stage 2 of secondary `index`, or of the primary (None), as
        [begin, end, entry or owner, whether it is mapped] in order; entries
        as of the first page of what is told together."""
        place = self.layout["primary"] if index is None else \
            self.layout["secondary"] + index * self.layout["size"]
        vm = self.physical(place)
        root, = self.words(vm + self.layout["stage2.root"], 1)
        level, pages, bits = (self.part(vm + self.layout[f], 1)[0]
                              for f in FIELDS[1:])
        out = []
        for begin, end, entry in self.walk(self.physical(root), level,
                                           pages * 512, 0):
            mapped = bool(entry & 1)
            what = entry if mapped else entry >> 8
            if out and out[-1][1] == begin and out[-1][3] == mapped and \
                    self.goes_on(out[-1], begin, what):
                out[-1][1] = end
            else:
                out.append([begin, end, what, mapped])
        # A root at level 0 may have more entries than the CPU uses.
        if out[-1][1] > 1 << bits and not out[-1][3]:
            out[-1][1] = 1 << bits
        if out[-1][1] != 1 << bits:
            raise Failure(f"odd end of the stage 2 of {index}: {out[-1]}")
        return out

    @staticmethod
    def goes_on(last, begin, what):
        """Whether an entry at `begin` continues the range `last`."""
        if not last[3]:
            return last[2] == what
        mask = ~(ADDRESS | 2)
        return last[2] & mask == what & mask and \
            (last[2] & ADDRESS) + begin - last[0] == what & ADDRESS

    def walk(self, table, level, count, begin):
        """Each entry that is no table: (begin, end, entry)."""
        size = PAGE << 9 * (3 - level)
        for entry in self.words(table, count):
            if level < 3 and entry & 3 == 3:
                yield from self.walk(entry & ADDRESS, level + 1, 512, begin)
            else:
                yield begin, begin + size, entry
            begin += size
