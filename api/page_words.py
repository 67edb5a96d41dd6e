"""The pages' own words, in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from api.requests import Lang
from explain.typography import set_in

WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "name": ("说理", "Shuoli"),
    "claim": ("信用评价,逐条说明理由", "credit grades, each with its reasons"),
    "skip": ("跳到正文", "Skip to the content"),
    "navigation": ("主导航", "Main"),
    "acts": ("本页操作", "On this page"),
    "everyone": ("全部主体", "All producers"),
    "interface": ("开放接口", "Interface"),
    "other": ("English", "中文"),
    "rulebook": ("规则包", "Rulebook"),
    "public": (
        "本页只显示依法可以公开的内容:不显示个人信息,不列出自然人主体。等级仅作参考。",
        "These pages show what the public may see: no personal data, no natural persons. Grades are a reference.",
    ),
    "in_numbers": ("全市各等级主体数", "Producers by grade"),
    "search": ("查询", "Search"),
    "words": ("主体标识、名称、地点或产品", "Id, name, place or product"),
    "kind": ("主体类型", "Kind"),
    "region": ("地区", "Region"),
    "grade": ("等级", "Grade"),
    "all": ("全部", "All"),
    "list": ("查询结果", "Results"),
    "producer": ("主体", "Producer"),
    "score": ("得分", "Score"),
    "as_of": ("评价日", "As of"),
    "pages": ("分页", "Pages"),
    "page": ("页码", "Page"),
    "pdf": ("下载决定书(PDF)", "Download the letter (PDF)"),
    "checked": ("评价结果核验", "Check of a grading"),
    "is_kept": ("账本中存有这份评价结果。", "The ledger holds this grading."),
    "entered": ("载入账本", "Entered"),
    "leaf": ("日志序号", "log leaf"),
    "fingerprint": ("指纹(SHA-256)", "Fingerprint (SHA-256)"),
    "not_public": ("自然人主体,依法不公开", "a natural person, whose data are not public"),
    "holds": ("这是该主体现行的评价结果。", "It is the grading that holds of this producer now."),
    "holds_no_more": (
        "这份评价结果已被后来的评价取代,请以现行等级为准。",
        "A later grading has replaced it; what counts is the grade that holds now.",
    ),
    "offline": (
        "用 verify.py 和评价证书可以离线核对全部条件、计算和签名。",
        "With verify.py and the grading's certificate every condition, sum and signature can be checked offline.",
    ),
    "error": ("错误代码", "Error code"),
    "request": ("请求编号", "request"),
}
FOUND: Final[Mapping[str, tuple[str, str]]] = {
    "none": ("没有符合条件的主体。", "No producer matches."),
    "some": (
        "共 {count} 个主体,本页为第 {first} 至 {last} 个。",
        "{count} producers; this page shows {first} to {last}.",
    ),
    "withheld": ("另有 {count} 个自然人主体,依法不列出。", "{count} producers are natural persons and not listed."),
}


def words(lang: Lang) -> dict[str, str]:
    """Return the pages' words in one language, as they are set in print."""
    return {name: set_in(lang, pair[lang == "en"]) for name, pair in WORDS.items()}


def marks(lang: Lang) -> dict[str, str]:
    """Return the marks that stand between parts of a sentence."""
    if lang == "zh":
        return {"colon": "\uff1a", "between": "\u3001", "apart": "\u3001", "semicolon": "\uff1b"}
    return {"colon": ": ", "between": ", ", "apart": "; ", "semicolon": "; "}


def found(lang: Lang, name: str, **slots: object) -> str:
    """Return what was found, in words."""
    return set_in(lang, FOUND[name][lang == "en"].format(**slots))
