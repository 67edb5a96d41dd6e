"""The words of letters and of the pages that show them, in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from explain.phrases import Lang

WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "letter": ("信用等级决定书", "Letter of Credit Grading"),
    "grade": ("等级", "Grade"),
    "score": ("得分", "Score"),
    "points": ("分", "points"),
    "of_day": ("评价日", "As of"),
    "known_at": ("所据信息截至", "From what was known at"),
    "number": ("评价结果指纹(SHA-256)", "Fingerprint of the grading (SHA-256)"),
    "producer": ("主体", "Producer"),
    "kind": ("主体类型", "Kind"),
    "region": ("地区", "Region"),
    "decision": ("评价结果", "The decision"),
    "this_grade": ("本次等级", "this grade"),
    "best_first": ("各等级从优到劣排列", "Grades from best to worst"),
    "reasons": ("主要理由", "Principal reasons"),
    "no_reasons": (
        "没有扣分,也没有限制等级的情形。",
        "No standard counted against this producer and no limit applied.",
    ),
    "facts": ("所据事实", "Facts"),
    "facts_in_all": ("所据事实合计", "Facts in all:"),
    "ask": ("咨询:", "Ask:"),
    "source": ("来源", "source"),
    "law": ("依据", "Law"),
    "no_law": ("(规则未引用法条)", "(the rule cites no article)"),
    "until": ("计入至", "Counts until"),
    "excluded": ("(不含当日)", " (that day excluded)"),
    "stays": ("不会自行到期", "It does not expire by itself"),
    "higher": ("距上一等级还差什么", "What stands between this grade and the next"),
    "best": ("已是最好的等级。", "This is the best grade."),
    "todo": ("建议先做的事", "What to do first"),
    "todo_note": (
        "按能否提升等级、收益和所需功夫排序;得分和等级为单独完成该项之后的结果。",
        "In order of what lifts the grade, then of gain for effort. Score and grade are those after that deed alone.",
    ),
    "no_todo": ("目前没有可以恢复分值的措施。", "No deed restores points at present."),
    "deed": ("措施", "Deed"),
    "gain": ("可恢复", "Gain"),
    "by": ("最早完成", "Done by"),
    "effort": ("难度", "Effort"),
    "after": ("完成后", "After it"),
    "unknown": ("—", "—"),
    "together": ("全部完成后", "All of it done"),
    "consequences": ("随等级而来的措施", "What follows from the grade"),
    "no_consequences": ("无。", "None."),
    "open_points": ("未计入和未能判定的事项", "What was left out or could not be judged"),
    "rights": ("您的权利和期限", "Your rights and their time limits"),
    "rights_note": (
        "期限自收到本决定书或者知道有关行为之日起算,工作日不含法定节假日。",
        "Time runs from the day on which you receive this letter or learn of the act; working days exclude holidays.",
    ),
    "no_rights": (
        "规则包没有载明权利和期限,请向出具单位询问。",
        "The rulebook states no rights and time limits; please ask the office that issued this letter.",
    ),
    "basis": ("规则和核验", "Rulebook and verification"),
    "rulebook": ("规则包", "Rulebook"),
    "status": ("性质", "Status"),
    "verify": (
        "扫描二维码可以在线核对本决定书的等级、得分和日期。",
        "Scan the code to check grade, score and date of this letter online.",
    ),
    "verify_by_hash": (
        "二维码内含评价结果的指纹,可以向出具单位或者用公开的核验程序核对。",
        "The code holds the grading's fingerprint, to be checked with the office or with the public verifier.",
    ),
    "not_kept": (
        "本次结果是按指定日期或者规则试算得出的,没有存入账本,不能凭指纹核对。",
        "This outcome was computed for a chosen day or rulebook; it is not in the ledger and can't be looked up.",
    ),
    "qr": ("核验二维码", "Code for verification"),
    "signed": ("出具单位(盖章)", "Issued by (seal)"),
    "date": ("日期", "Date"),
    "annex": ("附件", "Annex"),
    "all_indicators": ("全部指标与计分", "All indicators and what counted"),
    "indicator": ("指标", "Indicator"),
    "maximum": ("满分", "Of"),
    "counted_lost": ("扣分", "Lost"),
    "counted_gained": ("记分", "Gained"),
    "trail": ("近12个月的评价和确认", "Gradings and confirmations of the last 12 months"),
    "no_trail": ("近12个月没有存入账本的评价。", "The ledger holds no grading of the last 12 months."),
    "day": ("评价日", "As of"),
    "sort": ("记录", "Record"),
    "grading": ("评价", "grading"),
    "confirmation": ("确认", "confirmation"),
    "changed": ("变化", "What changed"),
    "hash": ("指纹", "Fingerprint"),
    "page": ("第", "Page"),
    "page_of": ("页,共", "of"),
    "page_end": ("页", ""),
}
"""Headings and fixed sentences."""

CHANGES: Final[Mapping[str, tuple[str, str]]] = {
    "first": ("首次评价", "first grading"),
    "same": ("结果不变", "the outcome holds"),
    "same_points": ("理由有变,分值不变", "other reasons, same points"),
    "grade": ("等级 {before} → {after}", "grade {before} → {after}"),
    "score": ("得分 {before} → {after}", "score {before} → {after}"),
    "lost": ("“{what}”扣分 {before} → {after}", "“{what}” lost {before} → {after}"),
    "gained": ("“{what}”记分 {before} → {after}", "“{what}” gained {before} → {after}"),
    "limit": ("新增限制“{what}”", "new limit “{what}”"),
    "lifted": ("解除限制“{what}”", "limit “{what}” lifted"),
    "rulebook": ("规则包 {before} → {after}", "rulebook {before} → {after}"),
}
"""What changed from one grading to the next."""


def words(lang: Lang) -> dict[str, str]:
    """Return headings and fixed sentences in one language."""
    return {name: pair[lang == "en"] for name, pair in WORDS.items()}


def change(lang: Lang, name: str, **slots: object) -> str:
    """Return what changed, in words."""
    return CHANGES[name][lang == "en"].format(**slots)
