# SPDX-License-Identifier: BSD-3-Clause
"""One run of QEMU: console captured, end awaited, always killed."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from lib.testing import Failure, Skip

# Text on the console that fails any test at once.
FATAL = re.compile(rb"holdfast: panic|guest panic:")

# After such a text: time for the rest of the report.
FATAL_GRACE_S = 1.0

CONSOLE_TAIL = 60

PROGRAM = "qemu-system-aarch64"

# What `tools/debian --qemu10` fetches.
QEMU10 = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..",
                      "build", "debian", "qemu10", "usr", "bin", PROGRAM)

# Longest text that is looked for on the console.
LONGEST_TEXT = 128


class Machine:
    """A row of the machine matrix."""

    def __init__(self, gic=3, cpu="cortex-a57", cpus=1, mib=256, extra="",
                 qemu10=False):
        self.gic = gic
        self.cpu = cpu
        self.cpus = cpus
        self.mib = mib
        self.extra = extra  # more properties of `-M virt`
        self.qemu10 = qemu10

    def __str__(self):
        size = f"{self.mib // 1024}G" if self.mib >= 1024 else f"{self.mib}M"
        return f"gic{self.gic}-{self.cpu}-{self.cpus}cpu-{size}"

    @property
    def program(self):
        """The QEMU that has this machine; raises Skip if it is not here."""
        if not self.qemu10:
            return PROGRAM
        if not os.path.exists(QEMU10):
            raise Skip("no QEMU 10: tools/debian --qemu10")
        return QEMU10

    def arguments(self, virtualization=True):
        """QEMU's arguments for this machine."""
        board = f"virt,gic-version={self.gic}{self.extra}"
        if virtualization:
            board += ",virtualization=on"
        # The architected algorithm of pointer authentication is very slow
        # in emulation.
        cpu = "max,pauth-impdef=on" if self.cpu == "max" else self.cpu
        return ["-M", board, "-cpu", cpu, "-smp", str(self.cpus),
                "-m", str(self.mib)]


class Result:
    """How a run ended."""

    def __init__(self, console, ended, seconds, cpu_state):
        self.console = console      # text
        self.ended = ended          # QEMU ended by itself, without an error
        self.seconds = seconds
        self.cpu_state = cpu_state  # text; only if it had to be killed

    @property
    def details(self):
        """What is worth showing of a run that went wrong."""
        lines = self.console.splitlines()
        text = "\n".join("    | " + s for s in lines[-CONSOLE_TAIL:])
        if self.cpu_state:
            text += "\n  CPU state:\n" + "\n".join(
                "    | " + s for s in self.cpu_state.splitlines())
        return "  console:\n" + text


def _cpu_state(path):
    """The registers of all CPUs, from QEMU's monitor."""
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            s.connect(path)
            stream = s.makefile("rw")
            stream.readline()
            for command in (
                    {"execute": "qmp_capabilities"},
                    {"execute": "human-monitor-command",
                     "arguments": {"command-line": "info registers -a"}}):
                stream.write(json.dumps(command))
                stream.flush()
                answer = json.loads(stream.readline())
                while "return" not in answer and "error" not in answer:
                    answer = json.loads(stream.readline())
    except (OSError, ValueError) as e:
        return f"not available: {e}"
    return str(answer.get("return", answer)).replace("\r", "")


class _Console(threading.Thread):
    """Collects the output of a process, and prints it if `echo` is set."""

    def __init__(self, stream, until, echo):
        super().__init__(daemon=True)
        self.stream = stream
        self.until = re.compile(until.encode()) if until else None
        self.echo = echo
        self.enough = False  # the text `until` was seen
        self.data = bytearray()
        self.fatal = None  # when the first fatal text was seen
        self.searched = 0

    def run(self):
        while True:
            piece = self.stream.read1(65536)
            if not piece:
                return
            self.data += piece
            if self.echo:
                sys.stdout.buffer.write(piece)
                sys.stdout.flush()
            if self.until and self.until.search(self.data, self.searched):
                self.enough = True
            if self.fatal is None and FATAL.search(self.data, self.searched):
                self.fatal = time.monotonic()
            # A text may lie across two pieces.
            self.searched = max(0, len(self.data) - LONGEST_TEXT)


def _wait(process, console, timeout, grace):
    """Waits for the end or enough output; returns False if neither comes."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        try:
            process.wait(0.02)
            return True
        except subprocess.TimeoutExpired:
            pass
        if console.enough:
            return True
        if console.fatal and \
                time.monotonic() - console.fatal > grace:
            return False
    return False

# A QEMU whose test was killed would run for ever.
DIES_WITH_US = ["setpriv", "--pdeathsig", "KILL"]


def run(arguments, timeout=60, until=None, echo=False, grace=FATAL_GRACE_S,
        program=PROGRAM):
    """Runs QEMU with `arguments` until it ends by itself (the guest turned the
    machine off), prints a text that matches `until` or, `grace` seconds ago, a
    fatal one, or `timeout` seconds are over. Returns a Result."""
    scratch = tempfile.mkdtemp(prefix="hf-qemu-")
    monitor = os.path.join(scratch, "qmp")
    command = [*DIES_WITH_US, program, *arguments, "-display", "none",
               "-serial", "stdio", "-monitor", "none", "-no-reboot",
               "-qmp", f"unix:{monitor},server=on,wait=off"]
    start = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT,
                               start_new_session=True)
    try:
        console = _Console(process.stdout, until, echo)
        console.start()
        state = ""
        ended = _wait(process, console, timeout, grace)
        if not ended:
            state = _cpu_state(monitor)
        ended = ended and process.poll() == 0
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        shutil.rmtree(scratch, ignore_errors=True)
    console.join(5)
    text = bytes(console.data).decode("utf-8", "replace").replace("\r", "")
    return Result(text, ended,
                  time.monotonic() - start, state)


def check_fatal(result):
    """Raises Failure if the hypervisor or a guest gave up."""
    found = FATAL.search(result.console.encode())
    if found:
        start = result.console.encode().rfind(b"\n", 0, found.start()) + 1
        line = result.console.encode()[start:].split(b"\n")[0].decode()
        raise Failure(line.strip(), result.details)


def run_to_end(arguments, timeout=60, program=PROGRAM):
    """As run(), and raises Failure unless the guest turned the machine off."""
    result = run(arguments, timeout, program=program)
    check_fatal(result)
    if not result.ended:
        why = f"no end after {result.seconds:.0f} s" if result.cpu_state \
            else "QEMU failed"
        raise Failure(why, result.details)
    return result
