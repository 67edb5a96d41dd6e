"""The shape of rulebook.yaml, indicators, bands, remedies and the calendar as people write them, and what is shared.

Vocabulary stands in `writtenwords`, measures and rules in `writtenrules`, scenarios in `writtencases`. The JSON
schemas come from these models (`schemas`): what stands below a key is what an editor shows for it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, RootModel

IDENTIFIER = r"^[A-Za-z][A-Za-z0-9_.\-]{0,59}$"
NAME = r"^[a-z][a-z0-9_]{0,59}$"
DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
DURATION = r"^[0-9]{1,4} (working days?|days?|weeks?|months?|years?)$"
LINK = r"^https?://[^\s<>\"']+$"
FILE = r"^[A-Za-z0-9_\-]+\.yaml$"
IN_WORDS = {
    IDENTIFIER: "letters, digits, `_`, `-` and `.`, beginning with a letter, at most 60",
    NAME: "lower-case letters, digits and `_`, beginning with a letter, at most 60",
    DAY: "a date such as `2026-03-01`",
    DURATION: "a length such as `12 months`, `90 days` or `5 working days`",
    LINK: "an address such as `https://…`",
    FILE: "a file beside rulebook.yaml, such as `calendar.yaml`",
}
"""What the patterns ask for, said to people."""

Identifier = Annotated[str, Field(pattern=IDENTIFIER)]
Name = Annotated[str, Field(pattern=NAME)]
Day = Annotated[str, Field(pattern=DAY)]
Points = Annotated[int, Field(ge=0, le=1_000_000)]
Total = Annotated[int, Field(ge=-(10**15), le=10**15)]
YesNo: TypeAlias = Literal["yes", "no"] | bool
Scalar: TypeAlias = str | int | Decimal | bool
Duration = Annotated[str, Field(pattern=DURATION)]
Pattern = Annotated[dict[str, Any], Field(json_schema_extra={"$shape": "Pattern"})]
"""An open map, of which `schemas` says what may stand in it."""


class Written(BaseModel):
    """A map whose keys are all known."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class WrittenText(Written):
    """文本,中文必填。A text; Chinese is required."""

    zh: Annotated[str, Field(min_length=1)]
    """中文 · Chinese"""
    en: Annotated[str, Field(min_length=1)] | None = None
    """英文 · English"""


AnyText: TypeAlias = WrittenText | Annotated[str, Field(min_length=1)]


class WrittenScoring(Written):
    """分数如何由分值得出。How points become a score."""

    start: Points
    """起始分 · the score to begin with"""
    points: Literal["lost", "gained"]
    """扣分或计分 · whether standards take points away or add them"""
    better: Literal["higher", "lower"]
    """分高为优或分低为优 · which scores are better"""
    floor: Total | None = None
    """最低分 · the lowest score"""
    ceiling: Total | None = None
    """最高分 · the highest score"""
    unit: Literal["whole", "tenths", "hundredths"] = "whole"
    """分值的最小单位;所有分值都是它的整数倍 · the smallest unit, of which all points are whole numbers"""
    not_applicable: Literal["leaves_the_fraction", "keeps_its_points"] = "leaves_the_fraction"
    """不适用的标准:按适用满分折算,或照记满分 · what becomes of standards that don't apply"""
    rounding: Literal["down", "up", "half_up"] = "half_up"
    """折算时的取整 · how a score in proportion is rounded"""


class WrittenLaw(Written):
    """一条法律依据。An article of law."""

    title: AnyText
    """法规名称 · title of the law"""
    article: str | int | None = None
    """条 · number of the article"""
    label: AnyText | None = None
    """引用时的写法,不写则由名称和条组成 · how it is cited; made from title and article if absent"""
    effective_from: Day | None = None
    """施行首日 · first day in force"""
    effective_until: Day | None = None
    """失效首日 · first day no longer in force"""
    mark: str | None = None
    """原文核对程度 · how well the source was read"""
    href: Annotated[str, Field(pattern=LINK)] | None = None
    """原文网址 · address of the source"""


class WrittenRequire(Written):
    """小规则包可以免除的检查。Checks that a small rulebook may switch off."""

    law: YesNo = "yes"
    """每条扣分、限级的规则都要写明依据 · rules that take points or limit the grade must name a law"""
    scenario: YesNo = "yes"
    """每条规则都要有情景检验 · each rule must be tried by a scenario"""


class WrittenRight(Written):
    """主体可以行使的一项权利,写入决定书。What a producer may do about its grade; told in letters."""

    title: AnyText
    """名称,如“提出异议” · what it is called"""
    text: AnyText
    """向谁、怎样、在什么期限内 · to whom, how, and within which time"""
    law: list[Identifier] = []
    """法律依据 · the articles it rests on"""


class WrittenHead(Written):
    """rulebook.yaml:规则包本身。The rulebook itself."""

    id: Identifier
    """规则包标识 · id of the rulebook"""
    version: Annotated[str, Field(min_length=1, max_length=30)]
    """版本,加引号 · the version, in quotes"""
    title: AnyText
    """名称 · title"""
    status: Literal["official", "reconstruction", "draft"]
    """性质:正式、重构、草案 · its standing"""
    notice: AnyText | None = None
    """声明,随每个等级显示;非正式者必填 · shown with every grade; required unless official"""
    effective_from: Day
    """施行首日 · first day in force"""
    effective_until: Day | None = None
    """失效首日 · first day no longer in force"""
    calendar: Annotated[str, Field(pattern=FILE)] | None = None
    """工作日日历的文件 · the file of working days"""
    scoring: WrittenScoring
    """计分方式 · how points become a score"""
    laws: dict[Identifier, WrittenLaw] = {}
    """法律依据,按标识;规则以标识引用 · articles of law by id, which rules name"""
    rights: list[WrittenRight] = []
    """主体的权利和期限,按写明的顺序告知 · what the producer may do, and by when; told in this order"""
    require: WrittenRequire = WrittenRequire()
    """要求的检查 · which checks are asked for"""


class WrittenMinimum(Written):
    """指标须达到的分值。What an indicator must reach."""

    points: Points
    """剩余分值的下限(计分制为上限)· points that must be left (gained: at most)"""
    otherwise: str
    """未达到时的最好等级 · the best grade otherwise"""


class WrittenLevel1(Written):
    """一级指标。A level-1 indicator."""

    id: Identifier
    """标识 · id"""
    label: AnyText
    """名称 · what it is called"""
    points: Points
    """分值,等于下级之和 · its points, the sum of what lies below"""
    block: Literal["public", "industry"] | None = None
    """公共信息或行业信息 · where its data come from"""
    weight: Annotated[int, Field(ge=1, le=1000)] = 1
    """权重 · how often points below it count in the score"""
    at_most: Points | None = None
    """下级合计的上限 · most points that can be lost (gained) below it"""
    minimum: WrittenMinimum | None = None
    """最低要求 · what it must reach"""


class WrittenLevel2(WrittenLevel1):
    """二级指标。A level-2 indicator."""

    of: Identifier
    """所属一级指标 · its level-1 indicator"""


class WrittenStandard(Written):
    """评分标准。A scoring standard."""

    id: Identifier
    """标识 · id"""
    of: Identifier
    """所属二级指标 · its level-2 indicator"""
    label: AnyText
    """名称 · what it is called"""
    points: Points
    """分值 · its points"""
    mode: str | None = None
    """负向、正向或推导 · negative, positive or derived; free"""
    applies_to: Annotated[list[Name], Field(min_length=1)] | None = None
    """适用的主体类型,不写为全部 · kinds of producer; all if absent"""
    suspended_by: Pattern | None = None
    """暂停它的认定,写成匹配式 · a finding that suspends it, as a pattern"""


class WrittenIndicators(Written):
    """indicators.yaml:两级指标和评分标准。Both levels of indicators, and the standards."""

    level1: Annotated[list[WrittenLevel1], Field(min_length=1)]
    """一级指标 · level-1 indicators"""
    level2: Annotated[list[WrittenLevel2], Field(min_length=1)]
    """二级指标 · level-2 indicators"""
    standards: Annotated[list[WrittenStandard], Field(min_length=1)]
    """评分标准 · standards"""


class WrittenDemand(Written):
    """等级的附加要求。More that a grade asks for than a total."""

    indicator: Identifier
    """指标 · an indicator of either level"""
    at_least: Points | None = None
    """剩余(计得)分值至少 · points left (gained), at least"""
    at_most: Points | None = None
    """剩余(计得)分值至多 · points left (gained), at most"""


class WrittenBand(Written):
    """一个等级。A grade."""

    grade: Annotated[str, Field(min_length=1, max_length=20)] | int
    """等级 · the grade"""
    word: AnyText
    """等级的名称 · the word for it"""
    colour: str | None = None
    """颜色 · its colour"""
    colour_word: AnyText | None = None
    """颜色的名称 · the word for the colour"""
    low: Total | None = Field(default=None, alias="from")
    """最低分(分高为优)· its lowest score, where higher is better"""
    to: Total | None = None
    """最高分,不写则到上一等级为止 · its highest score; up to the grade above if absent"""
    up_to: Total | None = None
    """最高分(分低为优)· its highest score, where lower is better"""
    worst_single: Points | None = None
    """单项标准至多 · no standard may have lost (gained) more"""
    demands: list[WrittenDemand] = []
    """附加要求 · demands on indicators"""


Clause = Annotated[dict[str, Any], Field(json_schema_extra={"$shape": "Clause"})]
Operand = Annotated[Any, Field(json_schema_extra={"$shape": "Operand"})]


class WrittenAct(Written):
    """整改做成后,记录如何改变:恰有 again 或 new。What a deed changes in the facts: either `again` or `new`."""

    again: Pattern | None = None
    """再次报送:符合的每条事实,以别名 it 引用 · each fact that fits, called `it`, is reported again"""
    new: Name | None = None
    """新的事实:类型 · the type of a new fact"""
    each: Pattern | None = None
    """为符合的每条事实(别名 it)各增一条;仅用于 new · one new fact for each that fits, called `it`"""
    when: list[Clause] = []
    """另有(别名)或没有(no 别名)这样的记录时才做 · patterns: only if some such record exists, or `no …` exists"""
    times: Annotated[int, Field(ge=1, le=1000)] | str = 1
    """新增几条:整数,或整数、指标量的公式 · how many new facts: a number, or a formula of numbers and measures"""
    gives: dict[Name, Operand] = {}
    """字段的值;as_of 为做成之日 · values by field; `as_of` is the day on which the deed is done"""
    status: Name | None = None
    """事实的新状态;仅用于 again · the new status of the facts; with `again` only"""


class WrittenRemedy(Written):
    """整改建议。A deed that restores points."""

    remedy: Identifier
    """标识 · its id"""
    text: AnyText
    """要做什么 · what to do"""
    effort: Annotated[int, Field(ge=1, le=5)]
    """费力程度,1 一小时至 5 数月 · 1 an hour to 5 months of work"""
    lead_time: Duration
    """所需时间 · how long it takes"""
    restores: list[Identifier] | dict[Identifier, Literal["all", "half"] | Annotated[int, Field(ge=1)]] = []
    """恢复哪些标准的分值,各恢复多少 · the standards whose points come back, and how many"""
    recovers: Literal["now", "deed", "time"]
    """立即恢复、整改恢复或到期恢复 · whether points come back at once, by the deed, or with time"""
    ask: AnyText | None = None
    """咨询对象 · whom to ask"""
    does: list[WrittenAct] = []
    """做成后记录如何改变;只随时间恢复的不写 · what it changes in the facts; nothing where only time heals"""
    excludes: list[Identifier] = []
    """不能与之同做的整改 · remedies that can't be done beside it"""


class WrittenSpan(Written):
    """一段日期,首尾都算。Days from one to another, both included."""

    start: Day = Field(alias="from")
    """首日 · first day"""
    through: Day
    """末日 · last day"""


Weekday: TypeAlias = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class WrittenCalendar(Written):
    """日历:哪些天是工作日。The calendar: which days are worked."""

    id: Identifier
    """标识 · its id"""
    first: Day
    """日历首日 · first day that it knows"""
    last: Day
    """日历末日 · last day that it knows"""
    weekend: list[Weekday]
    """每周的休息日 · days of the week that aren't worked"""
    holidays: list[Day | WrittenSpan] = []
    """节假日 · days that aren't worked"""
    worked: list[Day | WrittenSpan] = []
    """调休的工作日 · weekend days that are worked"""
    source: AnyText | None = None
    """来源 · where it comes from"""


class Bands(RootModel[Annotated[list[WrittenBand], Field(min_length=2)]]):
    """bands.yaml:等级,最好的在前。The grades, best first."""


class Remedies(RootModel[list[WrittenRemedy]]):
    """remedies.yaml:整改建议。The deeds that restore points."""
