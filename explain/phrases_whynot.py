"""The program's own words about rules that did not fire, in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

WHY_NOT: Final[Mapping[str, tuple[str, str]]] = {
    "not_fired": ("“{what}”没有触发:{lacks}", "“{what}” did not fire. {lacks}"),
    "not_fired_unknown": ("“{what}”无法判断,没有触发:{lacks}", "“{what}” can't be judged and did not fire. {lacks}"),
    "not_fired_outside": ("“{what}”不适用:{lacks}", "“{what}” does not apply. {lacks}"),
    "or_else": ("或者:{lacks}", "Or else: {lacks}"),
    "lack_kind": ("只适用于{kinds},该主体是{kind}。", "It is for {kinds} only; the producer is: {kind}."),
    "lack_suspended": ("因“{what}”暂停适用。", "It is suspended because of “{what}”."),
    "lack_nothing": ("没有可供计算“{what}”的事实。", "There is nothing to measure “{what}” by."),
    "lack_formula": (
        "分值无法计算(除数为零或缺少数值)。",
        "Its points can't be computed (a division by nothing, or a value is missing).",
    ),
    "lack_fact_none": ("没有{what}{window}。", "There is no record: {what}{window}."),
    "lack_fact_near": (
        "没有{what}{window};{count} 条这类记录中最接近的一条({fact})须{changes}。",
        "There is no record: {what}{window}; of {count} of that type the nearest ({fact}) would need {changes}.",
    ),
    "lack_absence": (
        "须没有{what}{window},而现有 {count} 条({facts})。",
        "There should be no record: {what}{window}; found: {count} ({facts}).",
    ),
    "lack_absence_unknown": (
        "缺少数值,无法判断有没有{what}。",
        "For want of a value it is unknown whether there is a record: {what}.",
    ),
    "lack_values": ("须{changes}。", "Needed: {changes}."),
    "lack_outcome": ("须{wanted}(现为{now})。", "Needed: {wanted} (now {now})."),
    "outcome_grade": ("等级为 {names}", "grade {names}"),
    "outcome_score_grade": ("按分数的等级为 {names}", "grade {names} by score"),
    "outcome_ceiling": ("有封顶{names}", "ceiling {names}"),
    "outcome_veto": ("有一票否决{names}", "veto {names}"),
    "outcome_status": ("主体状态为{names}", "status {names}"),
    "outcome_standard": ("{names}有计分", "points counted under {names}"),
    "outcome_not": ("不是“{what}”", "not {what}"),
    "outcome_none": ("无", "none"),
    "outcome_any_ceiling": ("有任何封顶情形", "any ceiling"),
    "outcome_any_veto": ("有任何一票否决情形", "any veto"),
    "outcome_any_status": ("有任何主体状态", "any status"),
    "outcome_any_standard": ("有任何计分", "any points counted"),
    "change": ("{wanted}(现为{observed}{by})", "{wanted} (it is {observed}{by})"),
    "change_missing": ("{wanted}(缺少此值)", "{wanted} (the value is missing)"),
    "change_none": ("{wanted}(现无此值)", "{wanted} (there is no value)"),
    "change_other_missing": (
        "{what}可供比较(现为{observed},与之比较的值缺少)",
        "{what} to compare with (it is {observed}; the other value is missing)",
    ),
    "change_by": (",差 {by}", ", {by} off"),
    "whynot_more": ("等", " and others"),
    "facts_listed": (";", "; "),
    "stopped": ("{text}以下任一变化即可使其不触发:{ways}", "{text} Any one of these would stop it: {ways}"),
    "stop_value": ("{what}变为 {to}(现为{observed}{by})", "{what} becomes {to} (it is {observed}{by})"),
    "stop_other": ("{what}变为其他值(现为{observed})", "{what} takes another value (it is {observed})"),
    "stop_fact": ("不再有这条{what}({facts})", "this record falls: {what} ({facts})"),
    "stop_facts": ("不再有这 {count} 条{what}({facts})", "these {count} records fall: {what} ({facts})"),
    "stop_absence": ("出现{what}", "a record appears: {what}"),
    "stop_outcome": ("不再是“{wanted}”", "no longer {wanted}"),
    "stop_outcome_now": ("{wanted}", "{wanted}"),
    "stop_together": ("并且", " and "),
}
