# SPDX-License-Identifier: BSD-3-Clause
"""What the costs do when there is more of everything."""

from bench import measure, tables


class Plot:
    """Curves: {name: [(x, y)]}, y in instructions."""

    def __init__(self, title, axis, curves, peers=None, log=False):
        self.title = title
        self.axis = axis
        self.curves = curves
        self.peers = peers or {}  # the same, of others
        self.log = log            # the axis of x, and with peers that of y


def _numbered(rows, prefix):
    """[(n, instructions)] of the rows PREFIX-n."""
    return sorted((int(name[len(prefix):]), row.el2)
                  for name, row in rows.items() if name.startswith(prefix))


def _machines(ctx, name, cases):
    """Runs set `scale` for {x: (machine, vms)}; {x: rows}."""
    return {x: measure.run(ctx, f"{name}-{x}", machine, "scale", vms)
            for x, (machine, vms) in cases.items()}


def _curves(found, names):
    """{title: points} of {title: row}."""
    return {title: [(x, rows[row].el2) for x, rows in found.items()]
            for title, row in names.items()}


def _sizes(ctx):
    rows = measure.run(ctx, "sizes", measure.machine_of(), "sizes")
    peers = {name: sorted(points.items())
             for name, points in tables.PEER_MESSAGES.items()}
    return [Plot("RPC round trip", "bytes of the message",
                 {"Holdfast": _numbered(rows, "rpc-")}, peers, True),
            Plot("Request that wakes a vCPU, and RUN until it waits again",
                 "vCPUs that wait", {"Holdfast": _numbered(rows, "waiters-")})]


CALLS = {"null hypercall": "null", "RUN refused": "run-refused",
         "world switch": "world-switch", "RPC, 64 bytes": "rpc-64"}
LIFE = {"boot": "boot", "start of a VM": "start"}


def _vms(ctx):
    found = _machines(ctx, "vms", {
        n: (measure.machine_of(), (1,) * n) for n in (1, 2, 4, 8, 16)})
    return [Plot("Calls for the last VM", "VMs", _curves(found, CALLS)),
            Plot("Boot", "VMs", _curves(found, {"boot": "boot"}))]


def _vcpus(ctx):
    found = _machines(ctx, "vcpus", {
        n: (measure.machine_of(), (n,)) for n in (1, 2, 4, 8)})
    return [Plot("Calls for a VM", "its vCPUs", _curves(found, CALLS)),
            Plot("Boot and start of a VM", "its vCPUs", _curves(found, LIFE))]


def _ram(ctx):
    peers = {name: [(512, n)] for name, n in
             zip(tables.CORE_PEERS, next(
                 g.peers for g in tables.CORE if g.figure == "boot"))}
    found = {mib: measure.run(ctx, f"ram-{mib}", measure.machine_of(mib=mib),
                              vms=measure.VMS["table"])
             for mib in (256, 512, 1024, 2048, 4096, 8192)}
    return [Plot("Boot", "MiB of RAM", _curves(found, {"Holdfast": "boot"}),
                 peers, True)]


def _cpus(ctx):
    points = []
    for cpus in (1, 2, 4, 8):
        rows = measure.run(ctx, f"cpus-{cpus}", measure.machine_of(cpus=cpus),
                           "cpus")
        points.append((cpus, rows["contended"].el2))
    return [Plot("Refused request, all CPUs at once at one VM's lock",
                 "CPUs", {"Holdfast": points})]


def plots(ctx):
    """Measures all of them."""
    return [plot for measured in (_sizes, _vms, _vcpus, _ram, _cpus)
            for plot in measured(ctx)]
