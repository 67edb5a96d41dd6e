"""A proof tree as indented text and as Graphviz DOT."""

from __future__ import annotations

from typing import Final

from explain.phrases import say
from explain.proof import Node, NodeKind, Proof

COLOURS: Final[dict[NodeKind, str]] = {
    "grade": "#1f4e79",
    "score": "#2f6fa7",
    "indicator": "#e7eff7",
    "standard": "#f4f6f8",
    "rest": "#ffffff",
    "demand": "#fdecd9",
    "ceiling": "#fdecd9",
    "veto": "#f8d7d7",
    "status": "#fdecd9",
    "deduction": "#fff8d6",
    "finding": "#e9e4f5",
    "consequence": "#e3f1e4",
    "measure": "#e0f2f1",
    "absence": "#f0f0f0",
    "fact": "#ffffff",
}
"""What a node is filled with, by kind; grade and score carry white text, all others black."""
_WRAP: Final = 28
"""Chinese characters in a line of a box of DOT."""


def as_text(proof: Proof) -> str:
    """Return the tree as lines, one for each node; what was told already is named again by its id alone."""
    again = say(proof.lang, "tree_again")
    labels = {law.id: law.label for law in proof.laws}
    lines = []
    for node, above, met in proof.walk():
        stem = "".join("│  " if more else "   " for more in above[:-1])
        if above:
            stem += "├─ " if above[-1] else "└─ "
        if met:
            lines.append(f"{stem}[{node.id}] {again}")
            continue
        law = f" 〔{' · '.join(labels[one] for one in node.law)}〕" if node.law else ""
        lines.append(f"{stem}{one_line(node.sentence.text)}{law} [{node.id}]")
    return "\n".join(lines) + "\n"


def as_dot(proof: Proof) -> str:
    """Return the tree for Graphviz, read from left to right."""
    lines = [
        f"digraph {_quoted(f'{proof.producer} {proof.as_of}')} {{",
        '  graph [rankdir=LR, ranksep=0.4, nodesep=0.08, bgcolor="white"];',
        '  node [shape=box, style=filled, fontname="Noto Sans CJK SC", fontsize=10, color="#7f8a94"];',
        '  edge [color="#7f8a94", arrowsize=0.5];',
    ]
    names = {node.id: f"n{number}" for number, node in enumerate(proof.nodes)}
    lines += [f"  {names[node.id]} [label={_quoted(_folded(node))}, {_style(node)}];" for node in proof.nodes]
    lines += [f"  {names[node.id]} -> {names[child]};" for node in proof.nodes for child in node.children]
    return "\n".join([*lines, "}"]) + "\n"


def one_line(text: str) -> str:
    """Return a text without line breaks and without characters that documents can't hold."""
    return "".join(char if char.isprintable() else " " for char in text)


def wrapped(text: str, most: float) -> list[str]:
    """Return a text in lines of at most so many Chinese characters; a Latin letter is as wide as half of one."""
    lines, line, width, space = [], "", 0.0, -1
    for char in one_line(text):
        wide = 1.0 if ord(char) >= 0x2E80 or char in "“”‘’…—" else 0.55
        if width + wide > most:
            # Latin words stay whole where a space lets them.
            cut = space + 1 if space > 0 and char.isascii() and char != " " else len(line)
            lines.append(line[:cut].rstrip())
            line = line[cut:].lstrip()
            width = sum(1.0 if ord(one) >= 0x2E80 or one in "“”‘’…—" else 0.55 for one in line)
            space = -1
        line += char
        width += wide
        if char == " ":
            space = len(line) - 1
    return [*lines, line] if line.strip() or not lines else lines


def _folded(node: Node) -> str:
    return "\n".join([*wrapped(node.sentence.text, _WRAP), f"[{node.id}]"])


def _style(node: Node) -> str:
    dark = node.kind in ("grade", "score")
    return f'fillcolor="{COLOURS[node.kind]}"' + (', fontcolor="white"' if dark else "")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
