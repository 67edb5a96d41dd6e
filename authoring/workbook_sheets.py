"""The sheets of a rulebook's workbook: their columns, what may stand in them, and their words for people.

A key with a colon (`label:zh`) is a value inside the row's entry. Row 1 of a sheet holds words, row 2 the keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["prose", "word", "number", "names", "yaml", "lines", "facts"]
"""What a cell holds: literal text; a literal word; a whole number; words with commas between; a value as YAML;
entries of a map, one a line; facts, one a line."""

KEYS: Final = 2
"""The row that holds the keys, counted from 1 as in a spreadsheet."""
FIRST_ROW: Final = 3
"""Where entries begin, counted likewise."""
COMMENT: Final = "comment"


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `of` limits what stands in it: words, or `sheet:key`, the column of another sheet."""

    key: str
    words: str
    kind: Kind = "word"
    width: int = 14
    of: tuple[str, ...] | str = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet: its name, what stands in it, and its columns."""

    name: str
    about: str
    columns: tuple[Column, ...]

    def column(self, key: str) -> Column | None:
        """Return a column by its key."""
        return next((column for column in self.columns if column.key == key), None)


def _text(key: str, zh: str, en: str, width: int = 34) -> tuple[Column, Column]:
    return (
        Column(f"{key}:zh", f"{zh}(中文)· {en}, Chinese", "prose", width),
        Column(f"{key}:en", f"{zh}(英文)· {en}, English", "prose", width),
    )


_COMMENT: Final = Column(COMMENT, "注释 · comment", "prose", 30)
_MORE: Final = Column("more", "其他键(YAML)· other keys, as YAML", "lines", 24)
_YES: Final = ("yes", "no")
_LABEL: Final = _text("label", "名称", "label", 26)
_LAW: Final = Column("law", "依据 · law", "names", 18)


def _sheet(name: str, about: str, *columns: Column | tuple[Column, ...]) -> Sheet:
    flat = [one for part in columns for one in (part if isinstance(part, tuple) else (part,))]
    return Sheet(name, about, (*flat, _COMMENT))


FILES: Final = _sheet(
    "files", "规则包的文件,次序即规则的次序 · the rulebook's files; rules count in this order",
    Column("file", "文件 · file", "word", 30),
)  # fmt: skip
HEAD: Final = _sheet(
    "rulebook", "规则包本身:版本、性质、日期、计分 · the rulebook itself: version, standing, dates, scoring",
    Column("key", "项目 · key", "word", 30), Column("value", "值 · value", "prose", 90),
)  # fmt: skip
LAWS: Final = _sheet(
    "laws", "法律依据 · articles of law",
    Column("id", "标识 · id"), _text("title", "法规名称", "title"), Column("article", "条 · article"),
    _text("label", "引用写法", "how it is cited"), Column("effective_from", "施行首日 · in force from"),
    Column("effective_until", "失效首日 · until"), Column("mark", "核对程度 · how well it was read"),
    Column("href", "网址 · address", "word", 30), _MORE,
)  # fmt: skip
RIGHTS: Final = _sheet(
    "rights", "主体的权利与期限 · rights of producers, with their time limits",
    _text("title", "名称", "title"), _text("text", "内容", "text", 60), _LAW, _MORE,
)  # fmt: skip
NAMES: Final = _sheet(
    "names", "主体类型、事实状态、主体状态、封顶、一票否决 · kinds, statuses, producer statuses, ceilings, vetoes",
    Column("section", "种类 · section", "word", 20, ("kinds", "statuses", "producer_statuses", "ceilings", "vetoes")),
    Column("name", "标识 · name", "word", 22), _LABEL,
    Column("natural_person", "自然人 · natural person", "word", 12, _YES),
    Column("counts", "计入 · counts", "word", 12, _YES), _MORE,
)  # fmt: skip
TYPES: Final = _sheet(
    "types", "事实、认定、后续措施 · facts, findings, consequences",
    Column("section", "种类 · section", "word", 16, ("facts", "findings", "consequences")),
    Column("name", "标识 · name", "word", 24), _LABEL, Column("source:system", "来源系统 · source", "word", 20),
    Column("source:block", "信息类别 · block", "word", 12, ("public", "industry")),
    Column("same_when", "相同判定 · same when", "names", 18), Column("dated", "计时日期 · dated"),
    Column("lasts:from", "有效期自 · lasts from"), Column("lasts:until", "至(不含)· until"),
    Column("lasts:through", "至(含)· through"), Column("tells", "利弊 · tells", "word", 10, ("against", "for")),
    Column("about", "关于 · about", "word", 12, ("everyone",)), _MORE,
)  # fmt: skip
ATTRIBUTES: Final = "(producer)"
FIELDS: Final = _sheet(
    "fields", f"字段;所属写 {ATTRIBUTES} 的是主体属性 · fields; those of {ATTRIBUTES} are attributes",
    Column("of", "所属 · of", "word", 24), Column("name", "字段 · field", "word", 20),
    Column("type", "类型 · type", "word", 10, ("text", "choice", "whole", "decimal", "yes_no", "date")), _LABEL,
    Column("optional", "可缺 · optional", "word", 9, _YES), Column("ordered", "有序 · ordered", "word", 9, _YES),
    Column("places", "小数位 · places", "number", 8), Column("unit", "单位 · unit", "word", 10),
    Column("min", "最小 · min", "yaml", 10), Column("max", "最大 · max", "yaml", 10),
    Column("personal", "个人信息 · personal", "word", 9, _YES), _MORE,
)  # fmt: skip
CHOICES: Final = _sheet(
    "choices", "选项,次序有意义 · choices of fields; their order counts",
    Column("of", "所属 · of", "word", 24), Column("field", "字段 · field", "word", 20),
    Column("value", "选项 · choice", "word", 20), _LABEL,
)  # fmt: skip
INDICATORS: Final = _sheet(
    "indicators", "一级、二级指标和评分标准 · indicators of both levels, and standards",
    Column("section", "层级 · level", "word", 11, ("level1", "level2", "standards")), Column("id", "标识 · id"),
    Column("of", "所属 · of", "word", 10, "indicators:id"), _LABEL, Column("points", "分值 · points", "number", 9),
    Column("block", "信息类别 · block", "word", 12, ("public", "industry")), Column("mode", "方式 · mode"),
    Column("weight", "权重 · weight", "number", 9), Column("at_most", "上限 · at most", "number", 9),
    Column("minimum:points", "最低分 · minimum", "number", 9),
    Column("minimum:otherwise", "否则至多 · otherwise", "word", 9, "bands:grade"),
    Column("applies_to", "适用类型 · applies to", "names", 26),
    Column("suspended_by", "暂停它的认定(YAML)· suspended by, as YAML", "lines", 34), _MORE,
)  # fmt: skip
HOWS: Final = (
    "count", "sum", "min", "max", "share", "latest", "first", "days_since", "distinct", "formula", "points_lost",
)  # fmt: skip
MEASURES: Final = _sheet(
    "measures", "指标量;where、among 每行一项检验 · measures; one test a line in where and among",
    Column("measure", "名称 · measure", "word", 24), _LABEL, Column("how", "算法 · how", "word", 11, HOWS),
    Column("of", "对象 · of", "names", 20), Column("field", "字段 · field"),
    Column("where", "条件 · where", "lines", 36), Column("among", "占比范围 · among", "lines", 24),
    Column("active", "有效 · active", "word", 8, _YES), Column("formula", "公式 · formula", "yaml", 30),
    Column("within", "时间窗 · within", "yaml"), Column("on", "按日期 · on"),
    Column("when_nothing", "无可计算时 · when nothing", "yaml"),
    Column("places", "小数位 · places", "number", 7),
    Column("rounding", "取整 · rounding", "word", 9, ("down", "up", "half_up")), Column("unit", "单位 · unit"),
    Column("per", "分组 · per"), _MORE,
)  # fmt: skip
CONCLUSIONS: Final = ("finding", "standard", "ceiling", "veto", "status", "consequence")
RULES: Final = _sheet(
    "rules", "规则,每行一条;条件、分档、取值在后面三张表 · rules, one a row; see conditions, steps and gives",
    Column("file", "文件 · file", "word", 22, "files:file"), Column("id", "规则 · rule", "word", 22),
    Column("concludes", "结论种类 · concludes", "word", 12, CONCLUSIONS), Column("target", "结论 · what", "word", 20),
    Column("applies_to", "适用类型 · applies to", "names", 22), Column("points", "分值 · points", "number", 8),
    Column("measure", "分档指标量 · measure of steps", "word", 20, "measures:measure"),
    Column("by", "按选项 · by choice", "word", 16), Column("formula", "分值公式 · formula of points", "yaml", 20),
    Column("rounding", "取整 · rounding", "word", 9, ("down", "up", "half_up")),
    Column("at_most", "合计上限 · at most", "number", 8),
    Column("at_best", "封顶至 · at best", "word", 8, "bands:grade"),
    Column("grade", "否决为 · grade", "word", 8, "bands:grade"), _text("until", "期限", "until", 20),
    _text("because", "理由", "because", 60), _LAW, Column("remedy", "整改 · remedy", "names", 18),
    Column("unknown", "未知时 · unknown", "word", 13, ("does_not_fire", "fires")),
    Column("shares_event", "同一事件 · shares event", "names", 14), _MORE,
)  # fmt: skip
CONDITIONS: Final = _sheet(
    "conditions", "条件,每行一个;“2.1”是“2”之内的第一个 · conditions, one a row; 2.1 is the first inside 2",
    Column("rule", "规则 · rule", "word", 22, "rules:id"),
    Column("part", "部分 · part", "word", 9, ("for_each", "when")), Column("at", "序号 · place", "word", 7),
    Column("name", "别名或条件词 · alias or word", "word", 20),
    Column("is", "类型或指标量 · type or measure", "word", 22),
    Column("tests", "检验,每行一项 · tests, one a line", "lines", 42), Column("value", "值 · value", "yaml", 34),
    Column("within", "时间窗 · within", "yaml", 16), Column("on", "按日期 · on"),
    Column("active", "有效 · active", "word", 8, _YES),
)  # fmt: skip
COMPARED: Final = ("at_least", "above", "at_most", "below")
STEPS: Final = _sheet(
    "steps", "分档:自上而下第一个符合的;或按选项的分值 · steps, the first that holds counts; or points by choice",
    Column("rule", "规则 · rule", "word", 22, "rules:id"), Column("at_least", "至少 · at least", "yaml", 10),
    Column("above", "大于 · above", "yaml", 10), Column("at_most", "至多 · at most", "yaml", 10),
    Column("below", "小于 · below", "yaml", 10), Column("tests", "其他检验 · other tests", "lines", 24),
    Column("choice", "选项 · choice", "word", 14), Column("points", "分值 · points", "number", 9),
)  # fmt: skip
GIVES: Final = _sheet(
    "gives", "认定与后续措施各字段的值 · what rules give the fields of their findings and consequences",
    Column("rule", "规则 · rule", "word", 26, "rules:id"), Column("field", "字段 · field", "word", 22),
    Column("value", "值 · value", "yaml", 44),
)  # fmt: skip
BANDS: Final = _sheet(
    "bands", "等级,最好的在前 · grades, best first",
    Column("grade", "等级 · grade", "word", 8), _text("word", "名称", "word", 14), Column("colour", "颜色 · colour"),
    _text("colour_word", "颜色名称", "word for the colour", 14), Column("from", "自 · from", "number", 9),
    Column("to", "至 · to", "number", 9), Column("up_to", "不超过 · up to", "number", 9),
    Column("worst_single", "单项至多 · worst single", "number", 9),
    Column("demands", "附加要求(YAML)· demands, as YAML", "yaml", 40), _MORE,
)  # fmt: skip
REMEDIES: Final = _sheet(
    "remedies", "整改建议 · remedies",
    Column("remedy", "标识 · remedy", "word", 24), _text("text", "做什么", "what to do", 44),
    Column("effort", "费力 · effort", "number", 7), Column("lead_time", "所需时间 · lead time"),
    Column("restores", "恢复的标准 · restores", "yaml", 18),
    Column("recovers", "何时恢复 · recovers", "word", 9, ("now", "deed", "time")),
    _text("ask", "咨询", "whom to ask", 20),
    Column("excludes", "不能同做 · excludes", "names", 16), _MORE,
)  # fmt: skip
DEEDS: Final = _sheet(
    "deeds", "整改做成后,记录如何改变 · what remedies change in the facts",
    Column("remedy", "整改 · remedy", "word", 24, "remedies:remedy"),
    Column("again", "再次报送 · again", "lines", 40), Column("new", "新增 · new", "word", 20),
    Column("each", "逐条新增 · each", "lines", 30), Column("when", "前提 · when", "facts", 40),
    Column("times", "条数 · times", "yaml", 14), Column("gives", "取值 · gives", "lines", 44),
    Column("status", "新状态 · status", "word", 11), _MORE,
)  # fmt: skip
DAYS: Final = ("id", "first", "last", "weekend", "source:zh", "source:en", "holiday", "worked")
CALENDAR: Final = _sheet(
    "calendar", "工作日日历 · calendar of working days",
    Column("key", "项目 · key", "word", 12, DAYS),
    Column("value", "值或首日 · value or first day", "prose", 40), Column("through", "末日 · last day", "word", 14),
)  # fmt: skip
SCENARIOS: Final = _sheet(
    "scenarios", "情景;每行一条事实或一项应有的结果 · scenarios; one fact, and one expectation, a line",
    Column("file", "文件 · file", "word", 20, "files:file"),
    Column("part", "种类 · part", "word", 10, ("default", "given", "scenario", "case")),
    Column("name", "名称 · name", "prose", 40), Column("as_of", "评价日 · as of", "word", 12),
    Column("known_at", "知悉时点 · known at", "word", 14), Column("given", "开头 · given"),
    Column("producer", "主体 · producer", "lines", 20), Column("facts", "事实 · facts", "facts", 60),
    Column("and_facts", "另加的事实 · more facts", "facts", 30),
    Column("expect", "应有的结果 · expected", "lines", 44), _MORE,
)  # fmt: skip
CHANGES: Final = _sheet(
    "changes", "CHANGES.md,每行一格 · CHANGES.md, one cell a line", Column("text", "文字 · text", "prose", 140)
)

SHEETS: Final = (
    FILES, HEAD, LAWS, RIGHTS, NAMES, TYPES, FIELDS, CHOICES, INDICATORS, MEASURES, RULES, CONDITIONS, STEPS, GIVES,
    BANDS, REMEDIES, DEEDS, CALENDAR, SCENARIOS, CHANGES,
)  # fmt: skip
README: Final = "说明 Read me"

HEAD_KINDS: Final[dict[str, Kind]] = {
    "id": "word", "version": "word", "title:zh": "prose", "title:en": "prose", "status": "word", "notice:zh": "prose",
    "notice:en": "prose", "effective_from": "word", "effective_until": "word", "calendar": "word",
    "scoring:start": "number", "scoring:points": "word", "scoring:better": "word", "scoring:floor": "number",
    "scoring:ceiling": "number", "scoring:unit": "word", "scoring:not_applicable": "word", "scoring:rounding": "word",
    "require:law": "word", "require:scenario": "word",
}  # fmt: skip
"""The keys of the sheet `rulebook`, and what each holds."""
MORE: Final = "more:"
"""Begins the key, in the sheet `rulebook`, of what stands at the top of a file and in no other sheet."""
TOPS: Final[dict[str, tuple[str, ...]]] = {
    "rulebook.yaml": (
        "id", "version", "title", "status", "notice", "effective_from", "effective_until", "calendar", "scoring",
        "laws", "rights", "require",
    ),
    "vocabulary.yaml": (
        "kinds", "attributes", "statuses", "facts", "findings", "consequences", "producer_statuses", "ceilings",
        "vetoes",
    ),
    "indicators.yaml": ("level1", "level2", "standards"),
    "scenarios/": ("defaults", "givens", "scenarios"),
}  # fmt: skip
"""What at the top of each file has a sheet."""
CALENDAR_KEYS: Final = ("id", "first", "last", "weekend", "holidays", "worked", "source")
