"""What two versions of a rulebook differ by, entry by entry: compared by meaning, told in old and new words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import msgspec

from authoring.policy import Entries, EntryView, iso
from explain.phrases import Lang
from explain.phrases_policy import say
from knowledge.rulebook import Rulebook
from knowledge.rules import Rule

How: TypeAlias = Literal["added", "removed", "changed"]
_HEAD: Final = ("title", "notice", "status", "effective_from", "effective_until", "scoring", "calendar", "rights")
_HEAD_WORDS: Final = {
    "title": "title", "notice": "notice", "status": "standing", "effective_from": "in_force_from",
    "effective_until": "in_force_until", "scoring": "scoring", "calendar": "calendar", "rights": "rights",
}  # fmt: skip


class Edit(msgspec.Struct, frozen=True):
    """One part of an entry that differs: its old and new sentences, either of which may be absent."""

    name: str
    label: str
    old: tuple[str, ...]
    new: tuple[str, ...]


class ChangeView(msgspec.Struct, frozen=True):
    """One entry that was added, removed or changed; `stands_on` is what of the rulebook it is, as `rule:S21`."""

    how: How
    what: str
    stands_on: str
    id: str
    title: str
    edits: tuple[Edit, ...]


class Redline(msgspec.Struct, frozen=True):
    """Everything that two versions differ by, rules first."""

    lang: Lang
    old: str
    new: str
    summary: str
    changes: tuple[ChangeView, ...]


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of entry: its values by id, and how one is told; None where it is only named."""

    what: str
    of: Callable[[Rulebook], Mapping[str, Any]]
    tell: Callable[[Entries, Any], EntryView] | None = None


_KINDS: Final = (
    _Kind("rules", lambda book: {rule.id: rule for rule in book.rules}, Entries.rule),
    _Kind("standards", lambda book: book.standards, Entries.standard),
    _Kind("indicators", lambda book: book.indicators, lambda entries, one: entries.indicator(one.id)),
    _Kind("bands", lambda book: {band.grade: band for band in book.bands}, Entries.band),
    _Kind("measures", lambda book: book.measures, Entries.measure),
    _Kind("remedies", lambda book: book.remedies, Entries.remedy),
    _Kind("laws", lambda book: book.laws, lambda entries, one: entries.law(one.id)),
    _Kind("types", lambda book: {**book.types, **{f"producer.{name}": one for name, one in book.attributes.items()}}),
    _Kind("kinds", lambda book: {name: (text, name in book.natural_persons) for name, text in book.kinds.items()}),
    _Kind("statuses", lambda book: {**book.fact_statuses, **book.producer_statuses}),
    _Kind("ceilings", lambda book: book.ceilings),
    _Kind("vetoes", lambda book: book.vetoes),
)


def redline(old: Rulebook, new: Rulebook, lang: Lang) -> Redline:
    """Return what differs between two versions, by meaning and not by lines of files."""
    found = tuple(_Comparing(old, new, lang).changes())
    counts = {how: sum(one.how == how for one in found) for how in ("added", "removed", "changed")}
    summary = say(lang, "count_changes", **counts) if found else say(lang, "same")
    return Redline(lang, f"{old.id}@{old.version}", f"{new.id}@{new.version}", summary, found)


class _Comparing:
    def __init__(self, old: Rulebook, new: Rulebook, lang: Lang) -> None:
        self._old, self._new, self._lang = old, new, lang
        self._before, self._after = Entries(old, lang), Entries(new, lang)

    def changes(self) -> Iterator[ChangeView]:
        for kind in _KINDS:
            yield from self._of_kind(kind)
        head = tuple(self._head())
        if head:
            yield ChangeView("changed", "head", "rulebook", self._new.id, say(self._lang, "head"), head)

    def _of_kind(self, kind: _Kind) -> Iterator[ChangeView]:
        before, after = kind.of(self._old), kind.of(self._new)
        for name in after:
            if name not in before:
                view = self._view(kind, self._after, after[name], name)
                yield self._change("added", kind, view, tuple(Edit(x.name, x.label, (), x.texts) for x in view.lines))
            elif not _same(_bare(before[name]), _bare(after[name])):
                yield self._changed(kind, name, before[name], after[name])
        for name in before:
            if name not in after:
                view = self._view(kind, self._before, before[name], name)
                yield self._change("removed", kind, view, tuple(Edit(x.name, x.label, x.texts, ()) for x in view.lines))
        kept = [name for name in before if name in after]
        if kept != [name for name in after if name in before]:
            label = say(self._lang, "moved")
            edit = Edit("order", label, tuple(kept), tuple(name for name in after if name in before))
            yield ChangeView("changed", kind.what, kind.what, "", say(self._lang, kind.what), (edit,))

    def _view(self, kind: _Kind, entries: Entries, value: Any, name: str) -> EntryView:
        if kind.tell is not None:
            return kind.tell(entries, value)
        label = getattr(value, "label", value[0] if isinstance(value, tuple) else value)
        return EntryView(f"{kind.what}:{name}", name, entries.words.text(label), ())

    def _changed(self, kind: _Kind, name: str, old: Any, new: Any) -> ChangeView:
        before, after = self._view(kind, self._before, old, name), self._view(kind, self._after, new, name)
        edits = (
            [Edit("title", say(self._lang, "title"), (before.title,), (after.title,))]
            if before.title != after.title
            else []
        )
        edits += _lines(before, after)
        if not edits:
            edits = list(_internal(_bare(old), _bare(new), say(self._lang, "internal")))
        return self._change("changed", kind, after, tuple(edits))

    def _change(self, how: How, kind: _Kind, view: EntryView, edits: tuple[Edit, ...]) -> ChangeView:
        return ChangeView(how, kind.what, view.stands_on, view.id, view.title, edits)

    def _head(self) -> Iterator[Edit]:
        for name in _HEAD:
            old, new = getattr(self._old, name), getattr(self._new, name)
            if _same(old, new):
                continue
            label = say(self._lang, _HEAD_WORDS[name])
            if isinstance(old, str) or name in ("title", "notice"):
                yield Edit(name, label, self._said(old), self._said(new))
            elif name in ("effective_from", "effective_until"):
                yield Edit(name, label, _some(iso(old)), _some(iso(new)))
            elif name == "rights":
                yield Edit(name, label, self._rights(self._before), self._rights(self._after))
            else:
                yield from _internal(old, new, label)

    def _said(self, value: Any) -> tuple[str, ...]:
        text = value if isinstance(value, str) or value is None else value.in_language(self._lang)
        return () if text is None else (text,)

    def _rights(self, entries: Entries) -> tuple[str, ...]:
        text = entries.words.text
        return tuple(f"{text(right.title)}: {text(right.text)}" for right in entries.rulebook.rights)


def _bare(value: Any) -> Any:
    """Return an entry without its place among others."""
    return msgspec.structs.replace(value, index=0, source="") if isinstance(value, Rule) else value


def _lines(before: EntryView, after: EntryView) -> Iterator[Edit]:
    old, new = ({line.name: line for line in view.lines} for view in (before, after))
    for name in dict.fromkeys([*new, *old]):
        was, now = (lines[name].texts if name in lines else () for lines in (old, new))
        if was != now:
            yield Edit(name, (new.get(name) or old[name]).label, was, now)


def _internal(old: Any, new: Any, label: str) -> Iterator[Edit]:
    """Yield what differs in parts that no sentence tells, as data, so that nothing changes unseen."""
    was, now = ({"": value} if not isinstance(value, dict) else value for value in map(msgspec.to_builtins, (old, new)))
    if list(was) != list(now) and was.keys() == now.keys():
        yield Edit("order", label, tuple(was), tuple(now))
    for key in dict.fromkeys([*now, *was]):
        before, after, name = was.get(key), now.get(key), f"{label} {key}".strip()
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _internal(before, after, name)
        elif before != after:
            yield Edit(key, name, _shown(before), _shown(after))


def _same(one: Any, other: Any) -> bool:
    """Say whether two entries mean the same; the order of choices and fields counts."""
    return msgspec.json.encode(one) == msgspec.json.encode(other)


def _shown(value: Any) -> tuple[str, ...]:
    return () if value is None else (msgspec.json.encode(value).decode(),)


def _some(text: str) -> tuple[str, ...]:
    return (text,) if text else ()


def words_of(changes: Sequence[ChangeView]) -> Iterator[str]:
    """Yield changes as lines of text: `-` before old sentences and `+` before new ones."""
    for one in changes:
        sign = {"added": "+", "removed": "-", "changed": "~"}[one.how]
        yield f"{sign} {one.stands_on} {one.title}".rstrip()
        for edit in one.edits:
            yield f"    {edit.label}"
            yield from (f"      - {text}" for text in edit.old)
            yield from (f"      + {text}" for text in edit.new)
