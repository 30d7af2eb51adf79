# SPDX-License-Identifier: BSD-3-Clause
"""tools/debug and the commands of tools/gdb/holdfast.py: a boot of the test
primary is stopped in several places, and what the commands say there is
compared with the boot log and with each other."""

import os
import re
import subprocess

from lib.qemu import Machine
from lib.testing import Failure, Test
from suites import target

TIMEOUT_S = 120

# A root of one page at level 0, and concatenated pages at level 1.
MACHINES = [Machine(3, "cortex-a57", 2, 256), Machine(2, "cortex-a53", 2, 256)]

# Each step: a name, where to run to (None: stay), and commands.
STEPS = [
    ("halted", None, ["hf-vms"]),
    ("loaded", "hbreak main", ["hf-vms", "hf-cpus", "hf-stage1 main"]),
    ("moved", "hbreak arch_board_init", ["hf-stage1 main"]),
    ("guest", "hbreak *0x40000000 if $TPIDR_EL2 >= "
              "(unsigned long)&secondary_vcpus",
     ["hf-cpus", "hf-vms", "hf-stage1 &vm_primary", "hf-stage1 cpu_stacks",
      "hf-stage1 0", "hf-stage2 primary 0x40000000",
      "hf-stage2 primary 0x50000000", "hf-stage2 primary 0x8000000000",
      "hf-stage2 0 0x40001234", "hf-stage2 echo1 0x40001234",
      "hf-stage2 0 0", "hf-stage2 0 1ull<<47"]),
    ("hidden", "hbreak vcpu_wait",
     ["hf-vms", "hf-cpus", "hf-stage2 primary vm_secondary[0].memory.pa",
      "hf-regs primary 0", "hf-regs smp 1", "hf-regs vm2"]),
    ("wrong", None, ["hf-regs nobody", "hf-regs 0 9", "hf-stage2 0",
                     "hf-stage1 1ull<<48"]),
    ("console", None, ["shell cat $CONSOLE"]),
]


def commands():
    """gdb's options for all steps."""
    for name, stop, what in STEPS:
        yield f"echo \\n@@ {name}\\n"
        if stop:
            yield from ["delete", stop, "continue"]
        for command in what:
            yield f"echo \\n@ {command}\\n"
            yield command


def run_gdb(ctx, machine):
    """What was said: {(step, command): text}, and all of it."""
    environment = {
        **os.environ, "IMAGE": ctx.built("holdfast.bin"),
        "GIC": str(machine.gic), "CPU": machine.cpu,
        "CPUS": str(machine.cpus), "MEM": str(machine.mib),
        "APPEND": f"suite=smp ram={machine.mib} hidden=0"}
    options = [o for c in commands() for o in ("-ex", c)]
    try:
        done = subprocess.run(
            [ctx.source("tools/debug"), target.ramdisk(ctx, "smp"), "-nx",
             "-batch", *options], env=environment, capture_output=True,
            text=True, timeout=TIMEOUT_S, errors="replace",
            stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as e:
        raise Failure(f"no end after {TIMEOUT_S} s",
                      (e.stdout or b"").decode("utf-8", "replace")) from None
    text = done.stdout.replace("\r", "")
    # Errors come on the other stream: without a place, but complete.
    said = {}
    for part in text.split("\n@@ ")[1:]:
        step, *answers = part.split("\n@ ")
        for answer in answers:
            command, _, lines = answer.partition("\n")
            said[step.split("\n")[0], command] = lines
    return said, done.stderr, text + done.stderr


class Checker:
    """Compares answers with what they have to be."""

    def __init__(self, said, text):
        self.said = said
        self.text = text
        self.count = 0

    def find(self, step, command, pattern):
        """The groups of a pattern in an answer."""
        answer = self.said.get((step, command), "")
        found = re.search(pattern, answer, re.M)
        if not found:
            raise Failure(f"{step}: {command}: not found: {pattern}",
                          self.text)
        self.count += 1
        return found.groups()

    def equal(self, what, one, other):
        if one != other:
            raise Failure(f"{what}: {one:#x}, not {other:#x}", self.text)
        self.count += 1


def number(text):
    return int(text, 0)


def check_places(c):
    """The image before and after its move, and its guard pages."""
    mapped = r"-> (0x[0-9a-f]+) r-x normal$"
    before, = c.find("loaded", "hf-stage1 main", mapped)
    after, = c.find("moved", "hf-stage1 main", mapped)
    own, = c.find("console", "shell cat $CONSOLE",
                  r"^holdfast: hypervisor: \d+ KiB at (0x[0-9a-f]+)")
    # The image is one block of 2 MiB, before and after.
    c.equal("main() after the move", number(after) & ~0x1fffff, number(own))
    c.equal("main() in its block", number(after) & 0x1fffff,
            number(before) & 0x1fffff)
    c.find("guest", "hf-stage1 &vm_primary", r"-> 0x[0-9a-f]+ rw- normal$")
    c.find("guest", "hf-stage1 cpu_stacks", r"is not mapped$")
    c.find("guest", "hf-stage1 0", r"is not mapped$")


def check_vms(c, machine):
    """VMs and vCPUs against the boot log."""
    log = c.said["console", "shell cat $CONSOLE"]
    vms = re.findall(r"^holdfast: vm(\d+): (\S+), (\d+) KiB at (0x[0-9a-f]+),"
                     r" (\d+) vCPU", log, re.M)
    if len(vms) != len(target.vms_of("smp")):
        raise Failure("VMs are missing in the boot log", c.text)
    for index, name, size, place, vcpus in vms:
        c.find("guest", "hf-vms",
               rf"^vm{index} {name}: VMID {int(index) + 2}, {size} KiB at "
               rf"{place}(?:, lock held .*)?\n(?:  mailbox: .*\n)+(?:  vcpu \d.*\n){{{vcpus}}}"
               r"(?=vm|\s*\Z|@)")
        if name in ("echo1", vms[0][1]):
            command = f"hf-stage2 {name if name == 'echo1' else 0} 0x40001234"
            there, = c.find("guest", command, r"-> (0x[0-9a-f]+) rwx normal$")
            c.equal(command, number(there), number(place) + 0x1234)
            c.find("guest", command, r"^which it does not see: ")
    c.find("guest", "hf-vms", r"^primary: VMID 1\n  mailbox: idle, send page "
           r"0x[0-9a-f]+000, receive page 0x[0-9a-f]+000\n")


def check_stops(c, machine):
    """Who runs where, in a guest and in the hypervisor."""
    vm, cpu, thread = c.find(
        "guest", "hf-vms", r"^vm(\d+) (?:.*\n)(?:  .*\n)*?"
        r"  vcpu 0: on CPU (\d+), thread (\d+), saved pc 0x40000000$")
    c.find("guest", "hf-cpus", rf"^CPU {cpu}: MPIDR 0x{cpu}, on, vm{vm} vcpu "
           rf"0 EL1 pc 0x40000000, thread {thread}")
    c.find("guest", "hf-vms",
           rf"^  vcpu {cpu}: CPU {cpu} runs vm{vm} vcpu 0, saved pc")
    c.find("hidden", "hf-cpus",
           r"^CPU \d: MPIDR 0x\d, on, primary vcpu \d EL2 pc 0x8000[0-9a-f]+ "
           r"<vcpu_wait>, thread \d$")
    c.find("hidden", "hf-vms", r", lock held \(\d waiting\)\n  mailbox: ")
    c.find("hidden", "hf-regs smp 1", r"x0 0x0+ .*x1 0x0+\n")
    c.find("hidden", "hf-regs primary 0",
           r"^it is on a CPU now: thread \d|vbar_el1 0x0*4\w+ ")
    c.find("hidden", "hf-regs vm2", r"pc 0x0*400\w+\n")


def check_stage2(c, machine):
    """The primary's tables: its own, the hypervisor's, a VM's, nobody's."""
    first = 0 if machine.cpu == "cortex-a57" else 1
    c.find("guest", "hf-stage2 primary 0x40000000",
           rf"\A  level {first}: table .* table\n(?:.*\n)*"
           r"0x40000000 -> 0x40000000 rwx normal$")
    c.find("guest", "hf-stage2 primary 0x50000000",
           r"0x50000000 is not mapped\nit belongs to nobody$")
    # 512 GiB: behind the first entry of level 0, or the first page of level 1
    c.find("guest", "hf-stage2 primary 0x8000000000",
           rf"\A  level {first}: .* entry +{512 if first else 1}: ")
    c.find("hidden", "hf-stage2 primary vm_secondary[0].memory.pa",
           r"is not mapped\nit belongs to vm0$")
    c.find("guest", "hf-stage2 0 0", r"^0x0 is not mapped$")


def check_errors(c, errors):
    """Questions that have no answer."""
    for text in ("the hypervisor's MMU is not on yet",
                 "is outside of the \\d+-bit IPA space", 'no VM "nobody"',
                 "vm0 has 1 vCPUs", "usage: hf-stage2 VM IPA",
                 "is outside of the 48-bit address space"):
        if not re.search(text, errors):
            raise Failure(f"no error: {text}", c.text)
        c.count += 1
    if "Python Exception" in c.text or "Traceback" in c.text:
        raise Failure("a command failed", c.text)


def gdb_test(machine):
    def run(ctx):
        said, errors, text = run_gdb(ctx, machine)
        c = Checker(said, text)
        check_places(c)
        check_vms(c, machine)
        check_stops(c, machine)
        check_stage2(c, machine)
        check_errors(c, errors)
        c.find("loaded", "hf-cpus", "not counted yet")
        return f"{c.count} checks"
    return Test(f"gdb/{machine}", run)


def tests(ctx):
    return [gdb_test(machine) for machine in MACHINES]
