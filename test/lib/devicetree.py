# SPDX-License-Identifier: BSD-3-Clause
"""Flattened device trees as Python objects, both ways."""

import struct

MAGIC = 0xd00dfeed
BEGIN_NODE, END_NODE, PROP, NOP, END = 1, 2, 3, 4, 9
HEADER = struct.Struct(">10I")


class Node:
    """A node: its name, properties [name, bytes] in order, and children."""

    def __init__(self, name, properties=(), children=()):
        self.name = name
        self.properties = [list(p) for p in properties]
        self.children = list(children)

    def get(self, name, otherwise=None):
        """The value of a property."""
        return next((v for n, v in self.properties if n == name), otherwise)

    def set(self, name, value):
        """Sets a property, a new one behind the others."""
        for p in self.properties:
            if p[0] == name:
                p[1] = value
                return
        self.properties.append([name, value])

    def child(self, name):
        """The first child of that name, with or without a unit address."""
        return next((c for c in self.children
                     if name in (c.name, c.name.split("@")[0])), None)

    def need(self, name):
        """That child, made if there is none."""
        if not self.child(name):
            self.children.append(Node(name))
        return self.child(name)

    def walk(self, parent=None):
        """All nodes below and with this one, as (node, parent)."""
        yield self, parent
        for c in self.children:
            yield from c.walk(self)


def _text(blob, at):
    end = blob.index(b"\0", at)
    return blob[at:end].decode("latin-1"), end + 1


def parse(blob):
    """The root of a tree that is known to be good."""
    header = HEADER.unpack_from(blob)
    structure, strings = header[2], header[3]
    top = Node("")
    path = [top]
    at = structure
    while True:
        token, = struct.unpack_from(">I", blob, at)
        at += 4
        if token == BEGIN_NODE:
            name, at = _text(blob, at)
            at = (at + 3) & ~3
            path[-1].children.append(Node(name))
            path.append(path[-1].children[-1])
        elif token == END_NODE:
            path.pop()
        elif token == PROP:
            size, name = struct.unpack_from(">2I", blob, at)
            at += 8
            path[-1].properties.append([_text(blob, strings + name)[0],
                                        blob[at:at + size]])
            at = (at + size + 3) & ~3
        elif token == END:
            return top.children[0]


def _padded(data):
    return data + bytes(-len(data) % 4)


def _structure(node, strings):
    out = struct.pack(">I", BEGIN_NODE) + \
        _padded(node.name.encode("latin-1") + b"\0")
    for name, value in node.properties:
        key = name.encode("latin-1") + b"\0"
        if key not in strings:
            strings[key] = sum(map(len, strings))
        out += struct.pack(">3I", PROP, len(value), strings[key]) + \
            _padded(value)
    for child in node.children:
        out += _structure(child, strings)
    return out + struct.pack(">I", END_NODE)


def build(root, reservations=()):
    """The tree as a blob; reservations are (address, size)."""
    strings = {}
    structure = _structure(root, strings) + struct.pack(">I", END)
    names = b"".join(strings)
    reserved = b"".join(struct.pack(">2Q", *r)
                        for r in (*reservations, (0, 0)))
    at = HEADER.size + len(reserved)
    return HEADER.pack(MAGIC, at + len(structure) + len(names), at,
                       at + len(structure), HEADER.size, 17, 16, 0,
                       len(names), len(structure)) + \
        reserved + structure + names


def cells(*values):
    """A value of 32-bit cells."""
    return struct.pack(f">{len(values)}I", *(v & 0xffffffff for v in values))


def numbers(*values):
    """A value of 64-bit numbers."""
    return struct.pack(f">{len(values)}Q",
                       *(v & (1 << 64) - 1 for v in values))


def string(*texts):
    """A value of strings."""
    return b"".join(t.encode("latin-1") + b"\0" for t in texts)
