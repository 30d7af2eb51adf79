# SPDX-License-Identifier: BSD-3-Clause
"""What each operation cost when test/bench/baseline.json was written."""

import json
import os

from bench import measure

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                    "baseline.json")

# How much a figure may grow.
GROWTH = 0.02


def figures(ctx):
    """{name: instructions at EL2, or bytes}, to two digits."""
    rows = measure.table_rows(ctx)
    out = {name: round(row.el2, 2) for name, row in rows.items()}
    out["image"] = measure.image_bytes(
        measure.Image(ctx.built("holdfast.elf")))
    return out


def write(ctx):
    """Makes what is measured now the baseline; returns a text."""
    found = figures(ctx)
    with open(PATH, "w") as f:
        json.dump(found, f, indent=1, sort_keys=True)
        f.write("\n")
    return f"{PATH}: {len(found)} figures"


def read():
    """The baseline."""
    with open(PATH) as f:
        return json.load(f)


def compare(known, found):
    """(grown, shrunk): texts for figures that are not as the baseline says.
    One that is new or gone counts as grown: the baseline has to say so."""
    grown = [f"{n} is not measured any more" for n in known
             if n not in found]
    shrunk = []
    for name, value in found.items():
        if name not in known:
            grown.append(f"{name} is not in the baseline")
        elif value > known[name] * (1 + GROWTH):
            grown.append(f"{name}: {value:g}, was {known[name]:g}")
        elif value < known[name] * (1 - GROWTH):
            shrunk.append(f"{name}: {value:g}, was {known[name]:g}")
    return grown, shrunk
