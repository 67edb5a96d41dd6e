"""The program's own words about plans, in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PLANS: Final[Mapping[str, tuple[str, str]]] = {
    "plan_reached": ("等级已是 {grade} 级,不需要方案。", "The grade is {grade} already; no plan is needed."),
    "plan_best": (
        "到 {to} 级最省力的做法:{deeds},费力合计 {effort}(每项 1 至 5),{day}可全部做成。",
        "The least effort to {to}: {deeds}. The effort is {effort} in all (1 to 5 each), done by {day}.",
    ),
    "plan_none_healed": (
        "{day}之前没有任何方案可以达到 {to} 级;到那天,什么也不做也会达到。",
        "No plan reaches {to} before {day}; on that day it is reached with nothing done.",
    ),
    "plan_none_later": (
        "{day}之前没有任何方案可以达到 {to} 级;到那天,做成以下各项即可达到:{deeds}。",
        "No plan reaches {to} before {day}; on that day it is reached once these are done: {deeds}.",
    ),
    "plan_none": (
        "直到{day},没有任何方案可以达到 {to} 级,等待也不能。",
        "Up to {day} no plan reaches {to}, and neither does waiting.",
    ),
    "plan_looked_at": (
        "已对其间 {n} 个日子逐一核算:每项整改可做成之日,以及时间使结果可能变化之日。",
        "Looked at: {n} days, those on which deeds can be done and those on which time may change the outcome.",
    ),
    "plan_comes_to": (
        "届时得分 {score} 分,等级为 {grade} 级;什么也不做则为 {without} 分、{without_grade} 级。",
        "The score is then {score} and the grade {grade}; with nothing done {without} and {without_grade}.",
    ),
    "plan_restores": ("{standard}少扣 {points}", "{standard}: {points} less lost"),
    "plan_moves": ("{standard}由 {before} 变为 {after}", "{standard}: from {before} to {after}"),
    "plan_lifts": ("“{what}”不再限制等级", "“{what}” no longer limits the grade"),
    "plan_brings": ("因此:{texts}。", "By this: {texts}."),
    "plan_status": ("状态", "status"),
    "plan_version": (
        "按{from_day}起施行的版本 {version},{day}得分 {score} 分,等级为 {grade} 级。",
        "Under version {version}, in force from {from_day}, the score on {day} is {score} and the grade {grade}.",
    ),
    "plan_version_unread": (
        "{from_day}起施行的版本 {version} 不能读取这些事实,无法核算。",
        "Version {version}, in force from {from_day}, can't read these facts, so the plan can't be checked under it.",
    ),
    "plan_undone_limit": ("{what}:最高只能评为 {grade} 级", "{what}: {grade} at best"),
    "plan_undone_limit_veto": ("{what}:一票否决,定为 {grade} 级", "{what}: a veto sets the grade to {grade}"),
    "plan_undone_until": ("至{day}为止(不含当日)", "until {day}, that day excluded"),
    "with_until": ("{text},{until}", "{text}, {until}"),
    "deeds_joined": (";", "; "),
    "plan_undone_points_lost": ("{standard}仍扣 {points}", "{standard} still loses {points}"),
    "plan_undone_points_gained": ("{standard}仍记 {points}", "{standard} still counts {points}"),
}
