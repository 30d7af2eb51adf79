# SPDX-License-Identifier: BSD-3-Clause
"""What a test is, for test/run.py and the modules in test/suites/."""

import os


class Failure(Exception):
    """A test failed. `details` is printed below its line."""

    def __init__(self, why, details=""):
        super().__init__(why)
        self.details = details


class Skip(Exception):
    """A test does not apply here; the text says why."""


class Test:
    """One line of the runner's output.

    `run(ctx)` returns None or a short text for the line (such as "14 cases"),
    or raises Failure or Skip. It may be called in any thread, at the same time
    as others, and keeps its files in ctx.directory(name).
    """

    def __init__(self, name, run):
        self.name = name
        self.run = run


class Context:
    """Where a test finds what was built, and how thorough it is to be."""

    def __init__(self, root, build, toolchain, long, verbose):
        self.root = root            # the source tree
        self.build = build          # what make built
        self.toolchain = toolchain  # "gnu" or "llvm"
        self.long = long            # the whole machine matrix, not the short
        self.verbose = verbose

    def source(self, *path):
        """A file of the source tree."""
        return os.path.join(self.root, *path)

    def built(self, *path):
        """A file that make built."""
        return os.path.join(self.build, *path)

    def directory(self, name):
        """A directory for the files of the test `name`."""
        path = os.path.join(self.build, "test", name.replace("/", "."))
        os.makedirs(path, exist_ok=True)
        return path
