# SPDX-License-Identifier: BSD-3-Clause
"""Architecture calls (SMCCC) with a firmware that knows them, which QEMU's does
not: gdb stops the hypervisor before the SMC that passes a call on, and answers
in the firmware's place. Only calls of the allow-list may come there."""

import os
import re
import subprocess

from lib.testing import Failure, Test
from suites import target

TIMEOUT_S = 60

PSCI_FEATURES = 0x8400000a
SYSTEM_OFF = 0x84000008  # QEMU does it
VERSION = 0x80000000
FEATURES = 0x80000001
SOC_ID = 0x80000002
WORKAROUND_1, WORKAROUND_2, WORKAROUND_3 = 0x80008000, 0x80007fff, 0x80003fff

# What the hypervisor asks at boot, and then for the primary.
AT_BOOT = {
    (PSCI_FEATURES, VERSION): 0, (VERSION, 0): 0x10001,
    (FEATURES, WORKAROUND_1): -1, (FEATURES, WORKAROUND_2): 1,
    (FEATURES, WORKAROUND_3): -1,
}
# What test/guest/primary/calls.c expects. All else is answered with 0x666.
ALLOWED = {**AT_BOOT, (FEATURES, SOC_ID): 0, (SOC_ID, 1): 0x12346}

# Runs in gdb, until the machine is turned off.
SCRIPT = """
import gdb
gdb.execute("delete")
gdb.execute("hbreak *{smc:#x}")
try:
    while True:
        gdb.execute("continue", to_string=True)
        call = tuple(int(gdb.parse_and_eval(f"(unsigned int)$x{{i}}"))
                     for i in (0, 1))
        if call[0] == {off:#x}:
            continue
        print("firmware:", *call)
        gdb.execute(f"set $x0 = {{ANSWERS.get(call, 0x666)}}")
        gdb.execute("set $pc = $pc + 4")
except gdb.error as e:
    print("end:", e)
"""


def find_smc(ctx):
    """The address of the SMC of psci_firmware()."""
    text = subprocess.run(
        ["aarch64-linux-gnu-objdump", "-d", "--no-show-raw-insn",
         "--disassemble=psci_firmware", ctx.built("holdfast.elf")],
        capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^\s*([0-9a-f]+):\s+smc\s", text, re.M)
    if len(found) != 1:
        raise Failure(f"{len(found)} SMC instructions in psci_firmware()", text)
    return int(found[0], 16)


def run_gdb(ctx, case):
    """All that gdb and the machine said, for a case of suite `calls`."""
    script = os.path.join(ctx.directory(f"firmware/{case}"), "firmware.py")
    with open(script, "w") as f:
        f.write(f"ANSWERS = {ALLOWED}\n" + SCRIPT.format(
            smc=find_smc(ctx), off=SYSTEM_OFF))
    environment = {
        **os.environ, "IMAGE": ctx.built("holdfast.bin"), "GIC": "3",
        "CPU": "cortex-a57", "CPUS": "1", "MEM": "256",
        "APPEND": f"suite=calls case={case} firmware=1 ram=256 hidden=0"}
    try:
        done = subprocess.run(
            [ctx.source("tools/debug"), target.ramdisk(ctx, "calls"), "-nx",
             "-batch", "-x", script, "-ex", "shell cat $CONSOLE"],
            env=environment, capture_output=True, text=True,
            timeout=TIMEOUT_S, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as e:
        raise Failure(f"no end after {TIMEOUT_S} s",
                      (e.stdout or b"").decode("utf-8", "replace")) from None
    return done.stdout.replace("\r", "") + done.stderr


def firmware_test(case):
    def run(ctx):
        text = run_gdb(ctx, case)
        bad = re.search(r"^not ok .*$", text, re.M)
        if bad or f"ok calls.{case}" not in text:
            raise Failure(bad.group(0) if bad else "no result", text)
        calls = {(int(a), int(b)) for a, b in
                 re.findall(r"^firmware: (\d+) (\d+)$", text, re.M)}
        if calls - ALLOWED.keys():
            raise Failure("passed on: " + ", ".join(
                f"{fn:#x}" for fn, _ in calls - ALLOWED.keys()), text)
        wanted = len(ALLOWED if "primary" in case else AT_BOOT)
        if len(calls) != wanted:
            raise Failure(f"{len(calls)} calls of {wanted} passed on", text)
        return f"{len(calls)} calls"
    return Test(f"firmware/{case}", run)


def tests(ctx):
    return [firmware_test(f"architecture_calls_of_{kind}")
            for kind in ("primary", "secondary")]
