# SPDX-License-Identifier: BSD-3-Clause
"""What the documents say of the code, compared with the code: the tables and
the examples of docs/abi.md, and the names of files, functions and tests that
stand in any document."""

import glob
import os
import re
import subprocess

from lib.testing import Failure, Test
from suites import (attack, bad_input, bench, build, control, dma, firmware,
                    fuzz, gdb, harden, linux, malformed, model, revival,
                    secrets, spec, sysregs, target, unit)

CODE = re.compile(r"```c\n(.*?)```", re.S)
QUOTED = re.compile(r"`([^`\n]+)`")


def read(ctx, path):
    with open(ctx.source(path), encoding="utf-8") as f:
        return f.read()


def text_of(ctx, name):
    """A document without its blocks of code."""
    return re.sub(r"```.*?```", "", read(ctx, name), flags=re.S)


def documents(ctx):
    """All documents, as paths from the top of the tree."""
    found = glob.glob(ctx.source("docs/*.md")) + \
        glob.glob(ctx.source("README.md"))
    return sorted(os.path.relpath(p, ctx.root) for p in found)


def tables(text):
    """Every table: a list of rows, each a dictionary by the head's words."""
    found = []
    for block in re.findall(r"(?:^\|.*\n)+", text, re.M):
        lines = [[c.strip() for c in line.strip().strip("|").split("|")]
                 for line in block.splitlines()]
        head, rows = lines[0], lines[2:]
        for row in rows:
            if len(row) != len(head):
                raise Failure(f"a row has {len(row)} cells, its head "
                              f"{len(head)}: {row}")
        found.append([dict(zip(head, row)) for row in rows])
    return found


def table(text, *columns):
    """The first table with these columns."""
    for rows in tables(text):
        if rows and all(c in rows[0] for c in columns):
            return rows
    raise Failure(f"docs/abi.md has no table of {', '.join(columns)}")


def defines(ctx):
    """#define HF_NAME NUMBER in abi.h."""
    return {name: int(value, 0) for name, value in re.findall(
        r"^#define (HF_\w+) (0x[0-9a-f]+|\d+)$", read(ctx, "inc/hf/abi.h"),
        re.M)}


def same(what, documented, real):
    """Fails if two sets of facts differ."""
    if documented == real:
        return
    only = sorted(set(documented) - set(real)), \
        sorted(set(real) - set(documented))
    raise Failure(f"{what}: only in the document: {only[0]}, "
                  f"only in the code: {only[1]}")


def api_rows(ctx):
    """(name, primary may, secondary may) of api_calls[] in api.c, and of
    calls[] in manage.c."""
    rows = re.findall(r"^\tROW\((\w+), (\w+), (\w+)\),$",
                      read(ctx, "src/api.c"), re.M)
    # Those of manage.c are the primary's.
    managed = re.findall(r"^\t\[(HF_\w+) - FIRST\] = \w+,$",
                         read(ctx, "src/manage.c"), re.M)
    # cannot_run is the answer to a secondary that tries HF_VCPU_RUN.
    said = {"denied": "-", "cannot_run": "see below"}
    return {(name, said.get(primary, "yes"), said.get(secondary, "yes"))
            for name, primary, secondary in rows} | \
        {(name, "yes", "-") for name in managed}


def calls(ctx):
    """The calls: numbers, names, who may."""
    rows = table(read(ctx, "docs/abi.md"), "number", "primary", "secondary",
                 "result")
    numbers = defines(ctx)
    same("calls", {(r["name"], r["primary"], r["secondary"]) for r in rows},
         api_rows(ctx))
    same("numbers of calls",
         {(r["name"], int(r["number"], 0)) for r in rows},
         {(r["name"], numbers.get(r["name"])) for r in rows})
    wrappers = read(ctx, "inc/hf/call.h")
    for r in rows:
        if r["name"].lower() + "(" not in wrappers:
            raise Failure(f"inc/hf/call.h has no {r['name'].lower()}()")
    return f"{len(rows)} calls"


def numbers(ctx):
    """The codes of HF_VCPU_RUN, the reasons of an abort, the options."""
    text = read(ctx, "docs/abi.md")
    real = defines(ctx)
    codes = {(r["name"], int(r["code"], 0))
             for r in table(text, "code", "name", "payload")}
    reasons = {(r["name"], int(r["reason"]))
               for r in table(text, "reason", "name", "meaning")}
    options = {(r["name"], 1 << int(r["bit"]))
               for r in table(text, "bit", "name")}
    vendor = {(r["name"], int(r["number"], 0)) for rows in tables(text)
              for r in rows if r.get("name", "").startswith("HF_SMCCC_")}

    def starting(*prefixes):
        return {(n, v) for n, v in real.items() if n.startswith(prefixes)}

    run_codes = {(n, v) for n, v in starting("HF_VCPU_") if v < 0xff and
                 "CODE" not in n}
    same("codes of HF_VCPU_RUN", codes, run_codes)
    same("reasons of an abort", reasons, starting("HF_ABORT_"))
    same("options", options, starting("HF_OPTION_"))
    states = {(r["name"], int(r["state"]))
              for r in table(text, "state", "name", "meaning")}
    real_states = {(n, real[n]) for n in (
        "HF_VM_LEFT_OUT", "HF_VM_RUNNING", "HF_VM_STOPPED", "HF_VM_STARTING")}
    same("states of a VM", states, real_states)
    same("vendor calls", vendor, starting("HF_SMCCC_"))
    return f"{len(codes | reasons | options | vendor)} numbers"


def psci(ctx):
    """The PSCI functions that psci.c has rows for."""
    documented = set()
    for r in table(read(ctx, "docs/abi.md"), "primary (HVC or SMC)"):
        documented |= {int(n, 0) for n in r["number"].split(",")}
    real = set()
    for number, has_64 in re.findall(
            r"^\t\[(0x\w+)\] = \{\w+, \w+, (true|false)\},$",
            read(ctx, "src/arch/aarch64/psci.c"), re.M):
        real.add(0x84000000 | int(number, 0))
        if has_64 == "true":
            real.add(0xc4000000 | int(number, 0))
    same("PSCI functions", {hex(n) for n in documented},
         {hex(n) for n in real})
    return f"{len(real)} functions"


def examples(ctx):
    """The C examples compile, without a warning, as freestanding code."""
    count = 0
    for name in documents(ctx):
        for source in CODE.findall(read(ctx, name)):
            count += 1
            done = subprocess.run(
                ["aarch64-linux-gnu-gcc", "-std=c11", "-ffreestanding",
                 "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                 "-I", ctx.source("inc"), "-x", "c", "-"],
                input=source, capture_output=True, text=True)
            if done.returncode:
                raise Failure(f"{name}: an example does not compile",
                              done.stderr)
    return f"{count} examples"


def exists(ctx, path):
    """Whether a path in a document is a file or folder of the tree. A name
    alone may be in any folder of code, which the document is about."""
    places = ["", "src", "docs"]
    if "/" not in path:
        places = ["", "docs"] + [f"{where}/**" for where in
                                 ("src", "inc", "driver", "test", "tools")]
    return any(glob.glob(ctx.source(p, path), recursive=True)
               for p in places)


def paths(ctx):
    """Files that documents name, and their links to each other."""
    count = 0
    for name in documents(ctx):
        text = text_of(ctx, name)
        links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
        files = [q for q in QUOTED.findall(text) if re.fullmatch(
            r"(?:(?:src|inc|test|tools|docs|driver)/[\w./*-]*|"
            r"[\w/-]+\.(?:c|h|S|py|ld))", q)]
        for path in links + files:
            count += 1
            if not exists(ctx, path):
                raise Failure(f"{name}: there is no {path}")
    return f"{count} paths"


def sources(ctx):
    """All of the project's code, as one text."""
    text = ""
    for where in ("src", "inc", "driver", "test", "tools"):
        for folder, _, files in os.walk(ctx.source(where)):
            for f in files:
                if f.endswith((".c", ".h", ".S", ".py")):
                    text += read(ctx, os.path.join(folder, f))
    return text


def functions(ctx):
    """Functions that documents name: `name()`."""
    words = set(re.findall(r"\b\w+(?=\()", sources(ctx)))
    words |= set(re.findall(r"^(\w+):", sources(ctx), re.M))  # assembly
    count = 0
    for name in documents(ctx):
        for q in QUOTED.findall(text_of(ctx, name)):
            found = re.fullmatch(r"(\w+)\(\)", q)
            if not found:
                continue
            count += 1
            if found.group(1) not in words:
                raise Failure(f"{name}: there is no function {q}")
    return f"{count} functions"


def test_names(ctx):
    """Every test that a document may name."""
    names = set()
    for path in glob.glob(ctx.source("test/guest/primary/*.c")):
        suite = os.path.basename(path)[:-2]
        cases = re.findall(r'^\t\{"(\w+)",', read(ctx, path), re.M)
        names |= {f"{suite}.{c}" for c in cases}
    for path in glob.glob(ctx.source("test/unit/test_*.c")):
        module = os.path.basename(path)[5:-2]
        cases = re.findall(r"^TEST(?:_LRS)?\((\w+)\)", read(ctx, path), re.M)
        names |= {f"unit/{module}.{c}" for c in cases} | {f"unit/{module}"}
    names |= set(attack.names(ctx))
    for module in (attack, bad_input, bench, build, control, dma, firmware,
                   fuzz, gdb, harden, linux, malformed, model, revival,
                   secrets, spec, sysregs, target, unit):
        for test in module.tests(ctx):
            parts = test.name.split("/")
            names |= {"/".join(parts[:n + 1]) for n in range(len(parts))}
    return names


def hazards(ctx):
    """docs/hazards.md has each number once, and names tests that exist."""
    rows = [r for t in tables(read(ctx, "docs/hazards.md")) for r in t
            if "no." in r]
    listed = [int(r["no."]) for r in rows]
    if not listed or listed != list(range(1, len(listed) + 1)):
        raise Failure(f"the numbers are not 1, 2, 3 ...: {listed}")
    names = test_names(ctx)
    count = 0
    for r in rows:
        found = QUOTED.findall(r["test"])
        if not found and not r["test"].startswith("none yet"):
            raise Failure(f"number {r['no.']} names no test")
        for name in found:
            count += 1
            if name not in names:
                raise Failure(f"number {r['no.']}: there is no test {name}")
    return f"{len(listed)} hazards, {count} tests"


def threats(ctx):
    """docs/threat-model.md has a test for each boundary, and it exists."""
    rows = [r for t in tables(read(ctx, "docs/threat-model.md")) for r in t
            if "boundary" in r]
    names = test_names(ctx)
    count = 0
    for r in rows:
        found = QUOTED.findall(r["test"])
        if not found:
            raise Failure(f"{r['boundary']}: no test")
        for name in found:
            count += 1
            if name not in names:
                raise Failure(f"{r['boundary']}: there is no test {name}")
    if not rows:
        raise Failure("no table of boundaries")
    return f"{len(rows)} boundaries, {count} tests"


def tests(ctx):
    # They are the same whatever builds the image.
    if ctx.toolchain != "gnu":
        return []
    return [Test(f"docs/{run.__name__}", run) for run in
            (calls, numbers, psci, examples, paths, functions, hazards,
             threats)]
