"""The shape of vocabulary.yaml as people write it."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from knowledge.written import AnyText, Identifier, Name, Scalar, Written, YesNo


class WrittenField(Written):
    """一个字段。A field in full."""

    type: Literal["text", "choice", "whole", "decimal", "yes_no", "date"]
    """类型:文本、选项、整数、小数、是否、日期 · its type"""
    label: AnyText | None = None
    """名称 · what it is called"""
    of: list[Scalar] | dict[str, AnyText] | None = None
    """选项,或选项及其名称 · the choices, or the choices with their words"""
    ordered: YesNo = "no"
    """选项由低到高排列,可比大小 · whether choices go from low to high and may be compared"""
    optional: YesNo | None = None
    """可缺 · whether it may be missing"""
    places: Annotated[int, Field(ge=0, le=12)] = 0
    """小数位数 · decimal places"""
    unit: str | None = None
    """单位 · unit"""
    min: Scalar | None = None
    """最小值 · the least value"""
    max: Scalar | None = None
    """最大值;文本为最大长度 · the greatest value; of a text its length"""
    personal: YesNo = "no"
    """个人信息,不向公众显示 · never shown to the public"""


AnyField: TypeAlias = WrittenField | Literal["text", "whole", "yes_no", "date"]


class WrittenKind(Written):
    """一类主体。A kind of producer in full."""

    label: AnyText
    """名称 · what it is called"""
    natural_person: YesNo = "no"
    """是否按自然人保护 · whether the law protects its public data"""


class WrittenStatus(Written):
    """一种事实状态。A state of knowledge about a fact."""

    label: AnyText
    """名称 · what it is called"""
    counts: YesNo
    """是否计入 · whether rules see facts in it"""


class WrittenSource(Written):
    """事实的来源。Where facts of a type come from."""

    system: str
    """来源系统 · the system"""
    block: Literal["public", "industry"] | None = None
    """公共信息或行业信息 · the block of information"""


class WrittenLasts(Written):
    """有效期。From when until when a state fact is active."""

    start: Name = Field(alias="from")
    """起始日的字段:第一个有效日 · the field of the first day active"""
    until: Name | None = None
    """截止日的字段:第一个不再有效的日子 · the field of the first day no longer active"""
    through: Name | None = None
    """截止日的字段:最后一个有效日 · the field of the last day active"""


class WrittenConclusion(Written):
    """一种认定或后续措施。A finding or consequence."""

    label: AnyText
    """名称 · what it is called"""
    dated: Name | None = None
    """计时日期的字段 · the date that windows use"""
    lasts: WrittenLasts | None = None
    """有效期 · from when until when it is active"""
    fields: dict[Name, AnyField] = {}
    """字段,按名称 · fields by name"""


class WrittenFactType(WrittenConclusion):
    """一种事实。A type of fact."""

    source: WrittenSource | None = None
    """来源 · where it comes from"""
    same_when: list[Name] = []
    """这些字段相同即为同一事实 · facts equal in these fields are one fact"""
    tells: Literal["against", "for"] | None = None
    """多一条这样的事实:不利(against)则得分和等级不会更好,有利(for)则不会更差 · one more such fact never makes
    score and grade better (against) or worse (for)"""
    about: Literal["everyone"] | None = None
    """关于全体的事实:只记录一次,属于每个主体 · recorded once and part of every producer's case"""


class WrittenVocabulary(Written):
    """vocabulary.yaml:词汇表。The words of the field."""

    kinds: Annotated[dict[Name, WrittenKind | AnyText], Field(min_length=1)]
    """主体类型,按名称 · kinds of producer by name"""
    attributes: dict[Name, AnyField] = {}
    """主体属性,按名称 · attributes of the producer by name"""
    statuses: dict[Name, WrittenStatus] = {}
    """事实状态,按名称 · states of knowledge by name"""
    facts: Annotated[dict[Name, WrittenFactType], Field(min_length=1)]
    """事实类型,按名称 · types of fact by name"""
    findings: dict[Name, WrittenConclusion] = {}
    """认定,按名称 · findings by name"""
    consequences: dict[Name, WrittenConclusion] = {}
    """后续措施,按名称 · consequences by name"""
    producer_statuses: dict[Name, AnyText] = {}
    """主体状态,按名称 · labels that a producer may carry, by name"""
    ceilings: dict[Identifier, AnyText] = {}
    """封顶,按标识 · ceilings by id"""
    vetoes: dict[Identifier, AnyText] = {}
    """一票否决,按标识 · vetoes by id"""
