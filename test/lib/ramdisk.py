# SPDX-License-Identifier: BSD-3-Clause
"""Ramdisks of the tests, by tools/mkramdisk."""

import subprocess

from lib.testing import Failure


def make(ctx, out, source, images, *options):
    """Packs the manifest `source` (a path) and images, {name: path}, into the
    file `out`; returns its path. Raises Failure if mkramdisk refuses it."""
    made = subprocess.run(
        [ctx.source("tools/mkramdisk"), *options, "-o", out, source,
         *(f"{name}={path}" for name, path in images.items())],
        capture_output=True, text=True)
    if made.returncode:
        raise Failure("mkramdisk failed", made.stdout + made.stderr)
    return out
