# SPDX-License-Identifier: BSD-3-Clause
"""What no guest can see or provoke: the hypervisor's page tables and registers
while guests run, and its end when it has a fault itself. The machine is stopped
by QEMU's gdb server, looked at, changed, and let go (test/lib/gdbstub.py)."""

import os
import re
import struct
import subprocess

from lib import devicetree, elf, gdbstub, qemu
from lib.qemu import Machine
from lib.testing import Failure, Test
from suites import target

TIMEOUT_S = 60

PAGE = 4096
ENTRIES = 512
VA_BITS = 48
ADDRESS = 0x0000FFFFFFFFF000

# inc/limits.h, src/arch/aarch64/layout.h, inc/arch.h
MAX_CPUS = 16
GUARD_SIZE = 4096
STACK_SIZE = 8192
EARLY_POOL_SIZE = 0x10000
SLOT_MAILBOX = range(16, 16 + 2 * 17)
SLOTS = 512

# SCTLR_EL2: M, C, SA, I, WXN set; A may be; EE (bit 25) clear
SCTLR_SET = 1 << 0 | 1 << 2 | 1 << 3 | 1 << 12 | 1 << 19
SCTLR_CLEAR = 1 << 25
MAIR = 0x04FF
TCR_MASK = 0x3F | 3 << 8 | 3 << 10 | 3 << 12 | 3 << 14
TCR = 64 - VA_BITS | 1 << 8 | 1 << 10 | 3 << 12

# Two GICs, with and without BTI and the vectors of spectre.c.
MAP_MACHINES = [Machine(3, "cortex-a72", 4, 1024),
                Machine(2, "cortex-a53", 2, 256), Machine(3, "max", 2, 1024)]
PANIC_MACHINE = Machine(3, "cortex-a72", 4, 1024)
PANIC_GIC2 = Machine(2, "cortex-a53", 4, 512)
BTI_MACHINE = Machine(3, "max", 4, 1024)

UNDEFINED = struct.pack("<I", 0)
JUMP_TO_ITSELF = struct.pack("<I", 0x14000000)

# An address that nothing is mapped at.
NOWHERE = 0x123456000


def arguments(ctx, machine, suite, root="", vms=None):
    """QEMU's arguments. `root`: of the manifest; `vms`: of which suite the VMs
    are, if not of this one."""
    hidden = sum(vm[2] for vm in target.vms_of(vms or suite))
    return [*machine.arguments(), "-kernel", ctx.built("holdfast.bin"),
            "-initrd", target.ramdisk(ctx, vms or suite, root), "-append",
            f"suite={suite} ram={machine.mib} hidden={hidden} seed=1 "
            "requests=2000"]


def start(ctx, machine, suite, until=None, root=""):
    """Boots, up to the hypervisor's place."""
    where = gdbstub.Machine(arguments(ctx, machine, suite, root), TIMEOUT_S,
                            until)
    at = elf.symbols(ctx)
    to_place(where, at)
    return where, at


def to_place(where, at):
    """Runs to where the hypervisor has moved to its place."""
    where.run_to(at["arch_move"])
    where.run_to(at["arch_board_init"])


# --- the page tables -------------------------------------------------------

class Page:
    """A page that is mapped."""

    def __init__(self, pa, entry):
        self.pa = pa
        self.writable = not entry & 1 << 7
        self.executable = not entry & 1 << 54
        self.guarded = bool(entry & 1 << 50)
        self.device = entry >> 2 & 7
        self.shareable = entry >> 8 & 3
        self.accessed = bool(entry & 1 << 10)

    @property
    def mode(self):
        return "r" + ("w" if self.writable else "-") + \
            ("x" if self.executable else "-")


def read_tables(machine, root):
    """({va: Page}, {physical address of a table: first va it is for})"""
    pages, tables = {}, {}

    def read(table, level, base):
        tables.setdefault(table, base)
        shift = 12 + 9 * (3 - level)
        entries = struct.unpack("<512Q", machine.memory(table, PAGE, True))
        for i, entry in enumerate(entries):
            va = base + (i << shift)
            if not entry & 1:
                continue
            if level < 3 and entry & 2:
                read(entry & ADDRESS, level + 1, va)
                continue
            for offset in range(0, 1 << shift, PAGE):
                pages[va + offset] = Page((entry & ADDRESS) + offset, entry)

    read(root, 0, 0)
    return pages, tables


def expected(at, own, tables, slot_table):
    """{va: mode} of the image: every page that is to be mapped."""
    parts = [(at["boot_end"], at["text_end"], "r-x"),
             (at["text_end"], at["rodata_end"], "r--"),
             (at["bss_begin"], at["ro_after_boot_end"], "r--"),
             (at["boot_data_end"], at["cpu_stacks"], "rw-"),
             (at["fault_stacks"], at["image_end"], "rw-")]
    for i in range(MAX_CPUS):
        stack = at["cpu_stacks"] + i * (GUARD_SIZE + STACK_SIZE) + GUARD_SIZE
        parts.append((stack, stack + STACK_SIZE, "rw-"))
    modes = {va: mode for begin, end, mode in parts
             for va in range(begin, end, PAGE)}
    for table in tables:
        if table != slot_table:
            modes[table - own + at["image_begin"]] = "r--"
    return modes


def check_image(pages, modes, at, own, has_bti):
    """The image, page by page; returns what is left of `pages`."""
    image = range(at["image_begin"], at["image_end"])
    rest = dict(pages)
    for va in range(image.start, image.stop, PAGE):
        page = rest.pop(va, None)
        is_mode = page.mode if page else "absent"
        if is_mode != modes.get(va, "absent"):
            raise Failure(f"{va:#x} is {is_mode}, not "
                          f"{modes.get(va, 'absent')}")
        if page and page.pa != va - image.start + own:
            raise Failure(f"{va:#x} is at {page.pa:#x}")
    # The page in which CPUs turn their MMU on.
    start = own + (at["idmap_begin"] & -PAGE) - image.start
    page = rest.pop(start, None)
    if not page or page.mode != "r-x" or page.pa != start:
        raise Failure("the page for the start of CPUs is not right")
    for va, page in pages.items():
        if page.writable and page.executable:
            raise Failure(f"{va:#x} is writable and executable")
        if page.executable and page.guarded != has_bti:
            raise Failure(f"{va:#x}: guarded is {page.guarded}")
        if not page.accessed or (page.device == 0 and page.shareable != 3):
            raise Failure(f"{va:#x} is not inner shareable, or has no AF")
    return rest


def check_slots(rest, at, console):
    """What is mapped outside of the image: devices, and mailbox pages."""
    first = at["image_end"]
    mailboxes = 0
    for va, page in rest.items():
        slot = (va - first) // PAGE
        if not 0 <= slot < SLOTS:
            raise Failure(f"{va:#x} is mapped, {page.mode}")
        if page.executable:
            raise Failure(f"slot {slot} is executable")
        if slot in SLOT_MAILBOX:
            mailboxes += 1
            wanted = ("r--", 0) if slot % 2 == 0 else ("rw-", 0)
        else:
            wanted = ("rw-", 1)
        if (page.mode, page.device) != wanted:
            raise Failure(f"slot {slot} is {page.mode}, {page.device}")
    if rest[first].pa != console:
        raise Failure("the console is not in its slot")
    if mailboxes < 4:
        raise Failure(f"only {mailboxes} mailbox pages")
    return mailboxes


def check_boot(machine, at, own):
    """What is only for boot is wiped, and nobody has its address."""
    boot = (range(at["image_begin"] + 1, at["boot_end"]),
            range(at["ro_after_boot_end"], at["boot_data_end"]))
    first = at["bss_begin"]
    physical = own - at["image_begin"]
    for part in boot:
        if any(machine.memory(physical + part.start, len(part), True)):
            raise Failure(f"{part.start:#x} is not wiped")
    data = machine.memory(physical + first, at["cpu_stacks"] - first, True)
    for i, word in enumerate(struct.unpack(f"<{len(data) // 8}Q", data)):
        if any(word in part for part in boot):
            raise Failure(f"{elf.nearest(at, first + 8 * i)} has an address of "
                          f"{elf.nearest(at, word)}")


def check_registers(machine):
    for name, bits, value in (("SCTLR_EL2", SCTLR_SET | SCTLR_CLEAR,
                               SCTLR_SET),
                              ("MAIR_EL2", 0xFFFF, MAIR),
                              ("TCR_EL2", TCR_MASK, TCR)):
        if machine.register(name) & bits != value:
            raise Failure(f"{name} is {machine.register(name):#x}")


def map_test(machine):
    """Every page of the live tables, and the registers that rule them."""
    def run(ctx):
        where, at = start(ctx, machine, "smp")
        first_guard = guard_of(where, at)
        for _ in range(4):
            where.run_to(at["rpc_reply"])
        check_registers(where)
        pages, tables = read_tables(where, where.register("TTBR0_EL2"))
        own = pages[at["boot_end"]].pa - at["boot_end"] + at["image_begin"]
        check_boot(where, at, own)
        slot_table = next(t for t, va in tables.items()
                          if va == at["image_end"])
        root = int.from_bytes(where.memory(at["wipe_table"], 8), "little")
        _, more = read_tables(where, root - at["image_begin"] + own)
        modes = expected(at, own, {**more, **tables}, slot_table)
        rest = check_image(pages, modes, at, own, machine.cpu == "max")
        count = check_slots(rest, at, 0x9000000)
        guard = guard_of(where, at)
        where.finish()
        if first_guard != guard or not guard or guard & 0xFF:
            raise Failure(f"the stack guard is {guard:#x}")
        if guard == another_guard(ctx, machine):
            raise Failure("two boots have one stack guard")
        return f"{len(pages)} pages, {count} of mailboxes"
    return Test(f"harden/map/{machine}", run)


def guard_of(where, at):
    return int.from_bytes(where.memory(at["__stack_chk_guard"], 8), "little")


def another_guard(ctx, machine):
    """The stack guard of another boot."""
    where, at = start(ctx, machine, "smp")
    where.run_to(at["arch_vcpu_enter"])
    guard = guard_of(where, at)
    where.finish()
    return guard


# --- panics ----------------------------------------------------------------

CPU_ON = 2  # enum cpu_state


def gdb_number(ctx, expression):
    """What gdb makes of an expression of the hypervisor's types."""
    said = subprocess.run(
        ["gdb-multiarch", "-nx", "-batch", "-ex", f"print {expression}",
         ctx.built("holdfast.elf")], capture_output=True, text=True,
        check=True, stdin=subprocess.DEVNULL).stdout
    return int(said.split()[-1], 0)


def run_all(where, at):
    """Runs until all four CPUs are on, and one of them makes a call."""
    for _ in range(5000):
        where.run_to(at["rpc_reply"])
        states = [where.memory(at["state"] + i * at["cpu"], 4)[0]
                  for i in range(4)]
        if states == 4 * [CPU_ON]:
            return
    raise Failure("the CPUs are not all on")


def spin_guests(where, cpus):
    """VMs that make no call any more, and are not in the hypervisor. Returns how
    many CPUs run one now."""
    count = 0
    for cpu in cpus:
        where.select(cpu)
        if where.register("cpsr") >> 2 & 3 == 1:
            where.set_memory(where.register("pc"), JUMP_TO_ITSELF)
            count += 1
    return count


def jump_nowhere(where, at):
    """Code that is not there, on CPU 2."""
    run_all(where, at)
    for i in range(5000):
        # Better if another is in a guest, to be stopped by its memory's going
        # away; they may all be in the hypervisor each time.
        if where.run_to(at["rpc_reply"]) == 2 and \
                (spin_guests(where, (0, 1, 3)) or i > 500):
            where.select(2)
            where.set_register("pc", NOWHERE)
            return
    raise Failure("CPU 2 makes no call")


def overflow_stack(where, at):
    """A stack that is full up to its guard page."""
    run_all(where, at)
    cpu = where.run_to(at["vcpu_run_call"])
    bottom = at["cpu_stacks"] + cpu * (GUARD_SIZE + STACK_SIZE) + GUARD_SIZE
    where.set_register("sp", bottom)


def overwrite_frame(where, at):
    """An array that grew over the end of its frame: the guard in the frame is
    not the guard of before, as seen by a function that is on the stack."""
    where.run_to(at["vm_configure"])
    where.run_to(at["arch_map_slot"])
    root = where.register("TTBR0_EL2")
    pages, _ = read_tables(where, root)
    guard = at["__stack_chk_guard"]
    where.set_physical(pages[guard & ~(PAGE - 1)].pa + guard % PAGE,
                       b"\x00\x5e\xc0\x5e\xc0\x5e\xc0\x5e")


def fault_in_report(where, at):
    jump_nowhere(where, at)
    where.run_to(at["print_backtrace"])
    where.set_register("pc", NOWHERE)


def fault_of_two(where, at):
    """Two CPUs at once: one stands still until the other gets there."""
    run_all(where, at)
    first = where.run_to(at["rpc_reply"])
    others = [cpu for cpu in range(4) if cpu != first]
    where.set_register("pc", NOWHERE)
    where.run_to(at["rpc_reply"], others)
    where.set_register("pc", NOWHERE + 8)


def fault_with_lock(where, at):
    """The console's lock is held, by the CPU that panics."""
    where.run_to(at["log_guest"])
    where.run_to(at["print_line"])
    where.set_register("pc", NOWHERE)


def miss_landing_pad(where, at):
    """The call of a hypercall's function, four bytes behind its start."""
    run_all(where, at)
    where.run_to(at["blr"])
    where.set_register("x5", where.register("x5") + 4)


def stopped_first(where, at):
    """When the first character is printed, the primary has no memory."""
    jump_nowhere(where, at)
    where.run_to(at["arch_console_write"], [2])
    root = int.from_bytes(where.memory(at["primary_root"], 8), "little")
    if any(where.memory(root, PAGE)):
        raise Failure("a line is printed while VMs run")


def left_out(where, at):
    """The last VM finds no page for a root; then as above. The primary has
    one, too, and the table for wiping."""
    for _ in range(2 + len(target.vms_of("race"))):
        where.run_to(at["ptable_init"])
        where.run_to(at["pool_alloc"])
    where.set_register("x0", 0)
    where.set_register("pc", where.register("x30"))
    jump_nowhere(where, at)


HALTED = r"^holdfast: halted, and (\d) of (\d) other CPUs$"
ALL = r"^holdfast: halted, and 3 of 3 "
# RUN is called while CPUs go off, too: all that are on have to stop.
ALL_ON = r"^holdfast: halted, and ([1-3]) of \1 "
BACKTRACE = r"^holdfast: backtrace: 0x"
REGISTERS = r"^holdfast: x28( 0x[0-9a-f]{16}){4}$"
JUMPED = rf"^holdfast: ESR 0x86[0-9a-f]+ FAR {NOWHERE:#x} ELR {NOWHERE:#x} "

# name: machine, suite, what is done, what the console says then
PANICS = {
    "fault": (PANIC_MACHINE, "race", jump_nowhere, [
        r"^holdfast: panic: CPU 2: sync exception in the hypervisor$",
        JUMPED, BACKTRACE, REGISTERS, ALL]),
    "fault_gic2": (PANIC_GIC2, "race", jump_nowhere, [JUMPED, ALL]),
    "stack_overflow": (PANIC_MACHINE, "race", overflow_stack, [
        r"^holdfast: ESR 0x96[0-9a-f]+ FAR 0x800000[0-9a-f]{3}f[0-9a-f]{2} ",
        REGISTERS, ALL_ON]),
    "stack_guard": (PANIC_MACHINE, "race", overwrite_frame, [
        r"^holdfast: panic: CPU \d: stack frame overwritten, in the function "
        r"at 0x8000000[0-9a-f]+$", BACKTRACE]),
    "in_report": (PANIC_MACHINE, "race", fault_in_report, [
        JUMPED, r"^holdfast: panic: in the report itself: ESR 0x86\w+ "]),
    "two_cpus": (PANIC_MACHINE, "race", fault_of_two, [
        JUMPED, rf"^holdfast: ESR .* ELR {NOWHERE + 8:#x} ", ALL]),
    "stopped_first": (PANIC_MACHINE, "race", stopped_first, [JUMPED, ALL]),
    "left_out": (PANIC_MACHINE, "race", left_out, [
        r"^holdfast: manifest.dtb: vm7 \(gone3\) left out: no page table left$",
        JUMPED, ALL]),
    "console_lock": (PANIC_MACHINE, "isolation", fault_with_lock, [
        JUMPED, REGISTERS]),
    "landing_pad": (BTI_MACHINE, "race", miss_landing_pad, [
        r"^holdfast: ESR 0x36000002 ", ALL]),
}


def call_instruction(ctx):
    """Where the primary's vector calls the function of a hypercall."""
    return next(address for address, mnemonic, _ in
                elf.functions(ctx)["vectors_primary"] if mnemonic == "blr")


def places(ctx, at):
    """Adds to the symbols what no symbol is for."""
    at["blr"] = call_instruction(ctx)
    at["cpu"] = gdb_number(ctx, "sizeof(struct cpu)")
    at["state"] = at["cpus"] + gdb_number(
        ctx, "(long)&((struct cpu *)0)->state")
    at["primary_root"] = at["vm_primary"] + gdb_number(
        ctx, "(long)&((struct vm *)0)->stage2.root")


def check_end(result):
    """All CPUs told where they were."""
    halted = re.search(HALTED, result.console, re.M)
    if not halted or halted.group(1) != halted.group(2):
        raise Failure("not all CPUs halted", result.details)
    told = re.findall(r"^holdfast: (?:panic: )?CPU (\d)(?: stopped|: )",
                      result.console, re.M)
    if len(set(told)) != int(halted.group(1)) + 1:
        raise Failure(f"reports of CPUs {' '.join(told)}", result.details)


def panic_test(name):
    """A fault of the hypervisor on one CPU of four, while guests run on all:
    its report, a word of each other CPU, and the end of all of them."""
    machine, suite, provoke, wanted = PANICS[name]

    def run(ctx):
        where, at = start(ctx, machine, suite, until="holdfast: halted, and . of . other CPUs")
        places(ctx, at)
        provoke(where, at)
        result = where.finish()
        for pattern in wanted:
            if not re.search(pattern, result.console, re.M):
                raise Failure(f"not found: {pattern}", result.details)
        check_end(result)
    return Test(f"harden/panic/{name}", run)


def reset(ctx):
    """With panic = "reset" the report is followed by a reset, at which QEMU
    ends."""
    where, at = start(ctx, PANIC_MACHINE, "race", root='panic = "reset";')
    places(ctx, at)
    jump_nowhere(where, at)
    result = where.finish()
    check_end(result)
    if not result.ended or not re.search(
            HALTED + r"\n^holdfast: the board is reset$", result.console, re.M):
        raise Failure("no reset", result.details)


def fault_in_stopping(ctx):
    """A fault while the others are stopped ends as one in the report does."""
    where, at = start(ctx, PANIC_MACHINE, "race", until=HALTED[1:-1])
    places(ctx, at)
    jump_nowhere(where, at)
    where.run_to(at["revoke_all"], [2])
    where.set_memory(at["revoke_all"], UNDEFINED)
    result = where.finish()
    told = re.findall(r"^holdfast: panic: .*$", result.console, re.M)
    if len(told) != 1 or not re.search(
            rf"in the report itself: .* ELR {at['revoke_all']:#x}$", told[0]) \
            or not re.search(rf"^holdfast: the first fault: ESR 0x86\w+ ELR {NOWHERE:#x}$",
                             result.console, re.M):
        raise Failure(f"{len(told)} reports", result.details)


FAULT_STACKS = 2 * MAX_CPUS  # layout.h
FAULT_STACK_SIZE = 2048


def halt_of(where, at, cpu):
    for _ in range(PANIC_MACHINE.cpus):
        if where.run_to(at["arch_halt"]) == cpu:
            return
    raise Failure(f"CPU {cpu} does not halt")


def fault_stack(ctx):
    """What a report takes of its stack leaves a quarter."""
    where, at = start(ctx, PANIC_MACHINE, "race")
    places(ctx, at)
    fault_in_report(where, at)
    halt_of(where, at, 2)
    most = 0
    for i in range(2):
        used = where.memory(at["fault_stacks"] + i * FAULT_STACK_SIZE,
                            FAULT_STACK_SIZE).lstrip(b"\0")
        most = max(most, len(used))
    where.kill()
    if not 512 < most <= FAULT_STACK_SIZE * 3 // 4:
        raise Failure(f"{most} of {FAULT_STACK_SIZE} bytes are used")
    return f"{most} bytes"


# --- a board without a console ----------------------------------------------

# All that such a board's hypervisor says when it is dead.
SILENCE_S = 20


def silent_board(ctx, name):
    """The tree of a board whose UART is none that the hypervisor knows; the
    test primary takes it for what it is."""
    path = os.path.join(ctx.directory("harden"), f"silent-{name}.dtb")
    subprocess.run(
        [qemu.PROGRAM, "-M", f"virt,virtualization=on,gic-version=3,dumpdtb={path}",
         "-cpu", PANIC_MACHINE.cpu, "-smp", str(PANIC_MACHINE.cpus), "-m",
         str(PANIC_MACHINE.mib), "-display", "none"], check=True,
        capture_output=True, timeout=TIMEOUT_S)
    subprocess.run(["fdtput", "-t", "s", path, "/pl011@9000000", "compatible",
                    "test,uart"], check=True, timeout=TIMEOUT_S)
    return path


def silent_lines(suite, case):
    """Lines that VMs cause, where nobody prints them: few VMs, that what is
    kept of the boot leaves room."""
    def run(ctx):
        args = arguments(ctx, PANIC_MACHINE, suite, vms="few")
        args[-1] += f" case={case}"
        result = qemu.run_to_end([*args, "-dtb", silent_board(ctx, suite)],
                                 SILENCE_S)
        if "holdfast: " in result.console:
            raise Failure("the hypervisor has a console", result.details)
        return target.parse(result)
    return Test(f"harden/silent/{suite}", run)


def silent_panic(ctx):
    """A panic stops all CPUs, and faults once."""
    where = gdbstub.Machine(
        [*arguments(ctx, PANIC_MACHINE, "race"), "-dtb",
         silent_board(ctx, "panic")], TIMEOUT_S)
    at = elf.symbols(ctx)
    places(ctx, at)
    to_place(where, at)
    jump_nowhere(where, at)
    halt_of(where, at, 2)
    faults = where.memory(at["faults"], 4)[0]
    others = where.memory(at["stopped"], 4)[0]
    where.kill()
    if (faults, others) != (1, 3):
        raise Failure(f"{faults} faults, {others} CPUs stopped")


# --- exceptions that QEMU does not make -------------------------------------

def pretend(where, at, vector):
    """A synchronous exception of a secondary is another one."""
    where.run_to(at["vectors_secondary"] + 0x400)
    where.set_register("pc", at["vectors_secondary"] + vector)


def serror(ctx):
    """An SError while a secondary runs stops that VM alone."""
    where, at = start(ctx, PANIC_MACHINE, "vcpu")
    pretend(where, at, 0x580)
    result = where.finish()
    qemu.check_fatal(result)
    if not re.search(r"^holdfast: vm\d+ \w+: vcpu 0 stopped: SError, syndrome "
                     r"0x[0-9a-f]+, pc 0x400", result.console, re.M):
        raise Failure("the VM was not stopped", result.details)
    if not result.ended or not re.search("^end: ", result.console, re.M):
        raise Failure("the primary did not go on", result.details)


def serror_of_primary(ctx):
    """No secondary is entered while the primary has an SError, an IRQ or an FIQ
    to take: RUN is back at once, and says so."""
    where, at = start(ctx, PANIC_MACHINE, "mailbox")
    for bit in (8, 7, 6):
        where.run_to(at["arch_vcpu_enter"])
        pc = where.register("x1") + offset_of(ctx, "VCPU_PC")
        before = where.memory(pc, 8)
        where.run_to(at["arch_vcpu_enter"] + 4)
        where.set_register("x2", 1 << bit)  # A, I, F of ISR_EL1
        vectors = where.register("VBAR_EL2")
        where.run_to(at["vcpu_left"])
        if where.memory(pc, 8) != before or where.register("x1") != 1:
            raise Failure("the vCPU ran")
        if where.register("VBAR_EL2") != vectors:
            raise Failure("vectors of a secondary")
    result = where.finish()
    qemu.check_fatal(result)
    return target.parse(result)


# --- the stack guard ---------------------------------------------------------

def seed_of(blob, name="rng-seed"):
    return devicetree.parse(blob).child("chosen").get(name)


def read_tree(where, at):
    size = int.from_bytes(where.memory(at + 4, 4, True), "big")
    return where.memory(at, size, True)


def guard(ctx):
    """What the guard is made of does not reach the primary: half of the board's
    random seed, what the hypervisor wrote before its move, guard and stack too."""
    where = gdbstub.Machine(arguments(ctx, PANIC_MACHINE, "mailbox"),
                            TIMEOUT_S)
    at = elf.symbols(ctx)
    where.run_to(at["main"])
    board = where.register("x0")
    tree = read_tree(where, board)
    pages, _ = read_tables(where, where.register("TTBR0_EL2"))
    first = pages[at["image_begin"]].pa - at["image_begin"]
    size = at["pool_begin"] - at["bss_begin"] + EARLY_POOL_SIZE
    where.run_to(at["arch_move"])
    moving = where.memory(first + at["bss_begin"], size, True)
    where.run_to(at["arch_board_init"])
    left = where.memory(first + at["bss_begin"], size, True)
    where.run_to(at["primary_first_entry"])
    vcpu = where.register("x0")
    own = int.from_bytes(where.memory(
        vcpu + offset_of(ctx, "VCPU_X"), 8), "little")
    given = read_tree(where, own)
    kept = where.memory(board, len(tree), True)
    where.kill()
    seed = seed_of(tree)
    if len(seed) < 16 or seed_of(given) != seed[:len(seed) // 2]:
        raise Failure("the primary's rng-seed is not the first half")
    if seed_of(given, "kaslr-seed") != seed_of(tree, "kaslr-seed"):
        raise Failure("the primary's kaslr-seed is another one")
    if not any(moving):
        raise Failure("the place before the move is another one")
    if any(left):
        raise Failure("something stayed behind at the place before the move")
    if any(kept):
        raise Failure("the board's tree is still there")


def fiq(ctx):
    """An FIQ ends the run of a secondary as an IRQ does; nothing is lost."""
    where, at = start(ctx, PANIC_MACHINE, "mailbox")
    for _ in range(3):
        # As if in front of the instruction that was taken for a call.
        pretend(where, at, 0x500)
        where.set_register("ELR_EL2", where.register("ELR_EL2") - 4)
    result = where.finish()
    qemu.check_fatal(result)
    return target.parse(result)


# --- branch prediction -------------------------------------------------------

# Rounds of eight branches.
SPECTRE = {"cortex-a53": 0, "cortex-a57": 2, "cortex-a72": 2, "cortex-a76": 6,
           "neoverse-n1": 6, "max": 0}
WORKAROUND_1 = 0x80008000


def spectre_test(cpu):
    """The vectors that the CPU's model needs, on each CPU; and calls survive
    them with a call of the firmware in between."""
    machine = Machine(3, cpu, 2, 256)

    def run(ctx):
        where, at = start(ctx, machine, "calls")
        where.run_to(at["vm_get_count"])
        table = {0: "vectors_primary", 2: "vectors_history_primary"}.get(
            SPECTRE[cpu], "vectors_spectre")
        if where.register("VBAR_EL2") != at[table]:
            raise Failure(f"VBAR_EL2 is not {table}")
        field = at["cpus"] + offset_of(ctx, "CPU_SPECTRE")
        data = where.memory(field, 8)
        if struct.unpack("<II", data) != (SPECTRE[cpu], 0):
            raise Failure(f"{struct.unpack('<II', data)}")
        if SPECTRE[cpu]:
            # From the next world switch on, where there was no loop.
            where.set_memory(field + 4, struct.pack(
                "<IQQ", WORKAROUND_1, *[at["vectors_spectre"]] * 2))
        result = where.finish()
        qemu.check_fatal(result)
        return target.parse(result)
    return Test(f"harden/spectre/{cpu}", run)


def offset_of(ctx, name):
    with open(ctx.built("obj/offsets.h")) as f:
        return int(re.search(rf"#define {name} (\d+)", f.read()).group(1))


def tests(ctx):
    return [*(map_test(m) for m in MAP_MACHINES),
            *(panic_test(name) for name in PANICS),
            Test("harden/panic/reset", reset),
            Test("harden/panic/in_stopping", fault_in_stopping),
            Test("harden/fault_stack", fault_stack),
            silent_lines("faults", "secondary_store_pair"),
            silent_lines("lpi", "commands_left_out"),
            Test("harden/silent/panic", silent_panic),
            Test("harden/serror", serror), Test("harden/fiq", fiq),
            Test("harden/serror_of_primary", serror_of_primary),
            Test("harden/guard", guard),
            *(spectre_test(cpu) for cpu in SPECTRE)]
