"""The program's own words for what is open in a case and which facts hold a grade, in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CONTESTED: Final[Mapping[str, tuple[str, str]]] = {
    # In all
    "nothing_open": (
        "没有未决事项:没有争议中或待定的事实,规则所问的数值都有记录。",
        "Nothing is open: no fact is disputed or pending, and every value that rules ask for is on record.",
    ),
    "all_weighed": (
        "有 {count} 项未决,共 {all} 种结果,已逐一评定:{grades},得分 {scores}。",
        "Open: {count}, with {all} outcomes in all, each of them graded: {grades}, score {scores}.",
    ),
    "some_weighed": (
        "有 {count} 项未决,共 {all} 种结果,已评定其中 {graded} 种:{grades},得分 {scores};其余结果尚不知道。",
        (
            "Open: {count}, with {all} outcomes in all, {graded} of them graded: {grades}, score {scores}; "
            "what the others come to is not known."
        ),
    ),
    "blurred_weighed": (
        "有 {count} 项未决,其中{names}的数值不止有限几种,未能逐一评定;已评定 {graded} 种:{grades},得分 {scores}。",
        (
            "Open: {count}; {names} may have more values than can be graded one by one. "
            "{graded} outcomes were graded: {grades}, score {scores}."
        ),
    ),
    "one_grade": ("等级都是 {grade} 级", "the grade is {grade} in all of them"),
    "two_grades": ("等级在 {best} 级与 {worst} 级之间", "the grade lies between {best} and {worst}"),
    "one_score": ("{score} 分", "{score}"),
    "two_scores": ("{low} 至 {high} 分", "{low} to {high}"),
    # One point
    "open_fact": ("{what}{state}", "{what}, {state}"),
    "open_value": ("{what}缺少“{field}”", "{what} lacks “{field}”"),
    "open_point": ("{what}:{outcomes}。{decides}", "{what}: {outcomes}. {decides}"),
    "if_stands": ("如成立,{grade} 级、{score} 分", "if it stands, {grade} with {score}"),
    "if_falls": ("如不成立,{grade} 级、{score} 分", "if it falls, {grade} with {score}"),
    "if_value": ("如为{value},{grade} 级、{score} 分", "if {value}, {grade} with {score}"),
    "if_unknown": ("仍缺时,{grade} 级、{score} 分", "while it lacks, {grade} with {score}"),
    "of_so_many": ("{names}等 {count} 种之一", "one of {count} such as {names}"),
    "any_value": ("任何值", "anything"),
    "up_to": ("{value} 及以下", "{value} or less"),
    "up_to_day": ("{value}及以前", "{value} or before"),
    "or_more": ("{value} 及以上", "{value} or more"),
    "or_more_day": ("{value}及以后", "{value} or later"),
    "from_to": ("{low}至{high}", "{low} to {high}"),
    "if_other_text": ("其他内容", "anything else"),
    "decides_by_itself": ("单凭它即可改变等级。", "It decides the grade by itself."),
    "decides_with_others": ("与其他未决事项一起可改变等级。", "It decides the grade together with others."),
    "decides_nothing": ("不影响等级。", "It does not decide the grade."),
    "decides_unknown": ("是否影响等级,尚不知道。", "Whether it decides the grade is not known."),
    # Which outcomes together
    "reaches": ("{settled},即为 {grade} 级({score} 分)。", "{settled}: {grade} with {score}."),
    "stands": ("{what}成立", "{what} stands"),
    "falls": ("{what}不成立", "{what} falls"),
    "is_value": ("{what}为{value}", "{what} is {value}"),
    # Which facts hold the grade
    "strike_to": (
        "撤销{facts},等级即为 {grade} 级({score} 分)。",
        "Strike {facts} and the grade is {grade} (score {score}).",
    ),
    "strike_nothing": (
        "扣分和限制不依据任何事实,撤销事实不能使等级提高。",
        "No fact lies behind lost points or limits, so striking facts makes nothing better.",
    ),
    "strike_best": ("已是最高等级。", "This is the best grade."),
    "strike_none": (
        "扣分和限制所依据的 {count} 条事实,任意撤销都不能使等级提高。",
        "However many of the {count} facts behind lost points and limits are struck, the grade gets no better.",
    ),
    "strike_none_up_to": (
        "扣分和限制依据 {count} 条事实,撤销其中 {tried} 条或更少,怎样选都不能使等级提高;更多的没有试过。",
        (
            "{count} facts lie behind lost points and limits; striking any {tried} or fewer makes the grade no better. "
            "More were not tried."
        ),
    ),
    "holds": (
        "仅凭{facts},等级就不会高于 {grade} 级。",
        "By itself {facts} keeps the grade at {grade}.",
    ),
    "holds_many": (
        "仅凭{facts}合在一起,等级就不会高于 {grade} 级。",
        "Together {facts} keep the grade at {grade}.",
    ),
    "holds_without": (
        "即使扣分和限制所依据的事实全部撤销,等级也不会高于 {grade} 级。",
        "Even if every fact behind lost points and limits fell, the grade would stay {grade}.",
    ),
    "holds_unknown": (
        "逐一试过 {tried} 条以内的事实,单凭它们不足以维持 {grade} 级;更多的没有试过。",
        "No {tried} facts or fewer keep the grade at {grade} by themselves; more were not tried.",
    ),
    "what_if": (
        "如撤销{facts}:{score} 分、{grade} 级(现为 {score_now} 分、{grade_now} 级)。",
        "If {facts} fell: score {score}, grade {grade} (now {score_now}, {grade_now}).",
    ),
}
