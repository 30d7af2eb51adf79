#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs Holdfast's tests; docs/testing.md explains them.

Each module in test/suites/ has a function tests(ctx) that returns a list of
Test objects (test/lib/testing.py). A line is printed for each test, and at the
end `N passed, N failed, N skipped`. The exit code is 0 only if at least one
test passed and none failed.
"""

import argparse
import concurrent.futures
import importlib
import os
import re
import subprocess
import sys
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, HERE)

from lib.testing import Context, Failure, Skip  # noqa: E402

PASS, FAIL, SKIP = "PASS", "FAIL", "SKIP"


def suites():
    """The modules in test/suites/, in alphabetical order."""
    names = sorted(f[:-3] for f in os.listdir(os.path.join(HERE, "suites"))
                   if f.endswith(".py") and not f.startswith("_"))
    return [importlib.import_module(f"suites.{name}") for name in names]


def build(ctx):
    """Builds what the tests need."""
    command = ["make", "-s", "-C", ctx.root, f"BUILD={ctx.build}",
               f"-j{os.cpu_count()}"]
    if ctx.toolchain == "llvm":
        command.append("LLVM=1")
    if subprocess.run(command).returncode:
        sys.exit(f"{sys.argv[0]}: the build failed: {' '.join(command)}")


def contexts(options):
    """A context for each toolchain that was asked for."""
    wanted = ["gnu", "llvm"] if options.toolchain == "both" \
        else [options.toolchain]
    for toolchain in wanted:
        directory = options.build
        if toolchain == "llvm" and options.toolchain == "both":
            directory += "/llvm"
        yield Context(ROOT, directory, toolchain, options.long,
                      options.verbose)


class Runner:
    """Runs tests and keeps the score."""

    def __init__(self, options):
        self.options = options
        self.lock = threading.Lock()
        self.count = {PASS: 0, FAIL: 0, SKIP: 0}

    def report(self, outcome, name, text, details=""):
        """Prints the line of a test, in one piece."""
        with self.lock:
            self.count[outcome] += 1
            print(f"{outcome} {name}{text}")
            if details and (outcome == FAIL or self.options.verbose):
                print(details)
            sys.stdout.flush()

    def run_one(self, name, test, ctx):
        """Runs a test to its line."""
        start = time.monotonic()
        try:
            note = test.run(ctx)
        except Skip as e:
            self.report(SKIP, name, f": {e}")
        except Failure as e:
            self.report(FAIL, name, f": {e}", e.details)
        except Exception as e:  # a bug of the test is a failure, too
            self.report(FAIL, name, f": {type(e).__name__}: {e}",
                        traceback.format_exc())
        else:
            note = f", {note}" if note else ""
            seconds = time.monotonic() - start
            self.report(PASS, name, f" ({seconds:.1f}s{note})")

    def run_all(self, tests):
        """Runs (name, test, context) triples, several at once."""
        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            running = [pool.submit(self.run_one, *t) for t in tests]
            try:
                concurrent.futures.wait(running)
            except KeyboardInterrupt:
                pool.shutdown(cancel_futures=True)
                raise

    def finish(self):
        """Prints the score; returns the exit code."""
        print(f"{self.count[PASS]} passed, {self.count[FAIL]} failed, "
              f"{self.count[SKIP]} skipped")
        return 0 if self.count[PASS] and not self.count[FAIL] else 1


def collect(options):
    """The tests that were asked for, as (name, test, context)."""
    pattern = re.compile(options.k or "")
    for ctx in contexts(options):
        prefix = "llvm/" if ctx.toolchain == "llvm" else ""
        found = [(prefix + test.name, test, ctx) for module in suites()
                 for test in module.tests(ctx)]
        found = [t for t in found if pattern.search(t[0])]
        if found and not options.list and not options.no_build:
            build(ctx)
        yield from found


def arguments():
    """The command line."""
    p = argparse.ArgumentParser(description="Runs Holdfast's tests.")
    p.add_argument("-k", metavar="PATTERN",
                   help="only tests whose name matches this expression")
    p.add_argument("--list", action="store_true", help="name the tests only")
    p.add_argument("-j", dest="jobs", type=int, default=os.cpu_count(),
                   help="tests to run at once (default: one per CPU)")
    p.add_argument("--toolchain", choices=["gnu", "llvm", "both"],
                   default="gnu")
    p.add_argument("--build", default="build", metavar="DIRECTORY",
                   help="where make builds (default: build)")
    p.add_argument("--no-build", action="store_true",
                   help="take what is built already")
    size = p.add_mutually_exclusive_group()
    size.add_argument("--short", dest="long", action="store_false",
                      help="the short machine matrix (default)")
    size.add_argument("--long", dest="long", action="store_true",
                      help="the whole machine matrix")
    p.add_argument("-v", dest="verbose", action="store_true",
                   help="print what tests have to say when they pass, too")
    p.set_defaults(long=False)
    return p.parse_args()


def main():
    options = arguments()
    os.chdir(ROOT)
    tests = list(collect(options))
    if options.list:
        for name, _, _ in tests:
            print(name)
        return 0
    runner = Runner(options)
    runner.run_all(tests)
    return runner.finish()


if __name__ == "__main__":
    sys.exit(main())
