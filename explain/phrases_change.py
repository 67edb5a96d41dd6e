"""The program's own words for what changes between two gradings and in days to come, in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CHANGE: Final[Mapping[str, tuple[str, str]]] = {
    # Headlines
    "compared": (
        "{producer}:{before}为 {score_before} 分 {grade_before} 级,{after}为 {score_after} 分 {grade_after} 级;{by}。",
        "{producer}: {score_before} and {grade_before} {before}; {score_after} and {grade_after} {after}, {by}.",
    ),
    "side": ("按{day}", "as of {day}"),
    "side_known": ("按{day}(截至 {known} 所知)", "as of {day}, as known at {known}"),
    "side_rulebook": ("{side}、{rulebook} 规则", "{side} under {rulebook}"),
    "by_more": ("得分增加 {points}", "{points} more"),
    "by_less": ("得分减少 {points}", "{points} less"),
    "by_nothing": ("得分相同", "the same score"),
    "from_day": (
        "{day}起:{score} 分({by}),{grade} 级{word}。",
        "From {day} on: score {score} ({by}), grade {grade}{word}.",
    ),
    "grade_was": (",此前 {grade} 级", ", before {grade}"),
    "foreseen_steady": (
        "如无新的事实,到{day}为止得分保持 {score} 分,等级保持 {grade} 级。",
        "With no new fact the score stays {score} and the grade {grade} until {day}.",
    ),
    "foreseen": (
        "如无新的事实,到{day}为止得分变化 {count} 次,{grades},届时为 {score} 分、{grade} 级。",
        "With no new fact the score changes on {count} days until {day}, {grades}; it is then {score}, grade {grade}.",
    ),
    "grade_stays": ("等级不变", "the grade never"),
    "grade_moves": ("等级变化 {count} 次", "the grade on {count}"),
    "grade_moves_once": ("等级变化 1 次", "the grade on one"),
    "better_first": ("最早{day}升为 {grade} 级。", "The earliest rise is to {grade} on {day}."),
    "worse_first": ("最早{day}降为 {grade} 级。", "The earliest fall is to {grade} on {day}."),
    # What moved
    "score_by": ("得分 {points}", "score {points}"),
    "moved": ("{standard}:{text}({notes})。", "{standard}: {text} ({notes})."),
    "moved_bare": ("{standard}({notes})。", "{standard} ({notes})."),
    "notes": (",", "; "),
    "moved_came": ("新计入", "counts now"),
    "moved_expired": ("到期,不再计入", "has expired"),
    "moved_replaced": ("不再按此计", "no longer counted so"),
    "moved_gone": ("不再成立", "no longer so"),
    "moved_changed": ("由计 {was}改为计 {now}", "comes to {now}, before {was}"),
    "moved_capped": ("因上限由计 {was}改为计 {now}", "comes to {now} because of caps, before {was}"),
    "why_facts": ("因{facts}", "because {facts}"),
    "why_rules": ("规则有改动", "the rule is another one"),
    "why_rule_new": ("新增规则", "a new rule"),
    "why_rule_gone": ("规则已取消", "a rule that is no more"),
    "fact_new": ("有了{what}", "there is now {what}"),
    "fact_gone": ("{what}不再计入", "{what} no longer counts"),
    "fact_other": ("{what}的内容有更新", "{what} was updated"),
    "and_others": ("等共 {count} 条", "{count} facts in all"),
    "dated_fact": ("{day}的{what}", "{what} ({day})"),
    # What makes points a score
    "start_differs": ("起始分不同({by})。", "The score starts elsewhere ({by})."),
    "in_proportion": (
        "有标准不适用,各项按适用满分折算({by})。",
        "Some standards don't apply, so points count in proportion to those that do ({by}).",
    ),
    "standards_differ": (
        "{texts};适用满分由 {was}变为 {now}({by})。",
        "{texts}; {now} apply, before {was} ({by}).",
    ),
    "standards_come": ("开始计入{names}", "Counted from now on: {names}"),
    "standards_go": ("不再计入{names}", "No longer counted: {names}"),
    "rounded": ("折算后取整({by})。", "Scaled scores are rounded ({by})."),
    "bounded": ("得分有上下限({by})。", "The score has a lowest or highest value ({by})."),
    # What fixes the grade
    "limit_came": ("新增限制:{text}", "A new limit: {text}"),
    "limit_gone": ("限制解除:{text}", "A limit is gone: {text}"),
    "limit_changed": ("限制改变:{text}", "A limit has changed: {text}"),
    "by_score": (
        "按得分由 {was} 级变为 {now} 级({grade} 级须{needed})。",
        "By score {was} becomes {now} ({grade} takes {needed}).",
    ),
    "by_score_bare": ("按得分由 {was} 级变为 {now} 级。", "By score {was} becomes {now}."),
    "at_least_score": ("不低于 {points}", "{points} or more"),
    "at_most_score": ("不高于 {points}", "{points} or fewer"),
}
