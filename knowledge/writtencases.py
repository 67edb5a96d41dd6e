"""The shape of scenarios as people write them: cases that must come out as written."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, RootModel

from knowledge.written import Day, Name, Scalar, Written


class WrittenExpectation(Written):
    """应有的结果。What must come out of a case."""

    grade: str | int | None = None
    """等级 · the grade"""
    score: Scalar | None = None
    """得分 · the score"""
    score_grade: str | int | None = None
    """得分等级 · the grade by score alone"""
    points_lost: dict[str, Scalar] | None = None
    """各标准扣分 · points lost by standard"""
    points: dict[str, Scalar] | None = None
    """各标准扣分或计分 · points lost or gained by standard"""
    findings: dict[str, Any] | None = None
    """各认定的个数或内容 · findings by name: how many, or what they hold"""
    fired: dict[str, int | None] | list[Scalar] | None = None
    """触发的规则及次数 · rules that fire, and how often"""
    law: dict[str, list[Scalar]] | None = None
    """触发的规则所依据的全部条文 · exactly the articles that rules that fire cite"""
    not_fired: dict[str, Any] | list[Scalar] | None = None
    """未触发的规则及不成立的条件 · rules that don't fire, and the clauses that failed"""
    unknown: list[Scalar] | None = None
    """未知的规则 · rules that are unknown"""
    not_applicable: list[Scalar] | None = None
    """不适用的规则 · rules that don't apply"""
    ceilings: list[Scalar] | None = None
    """全部封顶 · exactly these ceilings"""
    vetoes: list[Scalar] | None = None
    """全部否决 · exactly these vetoes"""
    statuses: list[Scalar] | None = None
    """全部主体状态 · exactly these producer statuses"""
    consequences: dict[str, Any] | list[Scalar] | None = None
    """后续措施的个数或内容 · consequences by name: how many, or what they hold"""
    remedies: list[Scalar] | None = None
    """必有的整改建议 · remedies that must be offered"""
    next_change_on: Day | None = None
    """下次可能变化日 · the next day of change"""
    measures: dict[str, Any] | None = None
    """指标量的值 · measures by name"""
    error: str | None = None
    """错误代码 · an error's code"""


class WrittenCase(Written):
    """情景的一种情形,或命名的开头。A case of a scenario, or a named beginning."""

    as_of: Day | None = None
    """评价日 · the day that it is graded on"""
    known_at: str | None = None
    """知悉时点 · the moment whose knowledge is used"""
    producer: dict[str, Any] | None = None
    """主体:类型、地区和属性 · the producer: kind, region and attributes"""
    facts: list[dict[str, Any]] | None = None
    """事实,每条写成 类型: {字段: 值} · facts, each `type: {field: value}`"""
    and_facts: list[dict[str, Any]] | None = None
    """另加的事实 · facts added to those of the scenario"""
    expect: WrittenExpectation | None = None
    """应有的结果 · what must come out"""


class WrittenScenario(WrittenCase):
    """一个情景;其各种情形只写不同之处。A scenario; each of its cases overrides it."""

    name: Annotated[str, Field(min_length=1)]
    """名称,一句话 · its name, a sentence"""
    given: str | None = None
    """所用的开头 · the named beginning that it starts from"""
    cases: dict[str, WrittenCase] | None = None
    """各种情形,按名称 · its cases by name"""


class WrittenScenarios(Written):
    """一个情景文件。A file of scenarios with what they share."""

    defaults: dict[Name, dict[str, Any]] | None = None
    """各类事实的默认字段值 · values filled in for each fact of a type"""
    givens: dict[str, WrittenCase] | None = None
    """开头,按名称 · named beginnings"""
    scenarios: list[WrittenScenario]
    """情景 · the scenarios"""


class Scenarios(RootModel[list[WrittenScenario]]):
    """只有情景的文件。A file of scenarios that share nothing."""
