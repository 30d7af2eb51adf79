# SPDX-License-Identifier: BSD-3-Clause
"""Boots with malformed input that a seed makes (test/lib/mutants.py): each must
end in a primary that runs and finds its memory sane, or in one clear message.
Never in a hang, a fault of the hypervisor, or silence.

    HF_SEED=1234 test/run.py -k malformed/one

boots one seed again and keeps its files."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

from lib import mutants, qemu
from lib.devicetree import cells, numbers, parse, string
from lib.mutants import RAM, RAM_SIZE
from lib.qemu import Machine
from lib.testing import Failure, Skip, Test

# Boots of `make test`, of which each toolchain's image gets one half, and of
# `make test-long`, which each gets all of; and how many make one test.
SHORT, LONG, PART = 200, 1200, 25

MACHINES = [Machine(3, "cortex-a57", 1, 128), Machine(2, "cortex-a53", 2, 128),
            Machine(3, "max", 2, 128)]

TIMEOUT_S = 60
# When to look for the first time whether the machine has stopped in silence.
FIRST_LOOK_S, NEXT_LOOK_S = 0.6, 0.4
STUB = RAM + 0x100000
UART = "pl011@9000000"
# A function with one loop.
HALT_BYTES = 32
SANE = "judge: all is sane"
STOPPED = "holdfast: boot stopped, nothing was started"
STARTED = re.compile(r"^holdfast: primary: (.*) at 0x[0-9a-f]+, \d+ MiB of RAM",
                     re.M)
# What the line before STOPPED begins with: the thing at fault.
FAULT = re.compile(r"^holdfast: (device tree( at 0x[0-9a-f]+)?: |ramdisk: |"
                   r"no ramdisk: |RAM: |page tables: |GIC|a CPU has no GIC|"
                   r"no page table left|the primary's device tree )")
PANIC = re.compile(r"^holdfast: panic", re.M)


def symbol(ctx, name):
    """The address of a symbol of the hypervisor."""
    out = subprocess.run(["nm", ctx.built("holdfast.elf")], check=True,
                         capture_output=True, text=True).stdout
    return int(re.search(rf"^(\w+) \w {name}$", out, re.M).group(1), 16)


class Bench:
    """What the boots of one test share."""

    def __init__(self, ctx, where):
        self.ctx = ctx
        self.where = where
        self.early = symbol(ctx, "kept_text")
        self.halt = symbol(ctx, "arch_halt")
        self.boards = {}
        self.files = {}
        for name in ("judge.bin", "echo.bin"):
            with open(ctx.built("guest", name), "rb") as f:
                self.files[name] = f.read()
        self.files["text"] = b"A ramdisk.\n" * 100
        with open(ctx.built("holdfast.bin"), "rb") as f:
            self.image = f.read()

    def board(self, machine):
        """The device tree that QEMU has for a machine."""
        key = str(machine)
        if key not in self.boards:
            path = os.path.join(self.where, "board.dtb")
            arguments = machine.arguments()
            arguments[1] += f",dumpdtb={path}"
            subprocess.run(["qemu-system-aarch64", *arguments, "-display",
                            "none"], check=True, capture_output=True)
            with open(path, "rb") as f:
                self.boards[key] = parse(f.read())
        return self.boards[key]


def lay_out(bench, boot, path):
    """Writes RAM as a boot loader would leave it."""
    archive = boot.archive()
    tree = boot.blob(len(archive))
    # ldr x0, tree; ldr x1, image; br x1
    stub = struct.pack("<4I2Q", 0x58000080, 0x580000a1, 0xd61f0020, 0,
                       boot.tree_at, boot.hypervisor_at)
    with open(path, "wb") as f:
        f.truncate(RAM_SIZE)
        for at, data in ((boot.hypervisor_at, bench.image),
                         (boot.ramdisk_at, archive), (boot.tree_at, tree),
                         (STUB, stub)):
            f.seek(at - RAM)
            f.write(data[:RAM + RAM_SIZE - at])


class Monitor:
    """QEMU's monitor, asked now and then."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(5)
        self.socket.connect(path)
        self.stream = self.socket.makefile("rw")
        self.stream.readline()
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        """The answer to a command."""
        self.stream.write(json.dumps({"execute": command,
                                      "arguments": arguments}))
        self.stream.flush()
        answer = json.loads(self.stream.readline())
        while "return" not in answer and "error" not in answer:
            answer = json.loads(self.stream.readline())
        return answer.get("return")

    def registers(self):
        """The registers of the first CPU, as text."""
        return self.ask("human-monitor-command",
                        **{"command-line": "info registers"})

    def close(self):
        """Ends the connection."""
        with contextlib.suppress(OSError):    # it may have ended
            self.stream.close()
        self.socket.close()


class Run:
    """One boot: what was said, and how it ended."""

    def __init__(self, bench, machine, boot):
        self.bench = bench
        self.where = tempfile.mkdtemp(prefix="hf-mutant-")
        ram = os.path.join(self.where, "ram")
        lay_out(bench, boot, ram)
        self.arguments = [
            *machine.arguments(), "-machine", "memory-backend=ram", "-object",
            f"memory-backend-file,id=ram,size={RAM_SIZE},mem-path={ram}",
            "-device", f"loader,addr={STUB:#x},cpu-num=0",
            "-semihosting-config", "enable=on,target=native"]
        self.said = ""
        self.code = None     # QEMU's exit code, if it ended
        self.state = ""      # of the CPU, if it did not
        self.early = ""      # the log, also of a board without a console

    def go(self):
        """Boots."""
        command = [*qemu.DIES_WITH_US, "qemu-system-aarch64", *self.arguments,
                   "-display", "none", "-serial", "stdio", "-monitor", "none",
                   "-no-reboot", "-qmp", f"unix:{self.where}/qmp,server=on,wait=off"]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True)
        os.set_blocking(process.stdout.fileno(), False)
        try:
            self.watch(process)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            process.stdout.close()
            shutil.rmtree(self.where, ignore_errors=True)

    def watch(self, process):
        """Waits until the outcome is known."""
        start = time.monotonic()
        look = start + FIRST_LOOK_S
        while time.monotonic() < start + TIMEOUT_S:
            ended = process.poll() is not None
            self.said += (process.stdout.read() or b"").decode(
                "utf-8", "replace").replace("\r", "")
            if ended:
                self.code = process.returncode
                return
            if STOPPED + "\n" in self.said or "halted\n" in self.said:
                return
            if time.monotonic() > look:
                if self.is_over():
                    return
                look = time.monotonic() + NEXT_LOOK_S
            time.sleep(0.01)

    def is_over(self):
        """Whether the CPU has stopped in the hypervisor, or runs a primary
        that will not say anything."""
        monitor = None
        try:
            monitor = Monitor(self.where + "/qmp")
            self.state = monitor.registers() or ""
            path = self.where + "/early"
            monitor.ask("memsave", val=self.bench.early, size=4096,
                        filename=path)
            if os.path.exists(path):
                with open(path, "rb") as f:
                    early = f.read().split(b"\0")[0].decode("latin-1")
                self.early = early or self.early
        except (OSError, ValueError):
            return False    # it ended meanwhile
        finally:
            if monitor:
                monitor.close()
        return STOPPED + "\n" in self.early or \
            (self.mute and self.halts()) or self.runs_another()

    def runs_another(self):
        """Whether a primary runs that need not say anything."""
        return self.stranger and (
            STARTED.search(self.said + self.early) is not None or
            (self.mute and " EL1" in self.state))

    def halts(self):
        """Whether the hypervisor has stopped the CPU."""
        found = re.search(r"PC=(\w+)", self.state)
        return bool(found) and \
            0 <= int(found.group(1), 16) - self.bench.halt < HALT_BYTES

    stranger = False     # the primary may be another than the judge
    mute = False         # the tree's console is not one


def is_stranger(bench, boot):
    """Whether the primary need not be the judge, whole."""
    primary = boot.manifest.child("primary")
    return bool(boot.on_archive or boot.changes or boot.on_manifest) or \
        boot.files["judge.bin"] != bench.files["judge.bin"] or \
        not primary or primary.get("kernel_filename") != b"judge.bin\0"


def has_console(boot):
    """Whether the tree is sure to lead to the board's UART."""
    uart = boot.tree.child(UART)
    path = boot.tree.child("chosen") and \
        boot.tree.child("chosen").get("stdout-path")
    return bool(
        uart and not boot.on_tree and (uart.get("reg"), path) == (numbers(0x9000000, 0x1000),
                                             string("/" + UART)) and
        all(boot.tree.get(f"#{n}-cells") == cells(2)
            for n in ("address", "size")))


def verdict(run):
    """None, or what is wrong with a boot; and which way it ended."""
    said = run.said if STOPPED in run.said or STARTED.search(run.said) \
        else run.said + run.early
    if PANIC.search(said):
        return "the hypervisor panicked", "panic"
    if SANE in run.said and run.code == 0:
        return None, "sane"
    if "judge: " in run.said and not run.stranger:
        return "the primary found: " + \
            re.search("judge: .*", run.said).group(0), "insane"
    lines = [s for s in said.split("\n") if s]
    if lines and lines[-1] == STOPPED:
        if len(lines) < 2 or not FAULT.match(lines[-2]):
            return "no clear message", "unclear"
        return None, re.sub(r"(0x)?[0-9a-f]{4,}.*|\d+", "N",
                            lines[-2][10:])[:40]
    if run.runs_another():
        return None, "another kernel"
    if run.mute and run.halts():
        return None, "mute"
    return "no end, and no word", "hang"


def boot_one(bench, machine, boot, name):
    """Boots; returns the Run and how it ended, or raises Failure."""
    run = Run(bench, machine, boot)
    run.stranger = is_stranger(bench, boot)
    run.mute = not has_console(boot)
    run.go()
    wrong, how = verdict(run)
    if wrong:
        where = bench.ctx.directory(f"malformed/{name.split(' (')[0]}")
        lay_out(bench, boot, os.path.join(where, "ram"))
        with open(os.path.join(where, "command"), "w") as f:
            f.write(" ".join(run.arguments).replace(run.where, where) + "\n")
        raise Failure(
            f"{name}, {machine}: {wrong}; files in {where}",
            "\n".join("    | " + s for s in run.said.split("\n")[-40:]) +
            "\n  kept for a console:\n" +
            "\n".join("    | " + s for s in run.early.split("\n")) +
            "\n  CPU state:\n" + run.state)
    return run, how


def boot_seed(bench, seed):
    """Boots a seed; returns how it ended, and its kinds of mutation."""
    machine = MACHINES[seed % len(MACHINES)]
    boot, kinds = mutants.mutant(seed, bench.board(machine), bench.files)
    _, how = boot_one(bench, machine, boot, f"seed {seed} ({', '.join(kinds)})")
    return how, kinds


# --- what seeds have found, each with a name -----------------------------------

def node_set(prefix, name, *values):
    """A change of a property to 64-bit numbers, or to the bytes given."""
    def change(boot):
        value = values[0] if isinstance(values[0], bytes) else \
            numbers(*values)
        mutants.named(boot, prefix).set(name, value)
    return change


def both(*changes):
    """Several changes."""
    def change(boot):
        for c in changes:
            c(boot)
    return change


def placed(**places):
    """A change of where things are."""
    return lambda boot: boot.__dict__.update(places)


# name, change, what must be said; None: the primary must find all sane.
CASES = [
    ("tree_at_4", placed(tree_at=mutants.TREE + 4), None),
    ("tree_in_image", placed(tree_at=mutants.HYPERVISOR + 0x180000),
     "it lies in the hypervisor"),
    ("ramdisk_over_tree", placed(initrd=(mutants.RAMDISK,
                                         mutants.TREE + 0x1000)),
     "overlaps the hypervisor or the device tree"),
    ("interrupt_cells", node_set("intc", "#interrupt-cells", cells(1 << 30)),
     "GIC: unusable #interrupt-cells"),
    ("gic_in_memory", node_set("intc", "reg", 0x8000000, 0x10000, RAM, 1 << 20),
     "GIC: reg overlaps memory"),
    ("gic_nowhere", node_set("intc", "reg", 0x8000000, 0x10000, 0xf000000,
                             1 << 20), "nothing answers at 0xf00"),
    ("gic_above_addresses", node_set("intc", "reg", 0x8000000, 0x10000, 1 << 45,
                                     1 << 20), "nothing answers at 0x2000"),
    ("gic_over_uart", node_set("intc", "reg", 0x8000000, 0x10000, 0x80a0000,
                               0x1f60000), "the primary has no pl011@9000000: "),
    ("gic_disabled", both(
        node_set("pl061", "compatible", b"arm,gic-v3\0"),
        node_set("pl061", "status", b"disabled\0")), "withheld: pl061\n"),
    ("gic_twice", both(
        node_set("pl061", "compatible", b"arm,gic-v3\0"),
        node_set("pl061", "status", b"disabled\0"),
        node_set("pl061", "reg", 0x8000000, 0x10000, 0x80a0000, 0xf60000)),
     None),
    ("memory_nowhere", node_set("memory", "reg", RAM, 2 * RAM_SIZE),
     "nothing answers at 0x4fe"),
    ("memory_is_flash", node_set("memory", "reg", RAM, RAM_SIZE, 0, 1 << 26),
     "memory at 0x.* does not keep what is written"),
    ("uart_in_memory", node_set(UART, "reg", RAM, 0x1000), None),
    ("uart_across_pages", node_set(UART, "reg", 0x9000ff0, 0x1000), None),
    ("uart_of_another_kind", node_set(UART, "compatible", b"ns16550a\0"), None),
    ("uart_nowhere", node_set(UART, "reg", 0xf000000, 0x1000),
     "nothing answers at 0xf000"),
]


def named(ctx):
    """CASES."""
    machine = Machine(3, "cortex-a57", 1, 128)
    with tempfile.TemporaryDirectory(prefix="hf-malformed-") as where:
        bench = Bench(ctx, where)
        for name, change, says in CASES:
            boot = mutants.Boot(bench.board(machine), bench.files)
            change(boot)
            run, how = boot_one(bench, machine, boot, name)
            if says and not re.search(says, run.said + run.early):
                raise Failure(f"{name}: nothing said of: {says}",
                              run.said + run.early)
            if not says and how != "sane":
                raise Failure(f"{name}: {how}", run.said + run.early)
    return f"{len(CASES)} boots"


def part_test(seeds):
    """The test of some seeds."""
    def go(ctx):
        count = {}
        with tempfile.TemporaryDirectory(prefix="hf-malformed-") as where:
            bench = Bench(ctx, where)
            for seed in seeds:
                how, _ = boot_seed(bench, seed)
                kind = how if how in ("sane", "another kernel", "mute") \
                    else "message"
                count[kind] = count.get(kind, 0) + 1
        return ", ".join(f"{n} {k}" for k, n in sorted(count.items()))
    return Test(f"malformed/{seeds[0]}-{seeds[-1]}", go)


def one(ctx):
    """HF_SEED alone."""
    if "HF_SEED" not in os.environ:
        raise Skip("HF_SEED is not set")
    with tempfile.TemporaryDirectory(prefix="hf-malformed-") as where:
        how, kinds = boot_seed(Bench(ctx, where), int(os.environ["HF_SEED"]))
    return f"{', '.join(kinds)}: {how}"


def tests(ctx):
    if ctx.long:
        seeds = range(LONG)
    elif ctx.toolchain == "gnu":
        seeds = range(SHORT // 2)
    else:
        seeds = range(SHORT // 2, SHORT)
    return [part_test(seeds[i:i + PART])
            for i in range(0, len(seeds), PART)] + [
        Test("malformed/named", named)] + (
        [Test("malformed/one", one)] if os.environ.get("HF_SEED") else [])
