# SPDX-License-Identifier: BSD-3-Clause
"""The control registers of EL2 in a machine that runs, compared with the rows
of src/arch/aarch64/control.h: where the primary starts, where a secondary
starts, and after the primary has written all registers that it can reach."""

import os
import re
import subprocess

from lib.testing import Failure, Test
from suites import sysregs, target

TIMEOUT_S = 120

# feature: ID register, lowest bit of its field, least value; or a register that
# comes with it, as QEMU does not show ID_AA64PFR0_EL1 to gdb.
FEATURES = {
    "FEAT_AMU": "AMCR_EL0",
    "FEAT_ECV": ("ID_AA64MMFR0_EL1", 60, 1),
    "FEAT_ECV2": ("ID_AA64MMFR0_EL1", 60, 2),
    "FEAT_LOR": ("ID_AA64MMFR1_EL1", 16, 1),
    "FEAT_MTE2": ("ID_AA64PFR1_EL1", 8, 2),
    "FEAT_PAUTH": "APIAKEYLO_EL1",
    "FEAT_PMU": ("ID_AA64DFR0_EL1", 8, 1),
    "FEAT_PMUV3P1": ("ID_AA64DFR0_EL1", 8, 4),
    "FEAT_PMUV3P5": ("ID_AA64DFR0_EL1", 8, 6),
    "FEAT_RAS": "VDISR_EL2",
    "FEAT_SPE": ("ID_AA64DFR0_EL1", 32, 1),
    "FEAT_TRACE": ("ID_AA64DFR0_EL1", 4, 1),
    "FEAT_TRF": ("ID_AA64DFR0_EL1", 40, 1),
}

# These must be there on every CPU model.
EXPECTED = {"HCR_EL2", "CPTR_EL2", "MDCR_EL2", "CNTHCTL_EL2", "HSTR_EL2",
            "VTCR_EL2", "SCTLR_EL2", "ACTLR_EL2", "HACR_EL2"}

OTHERS = ["ID_AA64PFR1_EL1", "ID_AA64DFR0_EL1", "ID_AA64MMFR0_EL1",
          "ID_AA64MMFR1_EL1", "PMCR_EL0", "VTTBR_EL2", "AMCR_EL0", "VDISR_EL2",
          "APIAKEYLO_EL1"]

# Where the registers are looked at; the first two are the entries of VMs.
STOPS = [("primary", "hbreak *0x40000000"),
         ("secondary", None),
         ("primary", "hbreak primary_system_off")]


def read_rows(ctx):
    """({register: rows}, constant rows) of control.h; a row is its columns."""
    with open(ctx.source("src/arch/aarch64/control.h")) as f:
        text = f.read().replace("\\\n", " ")
    registers = {}
    for line in re.findall(r"^#define \w+_ROWS\([BR]\).*$", text, re.M):
        name, rows = re.match(r"#define (\w+)_ROWS\(\w\)(.*)", line).groups()
        registers[name] = re.findall(
            r'\b[BR]\((\w+),\s+((?:[^,"]+,\s*)+)"[^"]+"\)', rows)
        if rows.count('",') or len(registers[name]) != rows.count('")'):
            raise Failure(f"control.h: {name}: rows have another form")
        registers[name] = [[row, *re.split(r",\s*", rest.strip(", \t"))]
                           for row, rest in registers[name]]
    return registers, registers.pop("CONSTANT")


def look(ctx, cpu, names):
    """[{register: value}] at each of the stops; what does not exist is not in
    it."""
    commands = ["delete"]
    for _, where in STOPS:
        if where:
            commands += ["delete", where]
        commands += ["continue", "echo @@\\n"]
        for name in names:
            commands += [f"echo {name}", f"p/x ${name}"]
    options = [o for c in commands for o in ("-ex", c)]
    environment = {
        **os.environ, "IMAGE": ctx.built("holdfast.bin"), "GIC": "3",
        "CPU": cpu, "CPUS": "1", "MEM": "256",
        "APPEND": "suite=sysregs case=primary_el1 ram=256 hidden=0"}
    try:
        done = subprocess.run(
            [ctx.source("tools/debug"), target.ramdisk(ctx, "sysregs"), "-nx",
             "-batch", *options], env=environment, capture_output=True,
            text=True, timeout=TIMEOUT_S, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as e:
        raise Failure(f"no end after {TIMEOUT_S} s",
                      (e.stdout or b"").decode("utf-8", "replace")) from None
    parts = done.stdout.split("@@\n")[1:]
    if len(parts) != len(STOPS):
        raise Failure("stopped elsewhere", done.stdout + done.stderr)
    return [{name: int(value, 16) for name, value in
             re.findall(r"^(\w+)\$\d+ = (0x[0-9a-f]+)$", part, re.M)}
            for part in parts]


def has(live, feature):
    """Whether the CPU has a feature. Of those that are not in FEATURES, all
    rows are zeros, or no CPU model has them."""
    if feature == "ALL":
        return True
    if feature not in FEATURES:
        return False
    how = FEATURES[feature]
    if isinstance(how, str):
        return how in live
    register, shift, least = how
    return live[register] >> shift & 15 >= least


def variables(live):
    """What the values of rows are computed from."""
    size = min(live["ID_AA64MMFR0_EL1"] & 15, 5)
    bits = [32, 36, 40, 42, 44, 48][size]
    return {
        "features.pmu_counters":
            live["PMCR_EL0"] >> 11 & 31 if has(live, "FEAT_PMU") else 0,
        "features.pauth": int(has(live, "FEAT_PAUTH")),
        "t0sz": 64 - bits, "sl0": 2 if bits >= 44 else 1, "ps": size,
    }


def check_register(name, rows, live, kind):
    """The value is that of the rows; what depends on a missing feature may as
    well be zero."""
    values = variables(live)
    wanted = free = 0
    for _, shift, *of_kind, feature in rows:
        text = of_kind[["primary", "secondary"].index(kind)]
        if text == "fp_trapped":
            free |= 1 << int(shift)
            continue
        value = values[text] if text in values else int(text, 0)
        wanted |= value << int(shift)
        if not has(live, feature):
            free |= value << int(shift)
    if (live[name] ^ wanted) & ~free:
        raise Failure(f"{kind}: {name} is {live[name]:#x}, not {wanted:#x}")


def check_constant(row, live, kind):
    """A register of an optional feature, where the CPU has it."""
    name, *_, value = row
    wanted = sum(1 << int(bit) for bit in re.findall(r"BIT\((\d+)\)", value))
    if live.get(name, wanted) != wanted:
        raise Failure(f"{kind}: {name} is {live[name]:#x}, not {wanted:#x}")
    return name in live


def control_test(cpu):
    def run(ctx):
        registers, constants = read_rows(ctx)
        names = [*registers, *(row[0] for row in constants), *OTHERS]
        count = 0
        for (kind, _), live in zip(STOPS, look(ctx, cpu, names), strict=True):
            if (live["VTTBR_EL2"] >> 48 == 1) != (kind == "primary"):
                raise Failure(f"VMID {live['VTTBR_EL2'] >> 48}: not the {kind}")
            missing = EXPECTED - live.keys()
            if missing:
                raise Failure(f"cannot be read: {', '.join(sorted(missing))}")
            for name in registers.keys() & live.keys():
                check_register(name, registers[name], live, kind)
                count += 1
            count += sum(check_constant(row, live, kind) for row in constants)
        return f"{count} values"
    return Test(f"control/{cpu}", run)


def tests(ctx):
    # One build will do, as for suite sysregs.
    return [control_test(m.cpu) for m in sysregs.MACHINES] \
        if ctx.toolchain == "gnu" else []
