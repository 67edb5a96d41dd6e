"""A justification, printed for a person at a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from rich.console import Console
from rich.table import Table
from rich.text import Text

from explain.phrases import Lang
from explain.views import Explanation, Reason, Sentence
from explain.whynot import WhyNot

_TITLES = {
    "reasons": ("主要理由", "Principal reasons"),
    "higher": ("为何不是 {grade} 级", "Why not {grade}"),
    "remedies": ("可以做什么(先做在前)", "What to do, first things first"),
    "together": ("全部完成:{score} 分,{grade} 级。", "All of it done: {score}, grade {grade}."),
    "consequences": ("后果", "Consequences"),
    "not_counted": ("未计入", "Not counted"),
    "undecided": ("缺少数值,未能判定", "Not judged for want of a value"),
    "indicators": ("全部指标", "All indicators"),
    "stops": ("已触发的规则,怎样会不触发", "Rules that fired, and what would stop them"),
    "idle": ("没有触发的规则", "Rules that did not fire"),
    "indicator": ("指标", "indicator"),
    "counted": ("计分", "counted"),
    "maximum": ("满分", "of"),
    "until": ("计至 {day}(不含当日)", "counts until {day}, that day excluded"),
    "more": ("另有 {count} 条事实", "and {count} more facts"),
}


def print_why(out: Console, why: Explanation) -> None:
    """Print the whole justification."""
    _Printer(out, why).all()


def print_why_not(out: Console, told: WhyNot) -> None:
    """Print what stands before the next grade, and a line for each rule that did not fire."""
    say = partial(_say, told.lang)
    if told.higher is not None:
        out.print(say("higher", grade=told.higher.grade), style="bold underline", soft_wrap=True)
        for sentence in told.higher.sentences:
            out.print(f"- {sentence.text}", markup=False, soft_wrap=True)
        out.print()
    out.print(say("idle"), style="bold underline", soft_wrap=True)
    for rule in told.rules:
        out.print(f"- {rule.sentence.text} [{rule.rule}]", markup=False, soft_wrap=True)
    if told.fired:
        out.print()
        out.print(say("stops"), style="bold underline", soft_wrap=True)
    for one in told.fired:
        out.print(f"- {one.sentence.text} [{one.deduction}, {one.rule}]", markup=False, soft_wrap=True)


def _say(lang: Lang, name: str, **slots: object) -> str:
    return _TITLES[name][lang == "en"].format(**slots)


class _Printer:
    def __init__(self, out: Console, why: Explanation) -> None:
        self._out, self._why = out, why

    def all(self) -> None:
        why = self._why
        self._line(why.sentence.text, "bold")
        self._line(f"{why.rulebook} · {why.status}", "yellow")
        if why.notice is not None:
            self._line(why.notice, "dim")
        if why.reasons:
            self._heading("reasons")
            for number, reason in enumerate(why.reasons, 1):
                self._reason(number, reason)
        if why.why_not_higher is not None:
            self._heading("higher", grade=why.why_not_higher.grade)
            self._sentences(why.why_not_higher.sentences)
        self._remedies()
        self._part("consequences", why.consequences)
        self._part("not_counted", why.not_counted)
        self._part("undecided", why.undecided)
        self._indicators()

    def _reason(self, number: int, reason: Reason) -> None:
        self._line(f"{number}. {reason.sentence.text} [{', '.join(reason.sentence.stands_on)}]")
        if reason.law:
            self._line("   " + " · ".join(law.label for law in reason.law), "cyan")
        if reason.until is not None:
            self._line("   " + self._say("until", day=reason.until))
        for fact in reason.facts:
            values = [f"{one.label} {one.value}" for one in fact.values]
            said = filter(None, [fact.label, fact.date, *values, *fact.sources, fact.status, fact.id])
            self._line("   - " + " · ".join(said), "dim")
        if reason.facts_in_all > len(reason.facts):
            self._line("   - " + self._say("more", count=reason.facts_in_all - len(reason.facts)), "dim")

    def _remedies(self) -> None:
        why = self._why
        if not why.remedies:
            return
        self._heading("remedies")
        for remedy in why.remedies:
            self._line(f"- {remedy.sentence.text}" + ("" if remedy.ask is None else f" → {remedy.ask}"))
        if len(why.remedies) > 1 and why.together is not None:
            score, grade = why.together
            self._line(self._say("together", score=score, grade=grade), "bold")

    def _indicators(self) -> None:
        self._heading("indicators")
        table = Table("", self._say("indicator"), self._say("counted"), self._say("maximum"), box=None, pad_edge=False)
        for one in self._why.indicators:
            style = "bold" if one.level == 1 else None
            table.add_row(one.id, Text(one.label), str(one.points), str(one.maximum), style=style)
            for sentence in one.sentences:
                table.add_row("", Text(f"  {sentence.text} [{', '.join(sentence.stands_on)}]", "dim"), "", "")
        self._out.print(table)

    def _part(self, name: str, sentences: Iterable[Sentence]) -> None:
        told = tuple(sentences)
        if told:
            self._heading(name)
            self._sentences(told)

    def _sentences(self, sentences: Iterable[Sentence]) -> None:
        for sentence in sentences:
            self._line(f"- {sentence.text}")

    def _heading(self, name: str, **slots: object) -> None:
        self._out.print()
        self._line(self._say(name, **slots), "bold underline")

    def _say(self, name: str, **slots: object) -> str:
        return _say(self._why.lang, name, **slots)

    def _line(self, text: str, style: str | None = None) -> None:
        self._out.print(text, style=style, markup=False, soft_wrap=True)
