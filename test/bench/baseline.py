# SPDX-License-Identifier: BSD-3-Clause
"""What each operation cost when test/bench/baseline.json was written, and the
table of docs/performance.md, which is written with it."""

import json
import os

from bench import measure, tables
from bench.tables import number
from lib.testing import Failure

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                    "baseline.json")
BEGIN, END = "<!-- figures: begin -->\n", "<!-- figures: end -->\n"

# How much a figure may grow.
GROWTH = 0.02


def measure_rows(ctx):
    """The short set and the size of the image."""
    rows = measure.table_rows(ctx)
    rows["image"] = measure.Size(
        measure.image_bytes(measure.Image(ctx.built("holdfast.elf"))))
    return rows


def figures(rows):
    """{name: instructions at EL2, or bytes}, to two digits."""
    return {name: round(row.el2, 2) for name, row in rows.items()}


def _table(rows):
    """The lines of the document."""
    titles = ["operation", "measured", *measure.OTHERS, "must", "aim"]
    lines = ["| " + " | ".join(titles) + " |",
             "| " + " | ".join("---" for _ in titles) + " |"]
    for _, _, goals in tables.TABLES:
        for goal in goals:
            value = number(goal.value(rows[goal.figure])) if goal.figure \
                else goal.note
            lines.append("| " + " | ".join([
                goal.title, value, *measure.others(rows, goal),
                number(goal.must), number(goal.aim)]) + " |")
    return "\n".join(lines) + "\n"


def _write_table(path, rows):
    """Puts the table into the document."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise Failure(f"{path} has no place for the table")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    with open(path, "w", encoding="utf-8") as f:
        f.write(before + BEGIN + _table(rows) + END + after)


def write(ctx):
    """Makes what is measured now the baseline; returns a text."""
    rows = measure_rows(ctx)
    with open(PATH, "w") as f:
        json.dump(figures(rows), f, indent=1, sort_keys=True)
        f.write("\n")
    _write_table(ctx.source("docs/performance.md"), rows)
    return f"{PATH}: {len(rows)} figures"


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
            grown.append(f"{name}: {number(value)}, was "
                         f"{number(known[name])}")
        elif value < known[name] * (1 - GROWTH):
            shrunk.append(f"{name}: {number(value)}, was "
                          f"{number(known[name])}")
    return grown, shrunk
