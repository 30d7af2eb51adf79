# SPDX-License-Identifier: BSD-3-Clause
"""What the build promises: the same tree gives the same bytes, a change
rebuilds what it touches and nothing else, and the image is what the loaders of
docs/boot.md expect. lib/elf.py looks at the instructions in it."""

import os
import shutil
import struct
import subprocess

from lib import elf
from lib.testing import Failure, Test

# What the image is built from.
SOURCES = ["Makefile", "linker.ld", "VERSION", "inc", "src", "tools", "test"]


def make(ctx, where, *arguments):
    """Runs make in a copy, with the toolchain of the tests unless there is no
    `ctx`; returns what it printed."""
    command = ["make", "V=1", "-C", where, *arguments]
    if ctx and ctx.toolchain == "llvm":
        command.append("LLVM=1")
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Failure("make failed", done.stderr)
    if "warning" in done.stderr.lower():
        raise Failure("make warns", done.stderr)
    return done.stdout


def copy(ctx, name):
    """A copy of the sources, without what was built."""
    where = os.path.join(ctx.directory("build/" + name), "tree")
    shutil.rmtree(where, ignore_errors=True)
    os.makedirs(where)
    for source in SOURCES:
        path = ctx.source(source)
        if os.path.isdir(path):
            shutil.copytree(path, os.path.join(where, source), symlinks=True,
                            ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(path, where)
    return where


def image(where, name="holdfast.bin"):
    with open(os.path.join(where, "build", name), "rb") as f:
        return f.read()


IMAGE = ("build/holdfast.bin", "build/holdfast.elf")


def same_bytes(ctx):
    """Two trees at different places, one built in parallel."""
    a, b = copy(ctx, "same_a"), copy(ctx, "same_b_elsewhere")
    make(ctx, a, *IMAGE)
    make(ctx, b, "-j2", *IMAGE)
    for name in ("holdfast.bin", "holdfast.elf"):
        if image(a, name) != image(b, name):
            raise Failure(f"two builds give different {name}")


def append(path, text):
    with open(path, "a") as f:
        f.write(text)


def incremental(ctx):
    """Nothing, a header, a source file, a flag: what is compiled anew."""
    where = copy(ctx, "incremental")
    make(ctx, where, *IMAGE)
    if "-c" in make(ctx, where, *IMAGE).split():
        raise Failure("a second make compiles something")
    before = image(where)

    append(os.path.join(where, "inc/ranges.h"), "\n")
    output = make(ctx, where, *IMAGE)
    if "src/plan.c" not in output or "src/string.c" in output:
        raise Failure("a changed header compiles the wrong files", output)

    append(os.path.join(where, "inc/cpu.h"), "\n")
    output = make(ctx, where, *IMAGE)
    if "offsets.c" not in output or "vectors.S" not in output:
        raise Failure("a changed structure leaves its offsets", output)

    output = make(ctx, where, *IMAGE, "DEBUG=1")
    if "src/pool.c" not in output or "vectors.S" not in output:
        raise Failure("a changed flag does not compile everything", output)
    make(ctx, where, *IMAGE)
    if len(image(where)) != len(before):
        raise Failure("the way back does not give the first image")


def header(ctx):
    """The 64-byte Image header; Linux, arm64/booting.rst."""
    path = ctx.built("holdfast.bin")
    with open(path, "rb") as f:
        head = f.read(64)
    text_offset, size, flags = struct.unpack_from("<QQQ", head, 8)
    magic = head[56:60]
    if magic != b"ARM\x64" or text_offset % 0x200000 or flags != 0xa:
        raise Failure(f"header: {head.hex()}")
    if size < os.path.getsize(path):
        raise Failure("image_size is smaller than the image")


def version_is_told(ctx):
    """The image names its version and the id of its sources."""
    with open(ctx.source("VERSION")) as f:
        version = f.read().strip()
    with open(ctx.built("holdfast.bin"), "rb") as f:
        data = f.read()
    build_id = subprocess.run(["sh", ctx.source("tools/build-id")],
                              capture_output=True, text=True).stdout.strip()
    if f"{version} {build_id}".encode() not in data:
        raise Failure(f"the image does not say {version} {build_id}")


def same_offsets(ctx):
    """Both compilers lay structures out alike: what assembly takes of them is
    the same."""
    where = copy(ctx, "same_offsets")
    found = []
    for build, llvm in (("gnu", []), ("llvm", ["LLVM=1"])):
        path = f"build/{build}/obj/offsets.h"
        make(None, where, path, f"BUILD=build/{build}", *llvm)
        with open(os.path.join(where, path)) as f:
            found.append(f.read())
    if found[0] != found[1]:
        raise Failure("offsets differ", "\n".join(found))
    if not found[0].strip():
        raise Failure("no offsets")
    return f"{len(found[0].splitlines())} offsets"


def tests(ctx):
    return [Test("build/same_bytes", same_bytes),
            Test("build/incremental", incremental),
            Test("build/header", header),
            Test("build/version", version_is_told),
            Test("build/same_offsets", same_offsets),
            *elf.tests()]
