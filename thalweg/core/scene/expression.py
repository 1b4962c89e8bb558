"""Formulas in x and y as a person types them, read into a tree; nothing is ever handed to Python's own reader.

>>> parse("100*x**2 + y**2")
Call('+', (Call('*', (Number(100.0), Call('**', (Name('x'), Number(2.0))))), Call('**', (Name('y'), Number(2.0)))))
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

MOST_CHARACTERS = 400
MOST_NESTED = 40
"""Parentheses, powers and signs within one another at most."""

CONSTANTS = {"pi": math.pi, "e": math.e}
FUNCTIONS = {
    **dict.fromkeys(("sin", "cos", "tan", "exp", "log", "sqrt", "tanh", "sigmoid", "abs"), 1),
    **dict.fromkeys(("min", "max"), 2),
}
"""How many arguments each function takes."""

VARIABLES = ("x", "y")


class FormulaError(ValueError):
    """A text that is no formula; ``at`` is the place of the fault, from 0."""

    def __init__(self, sentence: str, at: int) -> None:
        super().__init__(sentence, at)
        self.at = at

    def __str__(self) -> str:
        return f"at character {self.at + 1}: {self.args[0]}"


@dataclass(frozen=True)
class Number:
    """A constant."""

    value: float

    def __repr__(self) -> str:
        return f"Number({self.value!r})"


@dataclass(frozen=True)
class Name:
    """A variable."""

    name: str

    def __repr__(self) -> str:
        return f"Name({self.name!r})"


@dataclass(frozen=True)
class Call:
    """An operator (``+ - * / ** neg``) or a function of its arguments."""

    name: str
    arguments: tuple[Node, ...]

    def __repr__(self) -> str:
        return f"Call({self.name!r}, {self.arguments!r})"


Node = Number | Name | Call

TOKEN = re.compile(
    r"\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|([A-Za-z]\w*)|(\*\*|[-+*/^(),·−²³]))", re.ASCII
)
BLANKS = " \t\n\r\f\v"
PRINTED = {"·": "*", "−": "-"}
"""Signs as they are printed, and as they are typed."""

LEFT = {"+": 1, "-": 1, "*": 2, "/": 2}
"""How tightly the operators bind that are read from left to right; a sign binds tighter, a power tighter still."""

SIGN, POWER = 3, 4
POWERS = {"²": 2.0, "³": 3.0}


def parse(text: str) -> Node:
    """The tree of a formula; ``**`` or ``^`` is a power. Raises FormulaError, with the place, for anything else."""
    if len(text) > MOST_CHARACTERS:
        raise FormulaError(
            f"the formula has {len(text)} characters; expected at most {MOST_CHARACTERS}", MOST_CHARACTERS
        )
    return _Reader(text).whole()


class _Reader:
    """Reads a formula token by token, by the precedence of its operators (Pratt 1973)."""

    def __init__(self, text: str) -> None:
        self.tokens = [*_tokens(text), ("end", "", len(text))]
        self.next, self.depth = 0, 0

    def whole(self) -> Node:
        found = self.expression(0)
        self.expect("end")
        return found

    @property
    def here(self) -> tuple[str, str, int]:
        return self.tokens[self.next]

    def expect(self, wanted: str) -> None:
        kind, text, at = self.here
        if wanted not in (kind, text):
            raise FormulaError(f"{_said(kind, text)} is not expected here; expected {_wanted(wanted, kind)}", at)
        self.next += 1

    def expression(self, least: int) -> Node:
        self.depth += 1
        if self.depth > MOST_NESTED:
            raise FormulaError(f"more than {MOST_NESTED} parts within one another", self.here[2])
        found = self.operand()
        while True:
            kind, text, _ = self.here
            if text in POWERS and least <= POWER:
                self.next += 1
                found = Call("**", (found, Number(POWERS[text])))
            elif text in ("**", "^") and least <= POWER:
                self.next += 1
                found = Call("**", (found, self.expression(SIGN)))  # from right to left, and 2**-1 is one
            elif kind == "operator" and least <= LEFT.get(text, -1):
                self.next += 1
                found = Call(text, (found, self.expression(LEFT[text] + 1)))
            else:
                break
        self.depth -= 1
        return found

    def operand(self) -> Node:
        kind, text, at = self.here
        self.next += 1
        if kind == "number":
            return Number(float(text))
        if text in ("-", "+"):
            inner = self.expression(SIGN)
            return Call("neg", (inner,)) if text == "-" else inner
        if text == "(":
            found = self.expression(0)
            self.expect(")")
            return found
        if kind != "name":
            raise FormulaError(f"{_said(kind, text)} is not expected here; expected a number, x, y or a function", at)
        if text in VARIABLES:
            return Name(text)
        if text in CONSTANTS:
            return Number(CONSTANTS[text])
        if text not in FUNCTIONS:
            known = ", ".join((*VARIABLES, *CONSTANTS, *FUNCTIONS))
            raise FormulaError(f"'{text[:20]}' is not known; known are {known}", at)
        return Call(text, self.arguments(text, FUNCTIONS[text], at))

    def arguments(self, name: str, count: int, at: int) -> tuple[Node, ...]:
        self.expect("(")
        found = [self.expression(0)]
        while self.here[1] == ",":
            self.next += 1
            found.append(self.expression(0))
        self.expect(")")
        if len(found) < count or (count == 1 and len(found) > 1):
            wanted = "one argument" if count == 1 else "at least two arguments"
            raise FormulaError(f"{name} has {len(found)} arguments here; it takes {wanted}", at)
        return tuple(found)


def _tokens(text: str) -> list[tuple[str, str, int]]:
    """Kind, text and place of each token."""
    found, at = [], 0
    end = len(text.rstrip(BLANKS))
    while at < end:
        match = TOKEN.match(text, at)
        if match is None:
            place = at + len(text[at:]) - len(text[at:].lstrip(BLANKS))
            raise FormulaError(f"{text[place]!r} is not part of a formula", place)
        kind = ("number", "name", "operator")[(match.lastindex or 1) - 1]
        sign = match[match.lastindex or 1]
        found.append((kind, PRINTED.get(sign, sign), match.start(match.lastindex or 1)))
        at = match.end()
    return found


def _said(kind: str, text: str) -> str:
    return "the end" if kind == "end" else f"'{text[:20]}'"


def _wanted(wanted: str, found: str) -> str:
    if wanted == "end":
        return "an operator (write 3*x for three times x)" if found in ("name", "number") else "an operator or the end"
    return f"'{wanted}'"
