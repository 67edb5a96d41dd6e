"""A proof tree as SVG: one row for each node, indented as in the text, drawn without any program beside this one.

It holds no script, style sheet, event or address outside of itself, so that the strictest policy shows it.
"""

from __future__ import annotations

from typing import Final
from xml.sax.saxutils import escape, quoteattr

from explain.phrases import say
from explain.proof import Node, Proof
from explain.proofshapes import COLOURS, one_line, wrapped

_WIDTH: Final = 1120
_MARGIN, _INDENT, _GAP = 16, 26, 6
_SIZE, _SMALL, _LINE, _PAD = 13, 11, 18, 6
"""Of letters, of small ones, of a line, and inside of a box: all in pixels, as everything here."""
_FONTS: Final = "'Noto Sans CJK SC','Noto Sans SC','Source Han Sans SC','PingFang SC','Microsoft YaHei',sans-serif"


def as_svg(proof: Proof) -> str:
    """Return the drawing. Each node's group has the node's number as `id`; what was drawn already is named again."""
    numbers = {node.id: number for number, node in enumerate(proof.nodes)}
    labels = {law.id: law.label for law in proof.laws}
    again = say(proof.lang, "tree_again")
    parts: list[str] = []
    top = float(_MARGIN)
    ends: list[tuple[float, float]] = []
    """By level, where the box stands that the next level hangs from: its left side and the last line's height."""
    for node, above, met in proof.walk():
        left = _MARGIN + _INDENT * len(above)
        lines = ([f"[{node.id}] {again}"], []) if met else _lines(node, labels, _WIDTH - _MARGIN - left)
        height = _height(lines)
        middle = top + height / 2
        del ends[len(above) :]
        if ends:
            stem, start = ends[-1][0] + _INDENT / 2, ends[-1][1]
            parts.append(f'<path d="M{stem:g} {start:g}V{middle:g}H{left:g}" fill="none" stroke="#7f8a94"/>')
        ends.append((left, top + height))
        parts.append(
            _again(numbers[node.id], lines[0][0], left, top) if met else _box(node, numbers[node.id], lines, left, top)
        )
        top += height + _GAP
    bottom = top + _MARGIN - _GAP
    title = escape(one_line(f"{proof.producer} · {proof.as_of} · {proof.rulebook}"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{bottom:g}" '
        f'viewBox="0 0 {_WIDTH} {bottom:g}" lang="{proof.lang}" role="img" '
        f'font-family={quoteattr(_FONTS)} font-size="{_SIZE}">'
        f"<title>{title}</title>" + "".join(parts) + "</svg>\n"
    )


def _lines(node: Node, labels: dict[str, str], width: float) -> tuple[list[str], list[str]]:
    """Return the lines of what a box says, beside its id, and those of its law."""
    beside = 0.6 * (len(node.id) + 1) * _SMALL
    told = wrapped(node.sentence.text, (width - 2 * _PAD - beside) / _SIZE)
    law = " · ".join(labels[one] for one in node.law)
    return told, wrapped(law, (width - 2 * _PAD) / _SIZE) if law else []


def _box(node: Node, number: int, lines: tuple[list[str], list[str]], left: float, top: float) -> str:
    said, law = lines
    dark = node.kind in ("grade", "score")
    ink, pale = ("#ffffff", "#d5e3f0") if dark else ("#111111", "#5a646d")
    texts = "".join(
        f'<text x="{left + _PAD:g}" y="{top + _PAD + _LINE * place + _SIZE:g}" fill="{colour}">{escape(line)}</text>'
        for place, (line, colour) in enumerate([(line, ink) for line in said] + [(line, pale) for line in law])
    )
    right, width = _WIDTH - _MARGIN - _PAD, _WIDTH - _MARGIN - left
    return (
        f'<g id="n{number}"><rect x="{left:g}" y="{top:g}" width="{width:g}" height="{_height(lines):g}" '
        f'rx="4" fill="{COLOURS[node.kind]}" stroke="#b4bcc4"/>{texts}<text x="{right}" y="{top + _PAD + _SIZE:g}" '
        f'text-anchor="end" font-size="{_SMALL}" fill="{pale}">{escape(node.id)}</text></g>'
    )


def _height(lines: tuple[list[str], list[str]]) -> float:
    return _LINE * (len(lines[0]) + len(lines[1])) + 2 * _PAD


def _again(number: int, line: str, left: float, top: float) -> str:
    return (
        f'<a href="#n{number}"><text x="{left + _PAD:g}" y="{top + _PAD + _SIZE:g}" '
        f'fill="#1f4e79" text-decoration="underline">{escape(line)}</text></a>'
    )
