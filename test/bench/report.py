# SPDX-License-Identifier: BSD-3-Clause
"""The report: one HTML file with its pictures inside, that needs nothing
else."""

import html
import math
import os

from bench import measure, tables
from bench.tables import number

STYLE = """
:root { --ink: #1d2430; --soft: #667085; --line: #dde1e8; --back: #f6f7f9;
  --card: #fff; --us: #2457d6; --good: #12805c; --bad: #c4320a;
  --must: #c4320a; --aim: #12805c }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ef; --soft: #98a2b3; --line: #333b49; --back: #12161d;
    --card: #1a202b; --us: #7ea2ff; --good: #4cc38a; --bad: #ff8a65;
    --must: #ff8a65; --aim: #4cc38a } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 32px 24px 80px; max-width: 1360px;
  background: var(--back); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif }
h1 { margin: 0; font-size: 28px } h2 { margin: 40px 0 12px; font-size: 20px }
p { max-width: 80ch; color: var(--soft) }
.card { background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; padding: 14px 18px; overflow-x: auto }
.grid { display: grid; gap: 16px;
  grid-template-columns: repeat(auto-fill, minmax(500px, 1fr)) }
table { border-collapse: collapse; width: 100%;
  font-variant-numeric: tabular-nums }
th { color: var(--soft); font-weight: 500; font-size: 13px }
th, td { text-align: right; padding: 6px 8px;
  border-bottom: 1px solid var(--line); white-space: nowrap }
tr:last-child td { border-bottom: 0 }
th:first-child, td:first-child { text-align: left; white-space: normal;
  min-width: 300px }
td.big { font-weight: 650 } td.soft { color: var(--soft) }
.met, .missed, .none { border-radius: 9px; padding: 1px 9px;
  font-size: 12px; color: var(--card) }
.met { background: var(--good) } .missed { background: var(--bad) }
.none { background: var(--soft) }
svg { display: block } svg text { fill: var(--soft); font-size: 11px }
svg .name { fill: var(--ink) } h3 { margin: 0 0 6px; font-size: 15px }
summary { cursor: pointer; color: var(--soft) }
.key { color: var(--soft); font-size: 13px; margin: 0 0 8px }
"""

# Colours of curves and of peers: told apart by the colour-blind as well.
COLOURS = ["var(--us)", "#d97706", "#0e9384", "#9e4784", "#7a7a7a", "#6c9a1f"]


def short(value):
    """A number at an axis."""
    for unit, name in ((1000000, "M"), (1000, "k")):
        if value >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"


# --- the tables ---

def dot(x, colour, title):
    return (f'<circle cx="{x:.1f}" cy="11" r="4" fill="{colour}">'
            f"<title>{html.escape(title)}</title></circle>")


def tick(x, colour, title):
    return (f'<line x1="{x:.1f}" x2="{x:.1f}" y1="2" y2="20" '
            f'stroke="{colour}" stroke-width="2">'
            f"<title>{html.escape(title)}</title></line>")


def bar(value, goal, peers):
    """The figure, its goals and its peers on one line, from 0."""
    width = 180
    known = [(n, p) for n, p in zip(peers, goal.peers) if p]
    most = max([value or 0, goal.must or 0, *(p for _, p in known)], default=1)
    scale = (width - 8) / (most or 1)
    out = f'<svg width="{width}" height="22" role="img">'
    if value is not None:
        out += (f'<rect x="0" y="7" width="{max(1, value * scale):.1f}" '
                'height="8" rx="2" fill="var(--us)" opacity=".85"/>')
    if goal.aim:
        out += tick(goal.aim * scale, "var(--aim)", f"aim {number(goal.aim)}")
    if goal.must:
        out += tick(goal.must * scale, "var(--must)",
                    f"must {number(goal.must)}")
    for i, (name, peer) in enumerate(known):
        out += dot(peer * scale, COLOURS[1 + peers.index(name)],
                   f"{name} {number(peer)}")
    return out + "</svg>"


def verdict(value, goal):
    """The last cell."""
    if value is None:
        return '<span class="none">not there</span>'
    if goal.must is None:
        return ""
    if value > goal.must:
        return '<span class="missed">missed</span>'
    reached = goal.aim is not None and value <= goal.aim
    return f'<span class="met">{"aim" if reached else "must"} met</span>'


def goal_row(goal, peers, rows):
    """A line of a table."""
    value = goal.value(rows[goal.figure]) if goal.figure else None
    title = goal.title + (f": {goal.note}" if goal.note else "")
    cells = [f"<td>{html.escape(title)}</td>",
             f'<td class="big">{number(value)}</td>',
             *(f'<td class="soft">{other}</td>'
               for other in measure.others(rows, goal)),
             f"<td>{number(goal.must)}</td>",
             f"<td>{number(goal.aim)}</td>"]
    for i in range(len(peers)):
        peer = goal.peers[i] if i < len(goal.peers) else None
        cells.append(f'<td class="soft">{number(peer)}</td>')
    cells.append(f"<td>{verdict(value, goal)}</td>")
    if peers:
        cells.append(f"<td>{bar(value, goal, peers)}</td>")
    return "<tr>" + "".join(cells) + "</tr>"


def goal_table(title, peers, goals, rows):
    """A table of measured figures, goals and peers."""
    dots = "".join(
        f'<th><span style="color:{COLOURS[1 + i]}">&#9679;</span> '
        f"{html.escape(p)}</th>" for i, p in enumerate(peers))
    return (f"<h2>{title}</h2><div class=card><table><tr><th>operation</th>"
            "<th>measured</th>"
            f"{''.join(f'<th>{title}</th>' for title in measure.OTHERS)}"
            '<th><span style="color:var(--must)">|</span> must</th>'
            '<th><span style="color:var(--aim)">|</span> aim</th>'
            f"{dots}<th></th>{'<th></th>' if peers else ''}</tr>" +
            "".join(goal_row(g, peers, rows) for g in goals) +
            "</table></div>")


# --- plots ---

class Axis:
    """Numbers to places."""

    def __init__(self, values, low, high, log):
        self.log = log
        self.low, self.high = low, high
        top = max(values) or 1
        if log:
            positive = [v for v in values if v > 0] or [1]
            self.begin = math.log10(min(positive)) - (0.15 if 0 in values
                                                      else 0)
            self.end = math.log10(top)
        else:
            self.begin, self.end = 0, top * 1.08
        if self.end <= self.begin:
            self.end = self.begin + 1

    def place(self, value):
        """Where a value is; 0 is at the beginning of either axis."""
        if self.log:
            value = math.log10(value) if value > 0 else self.begin
        return self.low + (value - self.begin) / (self.end - self.begin) * \
            (self.high - self.low)

    def ticks(self):
        """Round numbers along the axis."""
        if self.log:
            return [m * 10 ** e
                    for e in range(math.floor(self.begin),
                                   math.ceil(self.end) + 1) for m in (1, 2, 5)
                    if self.begin <= math.log10(m * 10 ** e) <= self.end]
        step = 10 ** math.floor(math.log10(self.end))
        while self.end / step < 4:
            step /= 2
        return [i * step for i in range(int(self.end / step) + 1)]


WIDTH, HEIGHT = 500, 270
LEFT, RIGHT, TOP, BOTTOM = 58, 16, 10, 36


def curve(points, x, y, colour, name, dashed):
    """One curve with its points."""
    at = [(x.place(a), y.place(b)) for a, b in points]
    line = " ".join(f"{a:.1f},{b:.1f}" for a, b in at)
    dash = ' stroke-dasharray="4 4"' if dashed else ""
    out = (f'<polyline points="{line}" fill="none" stroke="{colour}" '
           f'stroke-width="2"{dash}/>')
    for (a, b), (px, py) in zip(points, at):
        out += (f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3.5" '
                f'fill="{colour}"><title>{html.escape(name)}: {a:g}: '
                f"{number(b)}</title></circle>")
    return out


def grid(plot, x, y, marks):
    """Lines and numbers of both axes."""
    out = ""
    for v in y.ticks():
        at = y.place(v)
        out += (f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" '
                f'y2="{at:.1f}" stroke="var(--line)"/>'
                f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">'
                f"{short(v)}</text>")
    last = -math.inf
    for v in marks:
        at = x.place(v)
        if at - last < 26:
            continue
        last = at
        out += (f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 16}" '
                f'text-anchor="middle">{v:g}</text>')
    return out + (f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" '
                  f'y="{HEIGHT - 4}" text-anchor="middle" class="name">'
                  f"{html.escape(plot.axis)}</text>")


def picture(plot):
    """A plot as SVG, with its key."""
    every = [*plot.curves.items(), *plot.peers.items()]
    xs = sorted({a for _, points in every for a, _ in points})
    ys = [b for _, points in every for _, b in points]
    x = Axis(xs, LEFT, WIDTH - RIGHT, plot.log)
    y = Axis(ys, HEIGHT - BOTTOM, TOP, plot.log and bool(plot.peers))
    body, key = grid(plot, x, y, xs), []
    for i, (name, points) in enumerate(every):
        colour = COLOURS[i % len(COLOURS)]
        body += curve(points, x, y, colour, name, name in plot.peers)
        key.append(f'<span style="color:{colour}">&#9679;</span> '
                   + html.escape(name))
    return (f"<div class=card><h3>{html.escape(plot.title)}</h3>"
            f'<p class=key>{" &nbsp; ".join(key)}</p>'
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{body}</svg>'
            "</div>")


# --- what the instructions are ---

def kinds_table(rows, image):
    """The costly instructions of each row."""
    out = "".join(f"<th>{k}</th>" for k in measure.KIND_NAMES)
    out = f"<tr><th>row</th><th>EL2</th>{out}</tr>"
    for name, row in rows.items():
        if not row.places or "/" in name:
            continue
        kinds = row.kinds(image)
        out += (f"<tr><td>{name}</td><td>{number(row.el2)}</td>" + "".join(
            f"<td>{number(kinds[k])}</td>" for k in measure.KIND_NAMES) +
            "</tr>")
    return f"<div class=card><table>{out}</table></div>"


def symbols(rows, image):
    """Where the instructions of each row are."""
    out = ""
    for name, row in rows.items():
        if not row.places:
            continue
        lines = "".join(
            f"<tr><td>{html.escape(s)}</td><td>{number(n)}</td>"
            f"<td>{100 * n / row.el2:.1f} %</td></tr>"
            for s, n in row.symbols(image)[:40])
        out += (f"<details><summary>{name}: {number(row.el2)}</summary>"
                f"<table>{lines}</table></details>")
    return f"<div class=card>{out}</div>"


def linux_bar(row):
    """The round trip through the driver, by who executes it."""
    parts = [("hypervisor", row.el2), ("Linux kernel", row.upper / row.rounds),
             ("user space and the VM", row.lower / row.rounds)]
    total = sum(n for _, n in parts)
    at, out, key = 0, "", []
    for i, (name, n) in enumerate(parts):
        width = 1000 * n / total
        out += (f'<rect x="{at:.1f}" y="0" width="{width:.1f}" height="26" '
                f'fill="{COLOURS[i]}"/>')
        key.append(f'<span style="color:{COLOURS[i]}">&#9679;</span> '
                   f"{name} {number(n)}")
        at += width
    return ("<h2>Linux primary: write and read of 64 bytes through the "
            f"driver</h2><div class=card><p class=key>"
            f'{" &nbsp; ".join(key)} &nbsp; together {number(total)}</p>'
            f'<svg viewBox="0 0 1000 26">{out}</svg></div>')


def write(path, rows, plots, linux, image):
    """Writes the report."""
    parts = ["<!doctype html><html lang=en><meta charset=utf-8>"
             "<title>Holdfast: what operations cost</title>"
             f"<style>{STYLE}</style><h1>Holdfast: what operations cost</h1>"
             "<p>Instructions executed by the hypervisor each time, ERET "
             "included, on one Cortex-A57 of QEMU with a GICv3, counted one "
             "by one; docs/performance.md says how. Bars begin at 0; dots "
             "are peers, measured on the same machine.</p>"]
    parts += [goal_table(*table, rows) for table in tables.TABLES]
    if linux:
        parts.append(linux_bar(linux))
    if plots:
        parts.append("<h2>More of everything</h2><div class=grid>" +
                     "".join(picture(p) for p in plots) + "</div>")
    parts += ["<h2>What kinds of instructions</h2>", kinds_table(rows, image),
              "<h2>In which functions</h2>", symbols(rows, image), "</html>"]
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(parts) + "\n")
