"""The words that are the program's own, in Chinese and English; everything else comes from the rulebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

Lang: TypeAlias = Literal["zh", "en"]

PHRASES: Final[Mapping[str, tuple[str, str]]] = {
    "decided": (
        "截至{day},{producer} 的等级为 {grade} 级({word}),得分 {score} 分{limited}{changes}。",
        "As of {day}, {producer} is graded {grade} ({word}) with a score of {score}{limited}{changes}.",
    ),
    "limited": (
        ";按分数为 {score_grade} 级,因{limits}定为 {grade} 级",
        "; by score it would be {score_grade}, but {limits} makes it {grade}",
    ),
    "changes": (";如无新的事实,{day}起可能变化", "; with no new fact this may change on {day}"),
    "quoted": ("“{what}”", "“{what}”"),
    "lost": ("{what}:扣 {points} 分。", "{what}: {points} points lost."),
    "gained": ("{what}:记 {points} 分。", "{what}: {points} points gained."),
    "with_points": ("{text}({change})", "{text} ({change})"),
    "loses": ("扣 {points} 分", "{points} points lost"),
    "gains": ("记 {points} 分", "{points} points gained"),
    "capped": (
        "应计 {asked} 分,达到上限后计 {counted} 分",
        "{asked} points asked, {counted} counted within the limit",
    ),
    "in_standard": ("{standard}共{change}:{texts}", "{standard}, {change} in all: {texts}"),
    "and_more": ("另有 {count} 项。", "And {count} more."),
    "vetoed": ("{what}:一票否决,定为 {grade} 级。", "{what}: a veto sets the grade to {grade}."),
    "ceiling": ("{what}:最高只能评为 {grade} 级。", "{what}: {grade} at best."),
    "missed": (
        "{indicator}未达到最低要求,最高只能评为 {grade} 级。",
        "{indicator} misses its minimum: {grade} at best.",
    ),
    "lasts": ("期限:{until}。", "Lasts: {until}."),
    "higher_points": (
        "要评为 {grade} 级,得分须再提高 {missing} 分(现为 {score} 分,须达到 {needed} 分)。",
        "For {grade} the score must rise by {missing} (it is {score}; {needed} is needed).",
    ),
    "higher_lower_points": (
        "要评为 {grade} 级,得分须再降低 {missing} 分(现为 {score} 分,须不超过 {needed} 分)。",
        "For {grade} the score must fall by {missing} (it is {score}; {needed} at most).",
    ),
    "higher_limit": ("{what}不允许高于 {grade} 级。", "{what} allows no better than {grade}."),
    "higher_single": (
        "{standard}单项为 {points} 分,{grade} 级要求单项不超过 {most} 分。",
        "{standard} alone stands at {points}; {grade} allows {most} at most.",
    ),
    "higher_demand": (
        "{indicator}为 {points} 分,{grade} 级要求 {needed} 分。",
        "{indicator} stands at {points}; {grade} asks for {needed}.",
    ),
    "at_least": ("不低于 {points}", "at least {points}"),
    "at_most": ("不高于 {points}", "at most {points}"),
    "remedy": (
        "{text}预计可恢复 {points} 分,约需{time},{day}前后完成。",
        "{text} It brings back {points} points, takes about {time}, and can be done by {day}.",
    ),
    "remedy_no_points": (
        "{text}约需{time},{day}前后完成。",
        "{text} It takes about {time} and can be done by {day}.",
    ),
    "remedy_grade": ("完成后得分 {score} 分,{grade} 级。", "The score is then {score}, grade {grade}."),
    "asks": ("联系:{whom}。", "Ask: {whom}."),
    "not_counted_kind": ("{standard}不适用于此类主体。", "{standard} does not apply to this kind of producer."),
    "not_counted_nothing_to_measure": (
        "{standard}没有可供计算的事实,不计入。",
        "{standard} has nothing to measure and is left out.",
    ),
    "not_counted_suspended": ("{standard}暂停评价。", "{standard} is suspended."),
    "concluded": ("{what}:{values}。", "{what}: {values}."),
    "pair": ("{label} {value}", "{label} {value}"),
    "withheld": ("(不公开)", "(withheld)"),
    "missing": ("(无)", "(none)"),
    "yes": ("是", "yes"),
    "no": ("否", "no"),
    "listed": ("、", ", "),
    "sentences": ("", " "),
    "stop": ("。", "."),
    "days": ("{n} 天", "{n} days"),
    "days_one": ("{n} 天", "{n} day"),
    "weeks": ("{n} 周", "{n} weeks"),
    "weeks_one": ("{n} 周", "{n} week"),
    "months": ("{n} 个月", "{n} months"),
    "months_one": ("{n} 个月", "{n} month"),
    "years": ("{n} 年", "{n} years"),
    "years_one": ("{n} 年", "{n} year"),
    "working_days": ("{n} 个工作日", "{n} working days"),
    "working_days_one": ("{n} 个工作日", "{n} working day"),
    "official": ("官方规则", "official rules"),
    "reconstruction": ("重构规则,非官方", "a reconstruction, not official"),
    "draft": ("草案,未生效", "a draft, not in force"),
}


def say(lang: Lang, name: str, **slots: object) -> str:
    """Return a phrase in a language with its slots filled."""
    return PHRASES[name][lang == "en"].format(**slots)
