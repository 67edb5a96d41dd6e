"""Arithmetic of FEEL as formulas of a rulebook, which are exact: decimals have as many places as they need.

FEEL computes with 34 digits. What has more, such as 1/3, is rounded there and refused here, unless FEEL is asked to
round it, or it is only compared: then both sides are multiplied by the divisor.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Final

from authoring.dmn_values import Names, NotCarried, Variable, digits
from authoring.feel_tree import Call, Expr, Lit, Name, Sum, names_of

MOST_IN_BETWEEN: Final = 24
_LONGEST: Final = 10**15
_ROUNDED: Final = {"down": "floor", "up": "ceiling", "half_up": "round half up"}
ZERO: Final = Lit(Decimal(0))
_ONE: Final = Lit(Decimal(1))


@dataclass(frozen=True, slots=True)
class Formula:
    """One measure's arithmetic: its text, its decimal places, and how it is rounded to them."""

    text: str
    places: int
    rounding: str | None = None


@dataclass(slots=True)
class Formulas:
    """Makes formulas; the measures that they need are collected."""

    names: Names
    made: dict[Formula, str] = field(default_factory=dict)
    """Measures by what they compute."""
    computed: dict[Variable, None] = field(default_factory=dict)
    """The variables that formulas read, in the order in which they were met."""
    labels: dict[str, str] = field(default_factory=dict)
    """What measures compute, in the words of the file."""

    def measure(self, expr: Expr, places: int | None = None) -> str:
        """Return the measure that holds an expression's value, with at least so many places.

        Raises:
            NotCarried: it isn't exact in decimals, or no number.
        """
        own = places_of(expr, self.names)
        if isinstance(expr, Name) and places in (None, own):
            return self.read(self.names.of(expr))
        formula = Formula(self.text(expr), own if places is None else max(own, places))
        made = next((one for one, name in self.made.items() if name == formula.text), None)
        if made is not None and made.places == formula.places:
            return formula.text
        return self._measure(formula, _shown(expr))

    def read(self, variable: Variable) -> str:
        """Return the measure that holds a number of a variable."""
        self.computed[variable] = None
        return variable.measure

    def text(self, expr: Expr, above: int = 0) -> str:
        """Return exact arithmetic in the rulebook's words; in brackets where a sign `above` binds more tightly."""
        match expr:
            case Lit(Decimal() as value):
                return _written(value)
            case Name():
                return self.read(self.names.of(expr))
            case Sum("/", left, Lit(Decimal() as by)):
                return self.text(Sum("*", left, Lit(inverse(by))), above)
            case Sum("*", left, right):
                text = f"{self.text(left, 2)} * {self.text(right, 3)}"
                return f"({text})" if above > 2 else text
            case Sum(sign, left, right):
                text = f"{self.text(left, 1)} {sign} {self.text(right, 2)}"
                return f"({text})" if above > 1 else text
            case Call("min" | "max" as name, args):
                return f"{name}({', '.join(self.text(arg) for arg in args)})"
            case Call():
                return self._rounded(expr)
        raise NotCarried("only numbers are computed with")

    def _rounded(self, call: Call) -> str:
        """Return the measure of a number that is rounded as FEEL says."""
        top, under = quotient(call.args[0])
        if under is None and places_of(top, self.names) <= call.places:
            return self.measure(top)
        if call.function in ("floor", "ceiling"):
            return self._divided(top, under, call.places, "down" if call.function == "floor" else "up")
        if call.function in ("round up", "round down"):
            down, up = (self._divided(top, under, call.places, way) for way in ("down", "up"))
            inner, outer = (up, down) if call.function == "round up" else (down, up)
            return self._measure(Formula(f"max({inner}, 0) + min({outer}, 0)", call.places), _shown(call))
        nearer = self._divided(top, under, call.places, "half_up")
        opposite = self._divided(Sum("-", ZERO, top), under, call.places, "half_up")
        if call.function == "round half up":
            return self._measure(Formula(f"max({nearer}, 0) + min(0 - {opposite}, 0)", call.places), _shown(call))
        if call.function == "round half down":
            return self._measure(Formula(f"max(0 - {opposite}, 0) + min({nearer}, 0)", call.places), _shown(call))
        # halves go to the even digit: both ways of rounding differ there, by one in the last place
        whole = f"{_shown(call)} * {10**call.places}"
        last = self._measure(Formula(f"{nearer} * {10**call.places}", 0, "down"), f"round half up: {whole}")
        half = self._measure(Formula(f"{last} / 2", 0, "down"), f"floor: {whole} / 2")
        odd = f"({last} - {half} * 2)"
        return self._measure(Formula(f"{nearer} - ({nearer} + {opposite}) * {odd}", call.places), _shown(call))

    def _divided(self, top: Expr, under: Expr | None, places: int, rounding: str) -> str:
        divisor = "" if under is None else f" / {self.text(under, 3)}"
        told = f"{_ROUNDED[rounding]}({_shown(top if under is None else Sum('/', top, under))}, {places})"
        return self._measure(Formula(f"{self.text(top, 2 if divisor else 0)}{divisor}", places, rounding), told)

    def _measure(self, formula: Formula, told: str) -> str:
        if formula.places > MOST_IN_BETWEEN:
            raise NotCarried(f"it needs {formula.places} decimal places, and formulas have at most {MOST_IN_BETWEEN}")
        name = self.made.setdefault(formula, f"x_{len(self.made) + 1}")
        self.labels.setdefault(name, told)
        return name


def places_of(expr: Expr, names: Names) -> int:
    """Return how many decimal places a number may need.

    Raises:
        NotCarried: no number of places is enough, or it is no number.
    """
    match expr:
        case Lit(Decimal() as value):
            return digits(value)
        case Name():
            variable = names.of(expr)
            if variable.kind != "number":
                raise NotCarried(f"`{variable.label}` is {variable.kind}, and only numbers are computed with")
            return variable.places
        case Sum("/", left, Lit(Decimal() as by)):
            return places_of(left, names) + digits(inverse(by))
        case Sum("/"):
            raise NotCarried("a quotient may have digits without end; round it, as in `decimal(…, 2)`")
        case Sum("*", left, right):
            return places_of(left, names) + places_of(right, names)
        case Sum(_, left, right):
            return max(places_of(left, names), places_of(right, names))
        case Call():
            return _places_of_call(expr, names)
    raise NotCarried("only numbers are computed with, and this is none")


def _places_of_call(call: Call, names: Names) -> int:
    if call.function in ("min", "max"):
        return max(places_of(arg, names) for arg in call.args)
    top, under = quotient(call.args[0])
    own = places_of(top, names)
    if under is None:
        return min(own, call.places)
    places_of(under, names)
    return call.places


def inverse(number: Decimal) -> Decimal:
    """Return 1 / number.

    Raises:
        NotCarried: it has digits without end, or there is none.
    """
    if not number:
        raise NotCarried("nothing is divided by zero")
    exact = 1 / Fraction(number)
    places = next((places for places in range(13) if 10**places % exact.denominator == 0), None)
    if places is None:
        raise NotCarried(f"a division by {number} may have digits without end; round it, as in `decimal(…, 2)`")
    return Decimal(exact.numerator * 10**places // exact.denominator).scaleb(-places)


def quotient(expr: Expr) -> tuple[Expr, Expr | None]:
    """Return a number as a dividend and a divisor, None where there is no division that may have digits without end."""
    match expr:
        case Sum("/", left, right):
            if not isinstance(right, Lit) or not _is_plain(right):
                return left, right
            top, under = quotient(left)
            return (expr, None) if under is None else (Sum("/", top, right), under)
        case Sum("*", left, right) if isinstance(right, Lit) and _is_plain(right):
            top, under = quotient(left)
            return (expr, None) if under is None else (Sum("*", top, right), under)
        case Sum("*", left, right) if isinstance(left, Lit) and _is_plain(left):
            top, under = quotient(right)
            return (expr, None) if under is None else (Sum("*", left, top), under)
        case Sum("-", Lit(Decimal() as none), right) if not none:
            top, under = quotient(right)
            return (expr, None) if under is None else (Sum("-", ZERO, top), under)
    return expr, None


def divisors(expr: Expr) -> list[Expr]:
    """Return the divisors that may be zero: with any of them, an expression has no value."""
    match expr:
        case Sum(sign, left, right):
            own = [right] if sign == "/" and not isinstance(right, Lit) else []
            return [*divisors(left), *divisors(right), *own]
        case Call(_, args):
            return [one for arg in args for one in divisors(arg)]
    return []


def names_read(expr: Expr) -> dict[Name, None]:
    """Return the variables that an expression reads, each once."""
    return dict.fromkeys(names_of(expr))


def _shown(expr: Expr, above: int = 0) -> str:
    """Return arithmetic in the words of the file; in brackets where a sign `above` binds more tightly."""
    match expr:
        case Lit(value):
            return str(value)
        case Name(name, part):
            return name if part is None else f"{name}.{part}"
        case Sum("-", Lit(Decimal() as none), right) if not none:
            return f"-{_shown(right, 3)}"
        case Sum(sign, left, right):
            level = 1 if sign in "+-" else 2
            text = f"{_shown(left, level)} {sign} {_shown(right, level + 1)}"
            return f"({text})" if above > level else text
        case Call(function, args, places):
            listed = ", ".join(_shown(arg) for arg in args)
            return f"{function}({listed})" if function in ("min", "max") else f"{function}({listed}, {places})"
    return "?"


def _is_plain(number: Lit) -> bool:
    """Say whether a number and 1 / number both have an end, so that what it scales has one if it had."""
    try:
        return isinstance(number.value, Decimal) and bool(inverse(number.value))
    except NotCarried:
        return False


def _written(value: Decimal) -> str:
    if abs(value) >= _LONGEST or digits(value) > 12:
        raise NotCarried(f"the number {value} is too long to compute with")
    text = f"{abs(value):f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text if value >= 0 else f"(0 - {text})"
