# SPDX-License-Identifier: BSD-3-Clause
"""A machine in QEMU that a test stops, looks at and changes, by QEMU's gdb
server: for what no guest can see or do. The console is collected as ever."""

import os
import re
import shutil
import socket
import tempfile
import threading
import time

from lib import qemu
from lib.testing import Failure

PATIENCE_S = 60

# For the report of a panic that the test wants, of all CPUs.
GRACE_S = 20


class Machine:
    """A run of QEMU, halted before its first instruction."""

    def __init__(self, arguments, timeout=60, until=None):
        self._scratch = tempfile.mkdtemp(prefix="hf-gdb-")
        path = os.path.join(self._scratch, "gdb")
        self._result = None
        self._thread = threading.Thread(target=self._run, args=(
            [*arguments, "-S", "-gdb", f"unix:{path},server=on,wait=off"],
            timeout, until), daemon=True)
        self._thread.start()
        self._socket = self._connect(path)
        self._data = b""
        # Where the last run ended, and on which CPU.
        self._stop = None
        self._numbers = self._register_numbers()

    def _run(self, arguments, timeout, until):
        self._result = qemu.run(arguments, timeout, until, grace=GRACE_S)

    def _connect(self, path):
        end = time.monotonic() + PATIENCE_S
        while self._thread.is_alive() and time.monotonic() < end:
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(PATIENCE_S)
            try:
                s.connect(path)
                return s
            except OSError:
                s.close()
                time.sleep(0.02)
        raise Failure("QEMU's gdb server does not answer")

    # --- packets ---

    def _read_packet(self):
        while True:
            found = re.match(rb"[^$]*\$([^#]*)#..", self._data, re.S)
            if found:
                self._data = self._data[found.end():]
                self._socket.sendall(b"+")
                return found.group(1)
            try:
                piece = self._socket.recv(65536)
            except TimeoutError:
                piece = b""
            if not piece:
                raise Failure("the machine did not stop where it should",
                              self.finish().details)
            self._data += piece

    def _send(self, text):
        data = text.encode()
        self._socket.sendall(b"$%s#%02x" % (data, sum(data) & 0xff))

    def _ask(self, text):
        self._send(text)
        answer = self._read_packet()
        if re.match(rb"E[0-9a-f]{2}$", answer):
            raise Failure(f"QEMU refuses the packet {text[:40]}")
        return answer

    def _feature(self, name):
        text = b""
        while True:
            answer = self._ask(f"qXfer:features:read:{name}:{len(text):x},800")
            text += answer[1:]
            if answer[:1] == b"l":
                return text.decode()

    def _register_numbers(self):
        """{name: number of the register}, in the order of the features."""
        numbers = {}
        last = -1
        for name in re.findall(r'href="([^"]+)"', self._feature("target.xml")):
            for reg in re.findall(r"<reg [^>]*>", self._feature(name)):
                number = re.search(r'regnum="(\d+)"', reg)
                last = int(number.group(1)) if number else last + 1
                numbers[re.search(r'name="([^"]+)"', reg).group(1)] = last
        return numbers

    # --- what tests do ---

    def select(self, cpu):
        """The CPU whose registers are meant from here on."""
        self._ask(f"Hg{cpu + 1:x}")

    def register(self, name):
        value = bytes.fromhex(self._ask(f"p{self._numbers[name]:x}").decode())
        return int.from_bytes(value, "little")

    def set_register(self, name, value):
        size = len(self._ask(f"p{self._numbers[name]:x}")) // 2
        data = value.to_bytes(size, "little").hex()
        self._ask(f"P{self._numbers[name]:x}={data}")

    def memory(self, address, size, physical=False):
        """Memory as the selected CPU sees it, or physical memory."""
        self._ask(f"Qqemu.PhyMemMode:{int(physical)}")
        data = b""
        while len(data) < size:
            piece = min(size - len(data), 1024)
            data += bytes.fromhex(self._ask(
                f"m{address + len(data):x},{piece:x}").decode())
        self._ask("Qqemu.PhyMemMode:0")
        return data

    def set_memory(self, address, data):
        self._ask(f"M{address:x},{len(data):x}:{data.hex()}")

    def set_physical(self, address, data):
        self._ask("Qqemu.PhyMemMode:1")
        self.set_memory(address, data)
        self._ask("Qqemu.PhyMemMode:0")

    def run_to(self, address, cpus=None):
        """Runs until a CPU is about to execute `address`, selects it and
        returns its number. `cpus`: the others stand still."""
        who = [f"c:{cpu + 1:x}" for cpu in cpus] if cpus else ["c"]
        self._step_over(address, cpus)
        self._ask(f"Z1,{address:x},4")
        self._send(";".join(["vCont", *who]))
        stop = self._read_packet()
        self._ask(f"z1,{address:x},4")
        cpu = int(re.search(rb"thread:(?:p\w+\.)?0*(\w+)", stop).group(1),
                  16) - 1
        self.select(cpu)
        self._stop = (cpu, address)
        return cpu

    def _step_over(self, address, cpus):
        """QEMU stops a CPU again where it stands: the others would come on by
        the time between two stops only."""
        if not self._stop or self._stop[1] != address:
            return
        cpu = self._stop[0]
        self.select(cpu)
        if self.register("pc") == address and (not cpus or cpu in cpus):
            self._send(f"vCont;s:{cpu + 1:x}")
            self._read_packet()

    def kill(self):
        """Ends the machine, of which nothing more is wanted."""
        self._send("k")
        self.finish()

    def finish(self):
        """Lets the machine go, waits for its end, returns qemu.Result."""
        try:
            self._send("D")
            self._socket.close()
        except OSError:
            pass
        self._thread.join()
        shutil.rmtree(self._scratch, ignore_errors=True)
        return self._result
