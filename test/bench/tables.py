# SPDX-License-Identifier: BSD-3-Clause
"""What is measured, what it must and ought to cost, and what it costs others,
all in instructions. A figure is the name of a row in primary.c.

How a figure is counted: `el2` are instructions of the hypervisor; `trap` those
and the one that brought it there, as the peers of the second table were
counted; `all` those of the guests as well."""


class Goal:
    """A line of the table. `figure` None: it has no such feature."""

    def __init__(self, title, figure, must=None, aim=None, peers=(),
                 how="el2", note=""):
        self.title = title
        self.figure = figure
        self.must = must
        self.aim = aim
        self.peers = peers  # numbers, in the order of the table's PEERS
        self.how = how
        self.note = note

    def value(self, row):
        """The measured figure."""
        return {"el2": row.el2, "trap": row.el2 + 1,
                "all": row.el2 + row.guest}[self.how]


def number(value):
    """A figure as text."""
    if value is None:
        return "-"
    text = f"{value:,.1f}" if value < 1000 else f"{value:,.0f}"
    return text.removesuffix(".0")


# A peer with a core like ours, at three times in its life.
CORE_PEERS = ["peer 2018", "peer early 2019", "peer 2020"]
CORE = [
    Goal("Null hypercall (HF_VM_GET_COUNT), x4-x30 kept", "null", 45, 32,
         (50, 102, 210)),
    Goal("HF_VCPU_RUN refused: the vCPU waits", "run-refused", 70, 50, (83,)),
    Goal("World switch: RUN, interrupt pending, back", "world-switch", 360,
         260, (387, 537, 1141)),
    Goal("... RUN, the VM executes, then the interrupt, back", "through", 360,
         260),
    Goal("RPC round trip, 64 B: REQUEST, RUN, [READ, REPLY+ack], ACK",
         "rpc-64", 900, 650, (1363, 1625, 4322)),
    Goal("RPC round trip, 4096 B", "rpc-4096", 2600, 2100,
         (41683, 25817, 28514)),
    Goal("Boot to the primary's first instruction, 512 MiB, 3 VMs", "boot",
         400000, 250000, (535504, 819000, 1588000)),
    Goal("Text and constants, bytes", "image", 65536, None,
         (26000, 41388, 57128)),
]

# Static partitioners, a big hypervisor's small mode, a microhypervisor that
# switches everything.
STOCK_PEERS = ["partitioner 1", "partitioner 2", "dom0less", "microhypervisor"]
STOCK = [
    Goal("Unknown hypercall of a secondary", "guest-unknown", 48, 35,
         (150, 121, 388, 360), "trap"),
    Goal("PSCI_VERSION of a secondary", "guest-psci-version", 80, 50,
         (189, 137, 415, 274), "trap"),
    Goal("GICD_CTLR, emulated read", "gicd-ctlr-read", 200, 120,
         (232, 268, 852), "trap"),
    Goal("GICD_ISENABLER, emulated read (32 interrupts)",
         "gicd-isenabler-read", 240, 140, (1290, 968, 926), "trap"),
    Goal("GICD_ICENABLER, emulated write of 0", "gicd-icenabler-write", 240,
         140, (3558, 964, 980), "trap"),
    Goal("Virtual timer's expiry to the guest's vector, VM running", "timer",
         200, 140, (201, 208, 1018)),
    Goal("SGI to itself to the guest's vector", "self-sgi", 400, 250,
         (777, 1401, 963), "trap"),
    Goal("SPI set pending to the guest's vector", "self-spi", 600, 400,
         (3656, 1173, 1462), "trap"),
    Goal("Doorbell, the sender's call", None, 250, 150, (347, None, None, 545),
         note="there is no doorbell call"),
]

SYSTEM_PEERS = ["KVM", "Xen"]
SYSTEM = [
    Goal("Null hypercall of a secondary", "guest-null", None, None,
         (1544, 423), "trap"),
    Goal("Ping-pong: secondary A, B, A, with the primary's scheduler",
         "ping-pong", 2500, 1500, (24999, 11566), "all"),
]

MORE_PEERS = []
MORE = [
    Goal("RPC round trip, 64 B, the primary's timer is set", "rpc-64-timer"),
    Goal("RPC round trip, 64 B, both sides use FP registers", "rpc-64-fp"),
    Goal("PL011 FR, emulated read", "pl011-fr-read", how="trap"),
    Goal("Physical interrupt in a secondary, to the primary's vector",
         "interrupt"),
    Goal("SGI from vCPU to vCPU on one CPU, to its vector", "ipi", how="trap"),
    Goal("Unknown hypercall of the primary", "unknown", how="trap"),
    Goal("A VM's first RUN, to its first READ", "first-run"),
    Goal("HF_VM_CONFIGURE: maps two pages", "configure"),
    Goal("HF_VM_STOP, 2 MiB", "stop"),
    Goal("HF_VM_START of a stopped VM, 2 MiB", "start"),
    Goal("Page shared, granted or unmapped", None,
         note="there are no such calls; HF_VM_CONFIGURE maps pages"),
]

TABLES = [
    ("Core", CORE_PEERS, CORE),
    ("Machine of a secondary", STOCK_PEERS, STOCK),
    ("Whole systems", SYSTEM_PEERS, SYSTEM),
    ("More", MORE_PEERS, MORE),
]

# bytes of a message: instructions, for the plots
PEER_MESSAGES = {
    "peer 2018": {64: 1363, 4096: 41683},
    "peer early 2019": {64: 1625, 4096: 25817},
    "peer 2020": {64: 4322, 4096: 28514},
    "microhypervisor (one way and back)": {8: 1494, 64: 1541, 240: 1591},
}
