# SPDX-License-Identifier: BSD-3-Clause
"""What must hold in the hypervisor's instructions and sections and no run in
QEMU shows: speculation barriers, barriers around TLB and cache maintenance,
alignment, which registers and instructions are used. docs/hazards.md says what
each is for. Part of the suite `build`."""

import re
import subprocess

from lib.testing import Failure, Test

TOOLS = "aarch64-linux-gnu-"

# Functions that move the FP/SIMD registers of VMs.
FP_FUNCTIONS = {"fp_save", "fp_load"}
# And one that uses them before there is a VM; it is gone by then.
BOOT_FP_FUNCTIONS = {"arch_boot_copy"}

# Functions whose TLB maintenance is for their own CPU. Code with the MMU off,
# in .head and .idmap, is as well.
LOCAL_TLBI = {"el2_init", "enter_unusually"}

# Registers that decide what TLB maintenance applies to.
TLBI_CONTEXT = ("vttbr_el2", "hcr_el2", "vtcr_el2")

# Run by each hypercall or world switch.
HOT = {"vectors_primary", "vectors_secondary", "vectors_spectre",
       "vectors_history_primary", "vectors_history_secondary", "vcpu_left",
       "vcpu_run_call", "switch_to_secondary", "switch_to_primary",
       "enter_otherwise", "leave_otherwise", "enter_unusually",
       "leave_unusually", "arch_vcpu_enter",
       "leave_secondary", "spin_wait", "arch_copy", "api_finish_read",
       "smccc_quick", "vgic_quick_access", "vgic_quick_sgi", "vgic_place",
       "vgic_interrupt", "vgic_enter", "vgic_leave"}

# Those of HOT that the compiler may have put into others.
INLINED = {"vgic_place", "api_finish_read"}

# Where a number of a guest chooses something.
MASKED = {"vcpu_run_call", "vcpu_get_count", "rpc_request", "idreg_value",
          "vgic_quick_access"}

# Where the lower bits of a call's number choose a row.
CALLING = ("vectors_primary", "vectors_secondary")

# What C keeps over a call, beside what the procedure call standard says.
KEPT = re.compile(r"\b[xw](?:9|1[0-5])\b")

# Vector tables, in the order in which they lie.
TABLES = ("vectors_primary", "vectors_secondary", "vectors_history_primary",
          "vectors_history_secondary", "vectors_spectre")

# Two symbols of one address: objdump knows the first.
ALIASES = {"boot_end": "vectors_primary"}

# What assemblers fill a gap with.
PADDING = {"udf", "nop"}

SECTIONS = {".boot.text", ".boot.rodata", ".text", ".rodata", ".bss", ".noinit"}

# What stays and calls what does not, while boot_is_over is false.
CALLED_IN_BOOT = {("panic_fault", "blame_device_tree")}

# What may stay in memory after boot: instructions and constants, in bytes.
MAX_RESIDENT = 65536

FP_REGISTER = re.compile(r"\b[vqdshbz][0-9]+\b")
BELOW_SP = re.compile(r"\[sp, #-\d+\](?!!)")
# Atomics of FEAT_LSE and FEAT_LRCPC; the oldest CPUs have neither.
NEWER = re.compile(r"(cas|swp|ldadd|stadd|ldset|stset|ldclr|stclr|ldeor|steor|"
                   r"[ls][dt][su]max|[ls][dt][su]min|ldapr)")


def tool(name, ctx, *options, file="holdfast.elf"):
    """What a tool of binutils says of the hypervisor's ELF file."""
    return subprocess.run([TOOLS + name, *options, ctx.built(file)],
                          capture_output=True, text=True, check=True).stdout


def functions(ctx):
    """{name: [(address, mnemonic, operands)]}, in the order of addresses."""
    found = {}
    code = None
    text = tool("objdump", ctx, "-d", "--no-show-raw-insn")
    for line in text.splitlines():
        label = re.match(r"([0-9a-f]+) <(.+)>:$", line)
        if label:
            name = ALIASES.get(label.group(2), label.group(2))
            code = found.setdefault(name, [])
            continue
        row = re.match(r"\s*([0-9a-f]+):\s+(\S+)\s*(.*?)(\s*//.*)?$", line)
        if row and not row.group(2).startswith("."):
            code.append((int(row.group(1), 16), row.group(2), row.group(3)))
    return found


def symbols(ctx, file="holdfast.elf"):
    """{name: address}"""
    return {name: int(address, 16) for address, _, name in
            (line.split() for line in tool("nm", ctx, file=file).splitlines()
             if len(line.split()) == 3)}


def instructions(ctx):
    """(function, index, code) of each instruction, code being all of its
    function's."""
    for name, code in functions(ctx).items():
        for i in range(len(code)):
            yield name, i, code


def fail(code, i, what):
    address, mnemonic, operands = code[i]
    raise Failure(f"{address:#x} {mnemonic} {operands}: {what}")


def eret(ctx):
    """Nothing behind an ERET can be executed ahead of it."""
    count = 0
    for _, i, code in instructions(ctx):
        if code[i][1] != "eret":
            continue
        count += 1
        behind = [m for _, m, _ in code[i + 1:i + 3]]
        if behind != ["dsb", "isb"] and behind[:1] != ["sb"]:
            fail(code, i, "no speculation barrier behind it")
    if not count:
        raise Failure("no ERET found")
    return f"{count} of them"


def registers(ctx):
    """FP/SIMD registers and x18 are the VMs': only assembly that moves them
    touches them. Nothing is kept below SP."""
    with open(ctx.source("src/arch/aarch64/vectors.S")) as f:
        assembly = set(re.findall(r"^(\w+):", f.read(), re.M))
    boot_end = symbols(ctx)["boot_end"]
    for name, i, code in instructions(ctx):
        operands = re.sub(r"<.*>", "", code[i][2])
        allowed = FP_FUNCTIONS if code[i][0] >= boot_end \
            else BOOT_FP_FUNCTIONS
        if FP_REGISTER.search(operands) and name not in allowed:
            fail(code, i, f"{name} uses an FP/SIMD register")
        if re.search(r"\b[xw]18\b", operands) and name not in assembly:
            fail(code, i, f"{name} uses x18")
        if BELOW_SP.search(operands):
            fail(code, i, f"{name} uses the stack below SP")


def armv8_0(ctx):
    """Only what every CPU has, and no call of the compiler's library."""
    for name, i, code in instructions(ctx):
        if NEWER.match(code[i][1]):
            fail(code, i, f"{name} needs a newer CPU")
    outline = [n for n in symbols(ctx) if n.startswith("__aarch64_")]
    if outline:
        raise Failure("the compiler's library: " + ", ".join(outline))


def reachable(found, start):
    """Functions that are called or jumped to from `start` on, but for the end
    of everything that an overwritten stack is."""
    names, todo = {"__stack_chk_fail"}, [start]
    while todo:
        name = todo.pop()
        if name in names or name not in found:
            continue
        names.add(name)
        for _, mnemonic, operands in found[name]:
            target = re.search(r"<(\w+)(\+0x[0-9a-f]+)?>$", operands)
            if target and re.match(r"b|cb|tb", mnemonic):
                todo.append(target.group(1))
    return names


def early(ctx):
    """With the MMU off an exclusive access may fail for ever: no lock is taken
    by what runs then."""
    found = functions(ctx)
    names = reachable(found, "early_map")
    for name in sorted(names & set(found) - {"__stack_chk_fail"}):
        for i, (_, mnemonic, _) in enumerate(found[name]):
            if re.match(r"(ld|st)a?l?xr|(ld|st)a?l?xp", mnemonic):
                fail(found[name], i, f"{name}: exclusive access")
    if "pool_alloc" not in names:
        raise Failure("pool_alloc() is not found below early_map()")
    return f"{len(names)} functions"


def is_store(mnemonic):
    return mnemonic.startswith("st")


def check_before(code, i, name):
    """Page tables are written, and the VMID is set, before the TLBI."""
    broadcast = code[i][2].endswith("is")
    synchronized = False
    for _, mnemonic, operands in reversed(code[:i]):
        synchronized |= mnemonic == "isb"
        if mnemonic == "msr" and operands.startswith(TLBI_CONTEXT) and \
                not synchronized:
            fail(code, i, f"{name}: no ISB behind msr {operands}")
        if mnemonic == "dsb":
            return
        if broadcast and (is_store(mnemonic) or mnemonic == "bl"):
            break
    if broadcast:
        fail(code, i, f"{name}: no DSB between it and what was stored")


def check_after(code, i, name):
    """Maintenance is complete before anything relies on it."""
    for _, mnemonic, operands in code[i + 1:]:
        if mnemonic == "dsb":
            if code[i][2].endswith("is") and operands not in ("ish", "sy"):
                fail(code, i, f"{name}: DSB {operands} is not enough")
            return
        if mnemonic in ("ret", "eret", "br", "bl") or is_store(mnemonic):
            break
    fail(code, i, f"{name}: no DSB behind it")


def check_tlbi(code, i, name, local):
    operands = code[i][2]
    if "," in operands:
        fail(code, i, f"{name}: by address, and so without a bound")
    if not operands.endswith("is") and not local:
        fail(code, i, f"{name}: is not broadcast")
    if operands.startswith("vmalls12") and not any(
            m == "msr" and o.startswith("vttbr_el2") for _, m, o in code[:i]):
        fail(code, i, f"{name}: under whatever VMID there is")
    check_before(code, i, name)
    check_after(code, i, name)


def maintenance(ctx):
    """TLB and cache maintenance: what kind of it, and its barriers."""
    at = symbols(ctx)
    mmu_off = [*range(at["image_begin"], at["boot_idmap_end"], 4),
               *range(at["idmap_begin"], at["idmap_end"], 4)]
    found = []
    for name, i, code in instructions(ctx):
        address, mnemonic, operands = code[i]
        if mnemonic == "tlbi":
            found.append(f"{name} {operands}")
            check_tlbi(code, i, name,
                       name in LOCAL_TLBI or address in mmu_off)
        elif mnemonic in ("dc", "ic") and not operands.startswith("zva"):
            found.append(f"{name} {operands.split(',')[0]}")
            check_after(code, i, name)
    for wanted in ("arch_vm_revoke vmalls12e1is", "enter_unusually vmalle1",
                   "arch_clean_to_memory civac",
                   "arch_sync_instructions ialluis"):
        if wanted not in found:
            raise Failure(f"there is no {wanted}")
    return f"{len(found)} instructions"


def layout(ctx):
    """Where things lie: vector tables, stacks, sections."""
    at = symbols(ctx)
    code = {address for rows in functions(ctx).values()
            for address, mnemonic, _ in rows if mnemonic not in PADDING}
    for table in TABLES:
        if at[table] % 0x800:
            raise Failure(f"{table} at {at[table]:#x} is not 2 KiB-aligned")
        empty = [e for e in range(0, 0x800, 0x80) if at[table] + e not in code]
        if empty:
            raise Failure(f"{table}: nothing at {empty[0]:#x}")
        # What follows the table may follow its last instruction at once.
        other = [n for n, a in at.items() if 0 < a - at[table] <= 0x780]
        if other:
            raise Failure(f"{table}: {other[0]} is in the place of a vector")
    if [at[t] - at[TABLES[0]] for t in TABLES] != \
            [0x800 * i for i in range(len(TABLES))]:
        raise Failure("a vector is longer than its place")
    for stack in ("cpu_stacks", "fault_stacks"):
        if at[stack] % 4096:
            raise Failure(f"{stack} shares a page")


def sections(ctx):
    """What is loaded is text and constants; what is zeroed is .bss, whole;
    nothing is to be relocated."""
    at = symbols(ctx)
    headers = tool("readelf", ctx, "-hrWS")
    if not re.search(r"Type:\s+EXEC ", headers):
        raise Failure("not linked for one address", headers)
    if "There are no relocations" not in headers:
        raise Failure("it has relocations", headers)
    if tool("nm", ctx, "-u"):
        raise Failure("undefined symbols", tool("nm", ctx, "-u"))
    for name, kind, begin, size, flags in re.findall(
            r"\] (\.\S+)\s+(\S+)\s+([0-9a-f]{16}) \S+ (\S+) \S+ +([A-Z]*)",
            headers):
        if "A" not in flags or not int(size, 16):
            continue
        if name not in SECTIONS:
            raise Failure(f"section {name}", headers)
        if kind == "PROGBITS" and "W" in flags and "X" in flags:
            raise Failure(f"section {name} is writable code", headers)
        if name == ".bss" and (int(begin, 16) != at["bss_begin"] or
                               int(begin, 16) + int(size, 16) != at["bss_end"]):
            raise Failure("not all of .bss is zeroed", headers)


def constants(ctx):
    """The 8-byte words of constants."""
    text = tool("objdump", ctx, "-s", "-j", ".rodata", "-j", ".boot.rodata")
    data = b"".join(bytes.fromhex(row.group(1).replace(" ", "")) for row in
                    re.finditer(r"^ [0-9a-f]+ ((?:[0-9a-f]{2,8} ){1,4})", text,
                                re.M))
    return {int.from_bytes(data[i:i + 8], "little")
            for i in range(0, len(data), 8)}


def branches(ctx):
    """Whatever an indirect branch may go to is a landing pad, where the CPU
    has FEAT_BTI: functions in tables, and what boot.S jumps to."""
    found = functions(ctx)
    at = symbols(ctx)
    words = constants(ctx)
    pads = {name: "c" for name in found if at.get(name) in words}
    pads |= {"boot_move": "c", "first_cpu": "j", "other_cpu": "j"}
    for name, kind in pads.items():
        if found[name][0][1:] != ("bti", kind):
            fail(found[name], 0, f"{name} does not begin with BTI {kind}")
    if len(pads) < 20:
        raise Failure(f"only {len(pads)} landing pads")
    return f"{len(pads)} of them"


def stack_guard(ctx):
    """Functions with arrays have a guard; what each hypercall and world switch
    goes through has none to pay for."""
    found = functions(ctx)
    guarded = {name for name, i, code in instructions(ctx)
               if "<__stack_chk_fail>" in code[i][2]}
    missing = {"log_format", "print_line", "secondary_tree_write"} - guarded
    if missing:
        raise Failure(f"no guard in {', '.join(sorted(missing))}")
    gone = HOT - INLINED - set(found)
    if gone:
        raise Failure(f"there is no {', '.join(sorted(gone))}")
    slow = guarded & (HOT | {n for n in found if n.startswith("rpc_")})
    if slow:
        raise Failure(f"a guard in {', '.join(sorted(slow))}")
    return f"{len(guarded)} functions"


def guesses(ctx):
    """An index from a guest is masked behind the branch that checks it: by a
    CSEL that a CSDB keeps from being guessed, or to its lower bits."""
    masked = {name for name, i, code in instructions(ctx)
              if code[i][1] == "csdb" and code[i - 1][1] == "csel" and
              code[i - 2][1] == "cmp"}
    missing = MASKED - masked
    if missing:
        raise Failure(f"no CSDB in {', '.join(sorted(missing))}")
    for name in CALLING:
        code = functions(ctx)[name]
        calls = [i for i in range(len(code)) if code[i][1] == "blr"]
        if len(calls) != 1:
            raise Failure(f"{len(calls)} indirect calls in {name}")
        before = [row[1:] for row in code[calls[0] - 3:calls[0] + 1]]
        if before != [("ubfiz", "x4, x0, #4, #4"), ("ldr", "x5, [x5, x4]"),
                      ("mrs", "x0, tpidr_el2"), ("blr", "x5")]:
            fail(code, calls[0], "the row is not of the lower bits")


def history(ctx):
    """The vectors for a history of 15 branches take them before anything else,
    and then go on as the others do; check_rounds() for longer ones."""
    at = symbols(ctx)
    found = functions(ctx)
    for kind in ("primary", "secondary"):
        code = found[f"vectors_history_{kind}"]
        where = {address: i for i, (address, _, _) in enumerate(code)}
        for entry in range(0x400, 0x800, 0x80):
            first = where[at[f"vectors_history_{kind}"] + entry]
            rows = code[first:first + 17]
            taken = [r for r in rows[:14] if r[1] == "b" and
                     int(r[2].split()[0], 16) == r[0] + 4]
            if len(taken) != 14 or \
                    [r[1] for r in rows[14:]] != ["dsb", "isb", "b"]:
                fail(code, first, "not 14 branches, DSB, ISB, branch")
            check_goes_on(found[f"vectors_{kind}"], kind,
                          at[f"vectors_{kind}"] + entry, rows[16])
    check_rounds(found["vectors_spectre"], at["vectors_spectre"])


# An entry of vectors_spectre, up to the barriers; a number in braces is a row.
ROUNDS = ["stp", "mrs", "ldr", "ldp w1, w0,", "cbz w1, {15}",
          *(f"b {{{i}}}" for i in range(6, 13)), "subs w1, w1, #0x1",
          "b.ne {5}", "clearbhb", "cbz w0, {19}", "stp", "smc", "ldp",
          "dsb nsh", "isb"]


def check_rounds(code, table):
    """Those for longer histories: eight branches a round, a CLRBHB, a call of the
    firmware, and nothing before both barriers."""
    for entry in range(0x400, 0x800, 0x80):
        first = next(i for i, row in enumerate(code) if row[0] == table + entry)
        places = [f"{row[0]:x}" for row in code[first:first + len(ROUNDS)]]
        for i, wanted in enumerate(ROUNDS):
            found = " ".join(code[first + i][1:])
            if not found.startswith(wanted.format(*places)):
                fail(code, first + i, f"not {wanted}")


def check_goes_on(code, kind, at, row):
    """A branch to where the vector without a history is, or leads."""
    _, mnemonic, operands = next(r for r in code if r[0] == at)
    wanted = {at}
    if mnemonic == "b":
        wanted.add(int(operands.split()[0], 16))
    if int(row[2].split()[0], 16) not in wanted:
        raise Failure(f"vectors_history_{kind}, not to {at:#x}: {row[2]}")


def kept_registers(ctx):
    """Functions keep x9-x15: the vectors of a call save none of them, and who
    does change one has saved it."""
    with open(ctx.source("src/arch/aarch64/vectors.S")) as f:
        assembly = set(re.findall(r"^(\w+):", f.read(), re.M))
    begin = symbols(ctx)["vectors_primary"]
    for name, code in functions(ctx).items():
        if code and (name in assembly or code[0][0] < begin):
            continue
        check_keeps(name, code)
    return "x9 to x15"


def check_keeps(name, code):
    """What a function changes it has in its frame, and gives back if it
    returns."""
    used, saved, restored = set(), set(), set()
    returns = any(mnemonic == "ret" for _, mnemonic, _ in code)
    for _, mnemonic, operands in code:
        found = {r[1:] for r in KEPT.findall(operands)}
        used |= found
        if "[sp" in operands and mnemonic in ("stp", "str"):
            saved |= found
        elif "[sp" in operands and mnemonic in ("ldp", "ldr"):
            restored |= found
    if returns and (used - saved or saved - restored):
        fail(code, 0, f"{name} does not keep x" +
             ", x".join(sorted(used - saved | saved - restored)))


def firmware_calls(ctx):
    """The firmware is called by psci_firmware(), which may be inlined in its
    file, and on entries of a CPU that needs it."""
    callers = {name for name, i, code in instructions(ctx)
               if code[i][1] == "smc"}
    with open(ctx.source("src/arch/aarch64/psci.c")) as f:
        allowed = set(re.findall(r"^[a-z].*?(\w+)\(", f.read(), re.M))
    if not callers <= allowed | {"vectors_spectre"}:
        raise Failure("SMC in " + ", ".join(sorted(callers)))


def interrupts_first(ctx):
    """Whether the primary has an SError, an IRQ or an FIQ to take is the first
    thing that is asked when a secondary is entered, and asked of the right
    register."""
    code = functions(ctx)["arch_vcpu_enter"]
    if [i[1:] for i in code[:2]] != [("mrs", "x2, isr_el1"),
                                     ("tst", "x2, #0x1c0")] or \
            code[2][1] != "b.ne":
        fail(code, 0, "not MRS of ISR_EL1 and a branch on bits A, I, F")


def tail_calls(ctx):
    """RUN goes from one function to the next without a frame of those before: a
    vCPU may be entered any number of times in one RUN, on one stack."""
    found = 0
    for name, i, code in instructions(ctx):
        _, mnemonic, operands = code[i]
        if re.search(r"<(arch_vcpu_enter|vcpu_left|end_stay|vcpu_settle)"
                     r"(\.\w+)*>$", operands):
            found += 1
            if mnemonic != "b":
                fail(code, i, f"{name} is to be left for ever")
    if found < 7:
        raise Failure(f"only {found} branches")
    return f"{found} of them"


# --- what only boot needs ----------------------------------------------------

def relocations(ctx):
    """[(place, address that it refers to, name of the symbol)]"""
    text = tool("readelf", ctx, "-rW", file="obj/relocations.elf")
    found = []
    for row in re.finditer(r"^([0-9a-f]{16})  \S+ R_AARCH64_\S+ +([0-9a-f]{16}) "
                           r"(\S+) ([+-]) ([0-9a-f]+)$", text, re.M):
        offset = int(row.group(4) + row.group(5), 16)
        found.append((int(row.group(1), 16), int(row.group(2), 16) + offset,
                      row.group(3)))
    return found


def nearest(at, address):
    """The symbol that an address is in."""
    return max((a, n) for n, a in at.items() if a <= address)[1]


def residence(ctx):
    """No instruction and no constant that stays after boot refers to what is
    wiped then, but for its beginning."""
    at = symbols(ctx)
    if {n: a for n, a in symbols(ctx, "obj/relocations.elf").items()
            if n in at} != at:
        raise Failure("the relocations are those of another image")
    boot = range(at["image_begin"], at["boot_end"])
    data = range(at["ro_after_boot_end"], at["boot_data_end"])
    bounds = {"image_begin", "ro_after_boot_end"}
    count = {False: 0, True: 0}
    for place, address, name in relocations(ctx):
        if not at["image_begin"] <= place < at["rodata_end"]:
            continue
        count[place in boot] += 1
        if place in boot or name in bounds or \
                not (address in boot or address in data):
            continue
        pair = nearest(at, place), nearest(at, address)
        if pair not in CALLED_IN_BOOT:
            raise Failure(f"{pair[0]}, which stays, refers to {pair[1]}, which "
                          "does not")
    if min(count.values()) < 500:
        raise Failure(f"only {count} references")
    return f"{count[False]} references of what stays"


def size(ctx):
    """What stays after boot is small; what is wiped comes on top in the
    image."""
    text = tool("size", ctx, "-A")
    sizes = {name: int(n) for name, n in
             re.findall(r"^(\.\S+) +(\d+)", text, re.M)}
    resident = sizes[".text"] + sizes[".rodata"]
    boot = sizes[".boot.text"] + sizes[".boot.rodata"]
    if resident > MAX_RESIDENT:
        raise Failure(f"{resident} bytes stay after boot, of {MAX_RESIDENT}")
    return f"{resident} bytes stay, {boot} are only for boot"


def tests():
    return [Test(f"elf/{run.__name__}", run) for run in
            (eret, registers, armv8_0, early, maintenance, layout, sections,
             branches, stack_guard, guesses, history, kept_registers,
             firmware_calls, interrupts_first, tail_calls, residence, size)]
