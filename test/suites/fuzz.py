# SPDX-License-Identifier: BSD-3-Clause
"""The fuzzers of the boot input (test/fuzz/), for a while each, from their
seeds in the tree and from what earlier runs found."""

import re
import subprocess

from lib.testing import Failure, Test

SECONDS = {"short": 20, "long": 600}
NAMES = ["cpio", "fdt", "image", "manifest"]


def fuzz_test(name):
    def test(ctx):
        seconds = SECONDS["long" if ctx.long else "short"]
        command = ["make", "-s", "-C", ctx.root, f"BUILD={ctx.build}",
                   f"FUZZ_SECONDS={seconds}", f"fuzz-{name}"]
        try:
            done = subprocess.run(command, capture_output=True, text=True,
                                  timeout=seconds + 300, errors="replace")
        except subprocess.TimeoutExpired as e:
            raise Failure(f"no end {e.timeout} s after its start") from e
        output = done.stdout + done.stderr
        if done.returncode:
            raise Failure(f"make fuzz-{name} failed", output)
        inputs = re.search(r"\((\d+) inputs\)", output)
        if not inputs or int(inputs.group(1)) == 0:
            raise Failure("it tried no input", output)
        return f"{inputs.group(1)} inputs in {seconds} s"
    return Test(f"fuzz/{name}", test)


def tests(ctx):
    # A fuzzer is built with clang, whatever builds the image.
    return [fuzz_test(name) for name in NAMES] if ctx.toolchain == "gnu" else []
