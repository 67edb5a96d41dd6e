"""The words that are the program's own, in Chinese and English; everything else comes from the rulebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from explain.phrases_change import CHANGE
from explain.phrases_contested import CONTESTED
from explain.phrases_plans import PLANS
from explain.phrases_tree import TREE
from explain.phrases_whynot import WHY_NOT

Lang: TypeAlias = Literal["zh", "en"]

PHRASES: Final[Mapping[str, tuple[str, str]]] = {
    "decided": (
        "截至{day},{producer} 的等级为 {grade} 级({word}),得分 {score} 分{counted}{limited}{changes}。",
        "As of {day}, {producer} is graded {grade} ({word}) with a score of {score}{counted}{limited}{changes}.",
    ),
    "lost_in_all": ("(共扣 {points})", " ({points} lost)"),
    "gained_in_all": ("(共记 {points})", " ({points} gained)"),
    "lost_in_proportion": (
        "(适用标准满分 {applicable},共扣 {points},按比例折算)",
        " ({points} lost of the {applicable} that apply, counted in proportion)",
    ),
    "gained_in_proportion": (
        "(适用标准满分 {applicable},共记 {points},按比例折算)",
        " ({points} gained of the {applicable} that apply, counted in proportion)",
    ),
    "limited": (
        ";按分数为 {score_grade} 级,因{limits}定为 {grade} 级",
        "; by score it would be {score_grade}, but {limits} makes it {grade}",
    ),
    "changes": (";如无新的事实,{day}起可能变化", "; with no new fact this may change on {day}"),
    "quoted": ("“{what}”", "“{what}”"),
    "points": ("{n} 分", "{n} points"),
    "points_one": ("{n} 分", "{n} point"),
    "with_points": ("{text}({change})", "{text} ({change})"),
    "loses": ("扣 {points}", "{points} lost"),
    "gains": ("记 {points}", "{points} gained"),
    "capped_loses": (
        "应扣 {asked},因{caps},实扣 {counted}",
        "{asked} asked for, {counted} lost, because {caps}",
    ),
    "capped_gains": (
        "应记 {asked},因{caps},实记 {counted}",
        "{asked} asked for, {counted} gained, because {caps}",
    ),
    "cap_rule": ("同类情形合计最多 {most}", "cases of this sort come to {most} at most"),
    "cap_standard": ("“{what}”最多 {most}", "“{what}” comes to {most} at most"),
    "cap_indicator": ("“{what}”合计最多 {most}", "“{what}” comes to {most} at most in all"),
    "in_standard": ("{standard}共{change}:{texts}", "{standard}, {change} in all: {texts}"),
    "in_standard_bare": ("{standard}共{change}。", "{standard}, {change} in all."),
    "and_more": ("另有 {count} 项,见指标明细。", "And {count} more, listed by indicator."),
    "vetoed": ("{what}:一票否决,定为 {grade} 级。", "{what}: a veto sets the grade to {grade}."),
    "ceiling": ("{what}:最高只能评为 {grade} 级。", "{what}: {grade} at best."),
    "missed": (
        "{what}未达到最低要求,最高只能评为 {grade} 级。",
        "{what} misses its minimum: {grade} at best.",
    ),
    "lasts": ("至{until}为止。", "Until {until}."),
    "higher_points": (
        "要评为 {grade} 级,得分须再提高 {missing}(现为 {score} 分,须达到 {needed} 分)。",
        "For {grade} the score must rise by {missing} (it is {score}; {needed} is needed).",
    ),
    "higher_lower_points": (
        "要评为 {grade} 级,得分须再降低 {missing}(现为 {score} 分,须不超过 {needed} 分)。",
        "For {grade} the score must fall by {missing} (it is {score}; {needed} at most).",
    ),
    "higher_limit": ("因{what},等级最高为 {grade} 级。", "{what} allows no better than {grade}."),
    "higher_single": (
        "{standard}单项为 {points},{grade} 级要求单项不超过 {most}。",
        "{standard} alone stands at {points}; {grade} allows {most} at most.",
    ),
    "higher_demand": (
        "{indicator}为 {points},{grade} 级要求{needed}。",
        "{indicator} stands at {points}; {grade} asks for {needed}.",
    ),
    "at_least": ("不低于 {points}", "at least {points}"),
    "at_most": ("不高于 {points}", "at most {points}"),
    "restores_lost": ("预计可恢复 {points}。", "It brings back {points}."),
    "restores_gained": ("预计可少记 {points}。", "It takes {points} off."),
    "takes": (
        "约需 {time},即日开始的话{day}可完成。",
        "It takes about {time}: begun at once, it can be done by {day}.",
    ),
    "takes_some_time": ("约需 {time}。", "It takes about {time}."),
    "then_same": ("届时得分 {score} 分,等级仍为 {grade} 级。", "The score is then {score}; the grade stays {grade}."),
    "then_other": ("届时得分 {score} 分,等级为 {grade} 级。", "The score is then {score}, and the grade {grade}."),
    "not_counted_kind": ("{standard}不适用于{kind}。", "Not asked of this kind of producer ({kind}): {standard}."),
    "not_counted_nothing_to_measure": (
        "{standard}没有可供计算的事实,不计入。",
        "Left out for want of anything to measure: {standard}.",
    ),
    "not_counted_suspended": (
        "因“{what}”,{standard}暂停评价,不计入。",
        "{standard} is suspended and left out, because of “{what}”.",
    ),
    "undecided": (
        "缺少{values},“{what}”无法判断,暂不生效。",
        "“{what}” can't be judged and has no effect, because this is missing: {values}.",
    ),
    "missing_field": ("{kind}的{field}", "{field} of {kind}"),
    "producer": ("主体", "the producer"),
    "bound": ("{what}({values})", "{what} ({values})"),
    "enumerated": (",", ", "),
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
    "reconstruction": ("重建规则,非官方", "a reconstruction, not official"),
    "draft": ("草案,未生效", "a draft, not in force"),
    **TREE,
    **CHANGE,
    **CONTESTED,
    **WHY_NOT,
    **PLANS,
}


def say(lang: Lang, name: str, **slots: object) -> str:
    """Return a phrase in a language with its slots filled."""
    return PHRASES[name][lang == "en"].format(**slots)
