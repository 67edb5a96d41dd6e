"""`shuoli explain plans`: what to do for a better grade."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click
from rich.console import Console

from api.cli_explain import Asked, about_a_producer
from api.output import console, print_json
from api.planning import plans_of, search_plans
from explain.phrases import Lang
from explain.plan_views import PlansView, PlanView
from explain.plans import OTHERS

_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "plan": ("方案 {n}", "Plan {n}"),
    "record": ("记录:{what}", "on record: {what}"),
    "new": ("新增{label} {count} 条", "{count} new: {label}"),
    "again": ("{label} {count} 条更新", "{count} brought up to date: {label}"),
    "undone": ("只能等待的", "What only time undoes"),
    "more": ("可能还有其他方案。", "There may be further plans."),
}


@click.command("plans", help="最省力的整改方案 · the plans of least effort to a better grade")
@about_a_producer
@click.option(
    "--to", metavar="GRADE", help="要达到的等级,默认上一等级 · the grade to reach; the next one up by default"
)
@click.option(
    "--others",
    type=click.IntRange(0, OTHERS),
    default=OTHERS,
    show_default=True,
    help="另外几个方案 · how many other plans",
)
def plans(asked: Asked, to: str | None, others: int) -> None:
    """Print the best plan and others."""
    with asked.subject() as subject:
        search = search_plans(subject.answer, subject.workers, to, others)
        told = plans_of(subject.answer, subject.workers, subject.selection.all(), search, asked.lang)
    if asked.as_json:
        print_json(told)
    else:
        _Printer(console(), told).all()


class _Printer:
    def __init__(self, out: Console, told: PlansView) -> None:
        self._out, self._told = out, told

    def all(self) -> None:
        told = self._told
        self._line(told.sentence.text, "bold")
        for number, plan in enumerate(told.plans, 1):
            self._out.print()
            self._line(self._say("plan", n=number), "bold underline")
            self._plan(plan)
        if told.plans and not told.all_found:
            self._out.print()
            self._line(self._say("more"), "dim")
        if told.heals is not None and told.heals.undone:
            self._out.print()
            self._line(self._say("undone"), "bold underline")
            for sentence in told.heals.undone:
                self._line(f"- {sentence.text}")

    def _plan(self, plan: PlanView) -> None:
        self._line(plan.sentence.text)
        for step in plan.steps:
            self._line(f"- {step.sentence.text}" + ("" if step.ask is None else f" → {step.ask}"))
            for record in step.records:
                what = self._say("new" if record.new else "again", label=record.label, count=record.count)
                values = [f"{value.label} {value.value}" for value in record.values]
                self._line("   " + self._say("record", what=" · ".join([what, *values])), "dim")
        for version in plan.versions:
            self._line(version.sentence.text, None if version.holds else "yellow")

    def _say(self, name: str, **slots: object) -> str:
        lang: Lang = self._told.lang
        return _WORDS[name][lang == "en"].format(**slots)

    def _line(self, text: str, style: str | None = None) -> None:
        self._out.print(text, style=style, markup=False, soft_wrap=True)
