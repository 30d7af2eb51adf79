# SPDX-License-Identifier: BSD-3-Clause
"""Every system register and instruction by encoding, in the primary and in a
secondary, at EL1 and at EL0: suite `sysregs` of the test primary says what each
access does, test/golden/sysregs/ what it has to do. HF_GOLDEN=write (`make
golden`) writes these files anew."""

import os
import re
import subprocess

from lib.qemu import Machine
from lib.testing import Failure, Test
from suites import target

# Each CPU model. With more CPUs, a broadcast SGI would arrive.
MACHINES = [Machine(3, cpu, 1, 256) for cpu in
            ("cortex-a53", "cortex-a57", "cortex-a72", "cortex-a76",
             "neoverse-n1", "max")]
KINDS = ["primary", "secondary"]

# enum sweep_access of test/guest/lib/sweep.h
ACCESS = ["undefined", "zero", "constant", "changes", "ignored", "kept",
          "done", "held-back"]
EXCEPTION = 0x80

CONSTANT, KEPT = ACCESS.index("constant"), ACCESS.index("kept")

TOO_MANY = 20

HEAD = """\
# SPDX-License-Identifier: BSD-3-Clause
# What the {kind} can do on {cpu}: made by `make golden`, see docs/testing.md.
# Encoding, name, read, write. What is not listed is UNDEFINED both ways.
"""


def encoding(name):
    """S<op0>_<op1>_C<n>_C<m>_<op2>"""
    return (f"S{name >> 14}_{name >> 11 & 7}_C{name >> 7 & 15}_"
            f"C{name >> 3 & 15}_{name & 7}")


def number(text):
    """The encoding as the number that its instruction has it in."""
    op0, op1, n, m, op2 = map(int, re.findall(r"\d+", text))
    return op0 << 14 | op1 << 11 | n << 7 | m << 3 | op2


def names(ctx, cpu):
    """{encoding: name} of all that the disassembler knows."""
    path = os.path.join(ctx.directory(f"sysregs/{cpu}"), "all.bin")
    # MSR or SYS, and MRS, as some can be read or written only.
    wanted = [(name, 0xd5000000 | read << 21 | name << 5)
              for name in range(1 << 14, 1 << 16)
              for read in (0, 1) if name >> 15 or not read]
    with open(path, "wb") as f:
        f.write(b"".join(code.to_bytes(4, "little") for _, code in wanted))
    text = subprocess.run(
        ["aarch64-linux-gnu-objdump", "-D", "-b", "binary", "-m", "aarch64",
         "--no-show-raw-insn", path], capture_output=True, text=True,
        check=True).stdout
    lines = re.findall(r"^\s*[0-9a-f]+:\s+(.*)$", text, re.M)
    found = {}
    for (name, _), line in zip(wanted, lines, strict=True):
        known = re.match(r"(?:mrs\s+x0, |msr\s+)([a-z]\w+)", line) or \
            re.match(r"((?:at|ic|dc|tlbi|cfp|dvp|cpp)\s+\w+)", line)
        if known and not re.match(r"s\d_", known.group(1)):
            found[name] = re.sub(r"\s+", "_", known.group(1)).upper()
    return found


def access(number):
    """The word for an access."""
    if number & EXCEPTION:
        return f"exception-{number & ~EXCEPTION:#04x}"
    return ACCESS[number]


def parse(console, kind):
    """{(EL, encoding): (read, write)} of a VM kind."""
    rows = {}
    for el, *hexadecimal in re.findall(
            rf"^sweep {kind} (\d) (\w+) (\w+) (\w+) (\w+)$", console, re.M):
        name, read, write, value = (int(h, 16) for h in hexadecimal)
        what = access(read)
        # What it keeps has the value of the moment.
        if read == CONSTANT and write != KEPT:
            what = f"{value:#x}"
        rows[int(el), name] = what, access(write)
    return rows


def runs(rows, el, known):
    """[first, last, accesses] of an EL: neighbours without a name that behave
    alike are together."""
    found = []
    for (_, name), what in sorted(r for r in rows.items() if r[0][0] == el):
        if found and [name - 1, what] == found[-1][1:] and \
                not {name, name - 1} & known.keys():
            found[-1][1] = name
        else:
            found.append([name, name, what])
    return found


def text_of(rows, known, head):
    """A golden file."""
    lines = []
    for el in (1, 0):
        lines.append(f"\n# EL{el}")
        for first, last, (read, write) in runs(rows, el, known):
            where = encoding(first)
            if first != last:
                where += ".." + encoding(last)
            lines.append(f"{where} {known.get(first, '-')} {read} {write}")
    return head + "\n".join(lines) + "\n"


def read_golden(text):
    """The opposite of text_of()."""
    rows = {}
    el = None
    for line in text.splitlines():
        title = re.fullmatch(r"# EL(\d)", line)
        if title:
            el = int(title.group(1))
        if not line or line.startswith("#"):
            continue
        where, _, read, write = line.split()
        first, _, last = where.partition("..")
        for name in range(number(first), number(last or first) + 1):
            rows[el, name] = read, write
    return rows


def compare(found, golden, known):
    """Lines that say what differs."""
    undefined = "undefined", "undefined"
    for el, name in sorted(found.keys() | golden.keys()):
        now = found.get((el, name), undefined)
        then = golden.get((el, name), undefined)
        if now != then:
            yield (f"  EL{el} {encoding(name)} {known.get(name, '')}: "
                   f"{'/'.join(now)}, not {'/'.join(then)}")


def id_table(ctx):
    """{encoding: (primary, secondary)}: the fields that src/arch/aarch64/
    idregs.c lets a VM see, and the limits {(encoding, shift): limit}."""
    with open(ctx.source("src/arch/aarch64/idregs.c")) as f:
        text = f.read()
    rows = {}
    for m, op2, *masks in re.findall(
            r"\[REG\((\d), (\d)\)\] = \{(\w+), (\w+)\}", text):
        rows[3 << 14 | int(m) << 3 | int(op2)] = [
            (1 << 64) - 1 if mask == "ALL" else int(mask, 16)
            for mask in masks]
    caps = {(3 << 14 | int(m) << 3 | int(op2), int(shift)): int(limit)
            for m, op2, shift, limit in re.findall(
                r"\{REG\((\d), (\d)\), (\d+), (\d+)\}", text)}
    if len(rows) < 30 or not caps:
        raise Failure("idregs.c has another form")
    return rows, caps


def check_ids(ctx, rows, kind, known):
    """An ID register shows no field that the table does not have."""
    masks, caps = id_table(ctx)
    count = 0
    for name in range(3 << 14, (3 << 14) + 64):
        read, write = rows.get((1, name), ("undefined", "undefined"))
        if name < (3 << 14) + 8 and name not in masks:
            continue  # MIDR, MPIDR and what is UNDEFINED beside them
        value = int(read, 16) if read.startswith("0x") else 0
        mask = masks.get(name, [0, 0])[KINDS.index(kind)]
        hidden = value & ~mask
        if read == "undefined" or write != "undefined" or hidden:
            raise Failure(f"{kind}: {known.get(name, encoding(name))}: "
                          f"{read}/{write}, hidden fields {hidden:#x}")
        count += 1
    for (name, shift), limit in caps.items():
        read = rows[1, name][0]
        if read.startswith("0x") and int(read, 16) >> shift & 15 > limit:
            raise Failure(f"{kind}: {known[name]}: {read}: field {shift}")
    return count


def sweep_test(machine):
    cpu = machine.cpu

    def run(ctx):
        result = target.boot(ctx, machine, "sysregs")
        target.parse(result)
        known = names(ctx, cpu)
        count = 0
        for kind in KINDS:
            rows = parse(result.console, kind)
            check_ids(ctx, rows, kind, known)
            path = ctx.source("test/golden/sysregs", f"{cpu}-{kind}")
            if os.environ.get("HF_GOLDEN") == "write":
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w") as f:
                    f.write(text_of(rows, known,
                                    HEAD.format(kind=kind, cpu=cpu)))
            with open(path) as f:
                differ = list(compare(rows, read_golden(f.read()), known))
            if differ:
                raise Failure(f"{kind}: {len(differ)} accesses differ",
                              "\n".join(differ[:TOO_MANY]))
            count += len(rows)
        return f"{count} accesses that are not UNDEFINED"
    return Test(f"sysregs/{cpu}", run)


def tests(ctx):
    # What is compiled differently is not looked at here; one build will do.
    return [sweep_test(m) for m in MACHINES] if ctx.toolchain == "gnu" else []
