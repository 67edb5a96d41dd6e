"""The shape of measures and rules as people write them.

Clauses, patterns and tests are open maps here, because their keys are names that the writer chose; the binder
reads those. What may stand in them is said in `schemas`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, RootModel

from knowledge.written import AnyText, Clause, Identifier, Name, Pattern, Points, Scalar, Written, YesNo

Tests = Annotated[dict[Name, Any], Field(json_schema_extra={"$shape": "Tests"})]
Window = Annotated[dict[str, Any], Field(json_schema_extra={"$shape": "Since"})]
Step = Annotated[dict[str, Any], Field(json_schema_extra={"$shape": "Step"})]
Table = Annotated[dict[str, Any], Field(json_schema_extra={"$shape": "Table"})]


class WrittenAggregate(Written):
    """指标量所看的事实。What a measure looks at."""

    of: Name
    """事实、认定或后续措施的类型 · a type of fact, finding or consequence"""
    field: Name | None = None
    """所读的字段 · the field that is read"""
    where: Tests = {}
    """条件,按字段 · tests by field"""
    among: Tests = {}
    """占比的分母条件,按字段 · for shares: among which facts, as tests by field"""
    active: YesNo | None = None
    """是否有效 · whether as_of lies within `lasts`"""


class WrittenPointsLost(Written):
    """扣分(计分)之和。Points lost (gained) in all."""

    of: Annotated[list[Identifier], Field(min_length=1)]
    """标准和指标 · standards and indicators"""


Aggregated: TypeAlias = WrittenAggregate | Name


class WrittenMeasure(Written):
    """一个指标量,恰有一种计算方式。A measure, computed in exactly one way."""

    measure: Name
    """名称 · its name"""
    label: AnyText
    """说明 · what it is called"""
    count: Aggregated | None = None
    """次数 · how many"""
    sum: Aggregated | None = None
    """合计 · the sum of a field"""
    min: Aggregated | None = None
    """最小值 · the least value of a field"""
    max: Aggregated | None = None
    """最大值 · the greatest value of a field"""
    share: Aggregated | None = None
    """占比:符合 where 的占 among 的比例 · the share of those with `where` among those with `among`"""
    latest: Aggregated | None = None
    """最近一次的值 · the value of the latest"""
    first: Aggregated | None = None
    """最早一次的值 · the value of the first"""
    days_since: Aggregated | None = None
    """距最近一次的天数 · days since the latest"""
    distinct: Aggregated | None = None
    """不同值的个数 · how many different values"""
    formula: str | int | None = None
    """公式:数、指标量、+ - * /、min、max、括号 · numbers, measures, + - * /, min, max, brackets"""
    places: Annotated[int, Field(ge=0, le=24)] | None = None
    """公式结果的小数位数 · decimal places of a formula's value"""
    points_lost: WrittenPointsLost | None = None
    """扣分之和,仅供后果规则 · points lost in all; for consequence rules"""
    within: str | Window | None = None
    """时间窗,如 12 months、5 working days、calendar year · the window"""
    on: Name | None = None
    """时间窗所用的日期字段 · the date field of the window"""
    when_nothing: Scalar | None = None
    """没有可计算的事实时的值,或 not_applicable · the value when there is nothing, or not_applicable"""
    rounding: Literal["down", "up", "half_up"] | None = None
    """除法的取整 · how division is rounded"""
    unit: str | None = None
    """单位 · unit"""
    per: Name | None = None
    """按此字段分组 · one value for each value of this field"""


class WrittenRule(Written):
    """一条规则,恰有一个结论。A rule, with exactly one conclusion."""

    rule: Identifier | None = None
    """标识;同一结论有多条规则时必写 · its id; needed where two rules share a conclusion"""
    finding: Name | None = None
    """结论:认定 · it concludes a finding"""
    standard: Identifier | None = None
    """结论:标准扣分(计分)· it takes (adds) points of a standard"""
    ceiling: Identifier | None = None
    """结论:封顶 · it sets the best grade still allowed"""
    veto: Identifier | None = None
    """结论:一票否决 · it fixes a grade"""
    status: Name | None = None
    """结论:主体状态 · it gives the producer a label"""
    consequence: Name | None = None
    """结论:后续措施 · it concludes a consequence, after the grade"""
    for_each: dict[Name, Pattern] = {}
    """逐条触发:别名与匹配式,每种组合触发一次 · patterns by alias; one deduction for each combination"""
    when: list[Clause] = []
    """条件,须全部成立 · clauses, all of which must hold"""
    measure: Name | None = None
    """分档所依据的指标量 · the measure that steps go by"""
    lose: Points | list[Step] | Table | None = None
    """扣分:整数、分档、按选项的表或公式 · points: a number, steps, a table or a formula"""
    gain: Points | list[Step] | Table | None = None
    """计分:整数、分档、按选项的表或公式 · points: a number, steps, a table or a formula"""
    at_most: Points | None = None
    """本规则合计的上限 · most points of this rule in all"""
    gives: dict[Name, Any] = {}
    """结论各字段的值:字面值、引用或指标量 · values of the conclusion by field: literals, references, measures"""
    at_best: str | int | None = None
    """封顶的等级 · the best grade still allowed"""
    grade: str | int | None = None
    """否决的等级 · the grade that the veto fixes"""
    until: AnyText | None = None
    """期限的说明 · how long it lasts, in words"""
    because: AnyText | None = None
    """理由;花括号中为值,如 {sample.sampled_on} · the reason, with values in braces"""
    law: Identifier | list[Identifier] = []
    """法律依据的标识 · ids of `laws`"""
    remedy: Identifier | list[Identifier] = []
    """整改建议的标识 · ids of remedies"""
    applies_to: Annotated[list[Name], Field(min_length=1)] | None = None
    """适用的主体类型 · kinds of producer"""
    unknown: Literal["does_not_fire", "fires"] = "does_not_fire"
    """条件未知时:不触发或触发 · what an unknown condition does"""
    shares_event: list[Identifier] = []
    """同一事件也可能扣分的其他标准 · other standards that may lose points for the same event"""


class Measures(RootModel[list[WrittenMeasure]]):
    """measures.yaml:指标量。Named numbers."""


class Rules(RootModel[list[WrittenRule]]):
    """rules/*.yaml:规则,文件与规则的次序无关。Rules; the order of files and rules never matters."""
