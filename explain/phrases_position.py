"""The words for where a producer stands among others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from explain.phrases import Lang

PLACES: Final[Mapping[str, tuple[str, str]]] = {
    "city": ("全市", "the city"),
    "region": (" {value} 地区", "region {value}"),
    "kind": ("主体类型“{value}”", "kind “{value}”"),
    "attribute": ("{what}“{value}”", "{what} “{value}”"),
    "ranked": (
        "在{group}的 {size} 个主体中排第 {rank} 位{tied},不差于其余主体的 {percentile}%。",
        "Of {size} producers in {group} it ranks {rank}{tied}; it is no worse than {percentile}% of the others.",
    ),
    "tied": ("(与另外 {tied} 个并列)", " (level with {tied} others)"),
    "tied_one": ("(与另外 1 个并列)", " (level with 1 other)"),
    "suppressed": (
        "{group}的主体或其余主体太少,为免识别个别主体,不作比较。",
        "{group} has too few producers, or leaves too few outside, to compare without singling somebody out.",
    ),
    "often": (
        "{group}有 {producers} 个主体({share}%)在“{standard}”上失分,本主体失 {yours}。",
        "In {group}, {producers} producers ({share}%) lost points under “{standard}”; this one lost {yours}.",
    ),
    "elsewhere": (
        "另有 {count} 个主体是按其他规则包评定的,不能比较。",
        "{count} more were graded under another rulebook and can't be compared.",
    ),
    "order": (
        "先按等级、再按得分排列;同分并列,其后名次顺延。",
        "By grade, then by score; equals share a rank, and the next rank follows after all of them.",
    ),
}
"""Phrases with slots, by name."""


def placed(lang: Lang, name: str, **slots: object) -> str:
    """Return a phrase in one language with its slots filled."""
    return PLACES[name][lang == "en"].format(**slots)
