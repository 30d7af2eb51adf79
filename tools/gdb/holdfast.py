# SPDX-License-Identifier: BSD-3-Clause
"""Commands of gdb-multiarch for looking into a running Holdfast:

    hf-vms               the VMs, their mailboxes and vCPUs
    hf-cpus              the CPUs, and what each one runs
    hf-regs VM [VCPU]    the saved registers of a vCPU
    hf-stage2 VM IPA     walks the stage-2 tables of a VM
    hf-stage1 VA         walks the hypervisor's own tables

VM is `primary`, a number, or a debug_name. They need QEMU's gdb server, with
which they read physical memory, so they work wherever the CPUs were stopped:
in the hypervisor, in the primary or in a secondary. They change nothing.

    gdb-multiarch -x tools/gdb/holdfast.py build/holdfast.elf
    (gdb) target remote :1234

`tools/debug` does all of that. Types and names come from the symbols of
holdfast.elf; what is said here besides is the format of page-table entries
(src/arch/aarch64/pte.c).
"""

import contextlib

import gdb

PAGE_BITS = 12
ENTRIES = 512
LEAF_LEVEL = 3
VA_BITS = 48

PTE_VALID = 1
PTE_TABLE = 2
PTE_ADDRESS = 0x0000FFFFFFFFF000
OWNER_SHIFT = 8  # in an entry that is absent

# The first instruction of secondary_cpu_start: msr daifset, #0xf
MAGIC = b"\xdf\x4f\x03\xd5"


# --- memory ----------------------------------------------------------------

@contextlib.contextmanager
def physical():
    """Inside of it, addresses of the gdb server are physical."""
    connection = gdb.selected_inferior().connection
    if not hasattr(connection, "send_packet"):
        raise gdb.GdbError("not connected to QEMU: target remote ADDRESS")
    if connection.send_packet("Qqemu.PhyMemMode:1") != b"OK":
        raise gdb.GdbError("needs QEMU's gdb server to read physical memory")
    try:
        yield
    finally:
        connection.send_packet("Qqemu.PhyMemMode:0")


def read_physical(address, size):
    """`size` bytes of physical memory."""
    try:
        with physical():
            return gdb.selected_inferior().read_memory(address, size).tobytes()
    except gdb.MemoryError:
        raise gdb.GdbError(f"no memory at physical {address:#x}") from None


def register(name):
    """A register of the selected CPU."""
    return int(gdb.parse_and_eval("$" + name))


def threads():
    """QEMU's CPUs, as threads of gdb."""
    return sorted(gdb.selected_inferior().threads(), key=lambda t: t.num)


@contextlib.contextmanager
def selected(thread):
    """Inside of it, registers are those of that CPU."""
    old = gdb.selected_thread()
    frame = gdb.selected_frame()
    try:
        thread.switch()
        yield
    finally:
        old.switch()
        frame.select()


# --- page tables -----------------------------------------------------------

class Step:
    """An entry that a walk went through."""

    def __init__(self, level, table, index, entry):
        self.level = level
        self.table = table  # physical address
        self.index = index
        self.entry = entry

    @property
    def is_valid(self):
        return bool(self.entry & PTE_VALID)

    @property
    def is_parked(self):
        """A table of a VM that is stopped, or not loaded yet (start.c): kept,
        and not shown to it."""
        return self.level < LEAF_LEVEL and not self.is_valid and \
            bool(self.entry & PTE_TABLE)

    @property
    def is_table(self):
        return self.level < LEAF_LEVEL and bool(self.entry & PTE_TABLE)

    def physical(self, address):
        """Where a block or page puts `address`."""
        offset = (1 << shift_of(self.level)) - 1
        return (self.entry & PTE_ADDRESS & ~offset) | (address & offset)


def shift_of(level):
    return PAGE_BITS + 9 * (LEAF_LEVEL - level)


def walk(root, level, pages, address):
    """The Steps of a translation; the last one is no table."""
    steps = []
    table, count = root, pages * ENTRIES
    while True:
        index = (address >> shift_of(level)) % count
        entry = int.from_bytes(read_physical(table + 8 * index, 8), "little")
        step = Step(level, table, index, entry)
        steps.append(step)
        if not step.is_table:
            return steps
        table, count, level = entry & PTE_ADDRESS, ENTRIES, level + 1


def stage1_mode(entry):
    """What an entry of the hypervisor's tables allows, and of what."""
    write = "-" if entry & 1 << 7 else "w"
    execute = "-" if entry & 1 << 54 else "x"
    kind = "device" if entry >> 2 & 7 else "normal"
    return f"r{write}{execute} {kind}"


def stage2_mode(entry):
    """What an entry of a VM's tables allows, and of what."""
    read = "r" if entry & 1 << 6 else "-"
    write = "w" if entry & 1 << 7 else "-"
    execute = "-" if entry & 1 << 54 else "x"
    kind = "normal" if entry >> 2 & 0xF == 0xF else "device"
    return read + write + execute + " " + kind


def owner_name(number):
    """Whose a page is that the primary does not have (enum mm_owner)."""
    first_vm = int(gdb.parse_and_eval("OWNER_VM"))
    names = {int(gdb.parse_and_eval("OWNER_NOBODY")): "nobody",
             int(gdb.parse_and_eval("OWNER_HYPERVISOR")): "the hypervisor"}
    return names.get(number, f"vm{number - first_vm}")


def print_walk(steps, address, mode):
    """Prints each level, then what it comes to."""
    for s in steps:
        kind = "parked" if s.is_parked else "table" if s.is_table else "absent" if not s.is_valid else \
            "page" if s.level == LEAF_LEVEL else "block"
        print(f"  level {s.level}: table {s.table:#014x} entry {s.index:4d}: "
              f"{s.entry:#018x} {kind}")
    last = steps[-1]
    if last.is_valid:
        print(f"{address:#x} -> {last.physical(address):#x} "
              f"{mode(last.entry)}")
        if any(s.is_parked for s in steps):
            print("which it does not see: it is stopped, or not loaded yet")
        return
    print(f"{address:#x} is not mapped")


# --- the hypervisor --------------------------------------------------------

def own_root():
    """Physical address of the hypervisor's root page table."""
    begin = int(gdb.parse_and_eval("(unsigned long)&secondary_cpu_start"))
    for thread in threads():
        with selected(thread):
            root = register("TTBR0_EL2") & PTE_ADDRESS
        if not root:
            continue
        # It may be another program's: a loader's, from before.
        last = walk(root, 0, 1, begin)[-1]
        if last.is_valid and read_physical(
                last.physical(begin), len(MAGIC)) == MAGIC:
            return root
    raise gdb.GdbError("the hypervisor's MMU is not on yet: continue to main")


class Hypervisor:
    """What is in the hypervisor's memory, as it is now."""

    def __init__(self):
        if not gdb.lookup_global_symbol("vm_primary"):
            raise gdb.GdbError("no symbols: file build/holdfast.elf")
        self.root = own_root()

    def physical(self, address):
        """Physical address of a virtual one, None if it is not mapped."""
        last = walk(self.root, 0, 1, address)[-1]
        return last.physical(address) if last.is_valid else None

    def read(self, address, size):
        """Bytes at a virtual address."""
        data = b""
        while size:
            part = min(size, (1 << PAGE_BITS) - address % (1 << PAGE_BITS))
            place = self.physical(address)
            if place is None:
                raise gdb.GdbError(f"{address:#x} is not mapped")
            data += read_physical(place, part)
            address, size = address + part, size - part
        return data

    def value(self, address, of_type):
        """What lies at a virtual address, as a value of a type."""
        kind = gdb.lookup_type(of_type)
        return gdb.Value(self.read(address, kind.sizeof), kind)

    def symbol(self, name):
        """The value of a global variable."""
        at = gdb.lookup_global_symbol(name).value()
        return gdb.Value(self.read(int(at.address), at.type.sizeof), at.type)

    def address(self, name, index=0):
        """Where a global array has its element `index`."""
        at = gdb.lookup_global_symbol(name).value()
        kind = at.type
        if kind.code == gdb.TYPE_CODE_ARRAY:
            kind = kind.target()
        return int(at.address) + index * kind.sizeof

    def vms(self):
        """Every VM: the primary, then the secondaries in order."""
        yield Vm(self, None)
        for i in range(int(self.symbol("vm_count"))):
            yield Vm(self, i)

    def cpus(self):
        """struct cpu of each CPU."""
        for i in range(int(self.symbol("cpu_count"))):
            yield self.value(self.address("cpus", i), "struct cpu")

    def cpu_index(self, address):
        """Which CPU the struct cpu at an address is."""
        return (address - self.address("cpus")) // \
            gdb.lookup_type("struct cpu").sizeof

    def find_vm(self, text):
        """The VM that the user named."""
        for vm in self.vms():
            if text in (vm.name, vm.title, str(vm.index)):
                return vm
        raise gdb.GdbError(f"no VM \"{text}\"; hf-vms lists them")


def enum_name(value, enum, prefix):
    """`pending` for MAILBOX_PENDING."""
    name = str(value.cast(gdb.lookup_type(enum)))
    return name[len(prefix):].lower() if name.startswith(prefix) else name


class Vm:
    """A VM; index None is the primary."""

    def __init__(self, hypervisor, index):
        self.hypervisor = hypervisor
        self.index = index
        where = hypervisor.address("vm_primary") if index is None else \
            hypervisor.address("vm_secondary", index)
        self.value = hypervisor.value(where, "struct vm")
        raw = bytes(int(c) & 0xFF for c in array(self.value["name"]))
        self.name = raw.split(b"\0")[0].decode("ascii", "replace")
        self.title = "primary" if index is None else f"vm{index}"
        self.vcpu_count = int(self.value["vcpu_count"])

    def vcpu_address(self, i):
        size = gdb.lookup_type("struct vcpu").sizeof
        return int(self.value["vcpus"]) + i * size

    def vcpu(self, i):
        return self.hypervisor.value(self.vcpu_address(i), "struct vcpu")

    def waiters(self):
        """Indices of the vCPUs that wait in a read, the first one first."""
        at = int(self.value["waiters"])
        while at:
            vcpu = self.hypervisor.value(at, "struct vcpu")
            yield int(vcpu["index"])
            at = int(vcpu["next"])

    def walk(self, ipa):
        """The Steps of a stage-2 translation."""
        t = self.value["stage2"]
        if not int(t["root"]):
            raise gdb.GdbError(f"{self.title} has no stage-2 tables (yet)")
        if ipa >> int(t["input_bits"]):
            raise gdb.GdbError(f"{ipa:#x} is outside of the "
                               f"{int(t['input_bits'])}-bit IPA space")
        root = self.hypervisor.physical(int(t["root"]))
        return walk(root, int(t["level"]), int(t["root_pages"]), ipa)


def array(value):
    """The elements of an array."""
    first, last = value.type.range()
    return [value[i] for i in range(first, last + 1)]


def abort_name(reason):
    """A number of HF_ABORT_* (inc/hf/abi.h) in words."""
    names = {1: "system off", 2: "system reset", 3: "memory access",
             4: "fault", 5: "stopped by the primary"}
    return names.get(reason, str(reason))


def lock_text(lock):
    """A ticket lock, if somebody holds it."""
    held = (int(lock["next"]) - int(lock["serving"])) & 0xFFFFFFFF
    return f", lock held ({held - 1} waiting)" if held else ""


# --- CPUs ------------------------------------------------------------------

class Place:
    """Where one of QEMU's CPUs is."""

    def __init__(self, thread):
        self.thread = thread.num
        with selected(thread):
            self.vcpu = register("TPIDR_EL2")
            self.level = register("cpsr") >> 2 & 3
            self.is_32 = bool(register("cpsr") & 1 << 4)
            self.pc = register("pc")

    def text(self, hypervisor):
        level = "EL0 (AArch32)" if self.is_32 else f"EL{self.level}"
        where = f"{level} pc {self.pc:#x}"
        if self.level == 2:
            name = gdb.execute(f"info symbol {self.pc:#x}", to_string=True)
            if not name.startswith("No symbol"):
                where += f" <{name.split(' in section')[0]}>"
        return f"{vcpu_text(hypervisor, self.vcpu)} {where}, " \
               f"thread {self.thread}"


def vcpu_text(hypervisor, address):
    """Which vCPU lies at an address."""
    for vm in hypervisor.vms():
        for i in range(vm.vcpu_count):
            if vm.vcpu_address(i) == address:
                return f"{vm.title} vcpu {i}"
    return "no vcpu"


def places(hypervisor):
    """struct vcpu's address -> the Place of the CPU that runs it."""
    found = {}
    for thread in threads():
        place = Place(thread)
        if place.vcpu:
            found[place.vcpu] = place
    return found


def place_of_cpu(hypervisor, running, index):
    """The Place of the CPU with that index, None if it never came up."""
    for address, place in running.items():
        vcpu = hypervisor.value(address, "struct vcpu")
        if int(vcpu["cpu"]) == hypervisor.address("cpus", index):
            return place
    return None


# --- the commands ----------------------------------------------------------

def number(text):
    """A number that the user gave: any expression of gdb, or a symbol."""
    try:
        value = gdb.parse_and_eval(text)
    except gdb.error as e:
        if "unknown type" not in str(e):  # a label of the assembler's
            raise gdb.GdbError(str(e)) from None
        value = gdb.parse_and_eval("&" + text)
    if value.type.code in (gdb.TYPE_CODE_FUNC, gdb.TYPE_CODE_ARRAY):
        value = value.address
    return int(value) & 0xFFFFFFFFFFFFFFFF


class Command(gdb.Command):
    """A command; its help is the docstring of its class."""

    name = None
    arguments = (0, 0)

    def __init__(self):
        super().__init__(self.name, gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        least, most = self.arguments
        if not least <= len(words) <= most:
            raise gdb.GdbError("usage: " + self.__doc__.splitlines()[0])
        self.run(Hypervisor(), *words)


class Vms(Command):
    """hf-vms
The VMs with their mailboxes and vCPUs."""

    name = "hf-vms"

    def run(self, hypervisor):
        running = places(hypervisor)
        for vm in hypervisor.vms():
            self.print_vm(hypervisor, vm)
            for i in range(vm.vcpu_count):
                self.print_vcpu(hypervisor, vm, i, running)

    def print_vm(self, hypervisor, vm):
        v = vm.value
        text = vm.title
        if vm.index is not None:
            text += f" {vm.name}"
        if not vm.vcpu_count:
            print(f"{text}: left out at boot, or not loaded yet")
            return
        text += f": VMID {int(v['arch']['vttbr']) >> 48}"
        if vm.index is not None:
            text += f", {int(v['memory_size']) >> 10} KiB at " \
                    f"{int(v['memory']['pa']):#x}"
        if int(v["aborted"]):
            text += f", aborted: {abort_name(int(v['aborted']))}"
        print(text + lock_text(v["lock"]))
        self.print_mailbox(hypervisor, vm)

    def print_mailbox(self, hypervisor, vm):
        box = vm.value["mailbox"]
        if not int(box["send"]):
            print("  mailbox: not configured")
            return
        state = enum_name(box["state"], "enum mailbox_state", "MAILBOX_")
        size = f" of {int(box['size'])} bytes" if state == "pending" else ""
        pages = [hypervisor.physical(int(box[p])) for p in ("send", "recv")]
        print(f"  mailbox: {state}{size}, send page {pages[0]:#x}, "
              f"receive page {pages[1]:#x}")
        waiters = list(vm.waiters())
        if waiters:
            print("  waiting to read, in this order: vcpu " +
                  ", ".join(map(str, waiters)))

    def print_vcpu(self, hypervisor, vm, i, running):
        vcpu = vm.vcpu(i)
        place = running.get(vm.vcpu_address(i))
        if place:
            cpu = hypervisor.cpu_index(int(vcpu["cpu"]))
            state = f"on CPU {cpu}, thread {place.thread}"
        elif vm.index is None:
            state = self.absence(hypervisor, running, i)
        else:
            state = enum_name(vcpu["state"], "enum vcpu_state", "VCPU_")
        print(f"  vcpu {i}: {state}, saved pc {int(vcpu['arch']['pc']):#x}")

    def absence(self, hypervisor, running, cpu):
        """Why a vCPU of the primary is not on the CPU that is its own."""
        state = hypervisor.value(hypervisor.address("cpus", cpu),
                                 "struct cpu")["state"]
        place = place_of_cpu(hypervisor, running, cpu)
        if place:
            return f"CPU {cpu} runs {vcpu_text(hypervisor, place.vcpu)}"
        return f"CPU {cpu} is {enum_name(state, 'enum cpu_state', 'CPU_')}"


class Cpus(Command):
    """hf-cpus
The CPUs, and what each one runs."""

    name = "hf-cpus"

    def run(self, hypervisor):
        running = places(hypervisor)
        if not int(hypervisor.symbol("cpu_count")):
            print("not counted yet: boot is at its beginning")
        for i, cpu in enumerate(hypervisor.cpus()):
            state = enum_name(cpu["state"], "enum cpu_state", "CPU_")
            place = place_of_cpu(hypervisor, running, i)
            text = f"CPU {i}: MPIDR {int(cpu['id']):#x}, {state}"
            if place and state != "off":
                text += ", " + place.text(hypervisor)
            print(text + lock_text(cpu["lock"]))


class Regs(Command):
    """hf-regs VM [VCPU]
The registers of a vCPU as they were saved last. While it runs they are in the
CPU; its thread is then named, where `info registers` shows them."""

    name = "hf-regs"
    arguments = (1, 2)

    def run(self, hypervisor, vm_name, vcpu="0"):
        vm = hypervisor.find_vm(vm_name)
        index = number(vcpu)
        if index >= vm.vcpu_count:
            raise gdb.GdbError(f"{vm.title} has {vm.vcpu_count} vCPUs")
        place = places(hypervisor).get(vm.vcpu_address(index))
        if place:
            print(f"it is on a CPU now: thread {place.thread}; "
                  "what was saved when it left one:")
        regs = vm.vcpu(index)["arch"]
        general = [(f"x{i}", v) for i, v in enumerate(array(regs["x"]))]
        self.print_all(general + [(n, regs[n]) for n in ("pc", "pstate")])
        el1 = regs["el1"]
        self.print_all([(f.name, el1[f.name]) for f in el1.type.fields()])

    def print_all(self, pairs):
        for i in range(0, len(pairs), 2):
            print("".join(f"{n:>15} {int(v):#018x}"
                          for n, v in pairs[i:i + 2]))


class Stage2(Command):
    """hf-stage2 VM IPA
Walks the stage-2 tables of a VM and prints each level. Of a page that the
primary does not have it says whose it is."""

    name = "hf-stage2"
    arguments = (2, 2)

    def run(self, hypervisor, vm_name, ipa):
        vm = hypervisor.find_vm(vm_name)
        address = number(ipa)
        steps = vm.walk(address)
        print_walk(steps, address, stage2_mode)
        if vm.index is None and not steps[-1].is_valid:
            owner = owner_name(steps[-1].entry >> OWNER_SHIFT)
            print(f"it belongs to {owner}")


class Stage1(Command):
    """hf-stage1 VA
Walks the hypervisor's own tables and prints each level."""

    name = "hf-stage1"
    arguments = (1, 1)

    def run(self, hypervisor, va):
        address = number(va)
        if address >> VA_BITS:
            raise gdb.GdbError(f"{address:#x} is outside of the "
                               f"{VA_BITS}-bit address space")
        print_walk(walk(hypervisor.root, 0, 1, address), address,
                   stage1_mode)


for command in (Vms, Cpus, Regs, Stage2, Stage1):
    command()
