"""Between typed text and values. What cannot be read stays the text, for the spec to answer."""

from __future__ import annotations

import math
import re
from decimal import Decimal


def read_whole(text: str) -> int | str:
    """The whole number in a text, scientific notation included; the text itself when there is none.

    >>> read_whole("1e3"), read_whole("ten")
    (1000, 'ten')
    """
    text = text.strip().replace("−", "-")
    try:
        return int(text)
    except ValueError:
        number = read_number(text)
    return int(number) if isinstance(number, float) and number.is_integer() else text


def read_number(text: str) -> float | str:
    """The number in a text; the text itself when there is none.

    >>> read_number("1e-3"), read_number("fast")
    (0.001, 'fast')
    """
    text = text.strip().replace("−", "-")
    try:
        return float(text)
    except ValueError:
        return text


def read_wholes(text: str) -> tuple[int, ...] | str:
    """The whole numbers in a text, however separated; the text itself when anything else is in it.

    >>> read_wholes("30, 20 10"), read_wholes(""), read_wholes("30, x")
    ((30, 20, 10), (), '30, x')
    """
    parts = [p for p in re.split(r"[,;\s]+", text.strip().strip("()[]")) if p]
    numbers = [n for n in map(read_whole, parts) if isinstance(n, int)]
    return tuple(numbers) if len(numbers) == len(parts) else text.strip()


def show_number(value: float) -> str:
    """The shortest text that reads back as the value.

    >>> show_number(0.5), show_number(4.0), show_number(1e-5)
    ('0.5', '4', '1e-5')
    """
    text = f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return re.sub(r"e([+-])0*(\d)", lambda m: "e" + m[1].replace("+", "") + m[2], text)


def step_by_factor(value: float, steps: int) -> float:
    """A positive number moved along 1, 2, 5, 10, ...; from between two of them, to the next one.

    >>> step_by_factor(0.1, 1), step_by_factor(0.1, -1), step_by_factor(0.3, 1)
    (0.2, 0.05, 0.5)
    """
    for _ in range(abs(steps)):
        decade = math.floor(math.log10(value)) if 0 < value < math.inf else 0
        ladder = [float(f"{m}e{decade + d}") for d in (-1, 0, 1) for m in (1, 2, 5)]
        above, below = (
            [r for r in ladder if r > value * (1 + 1e-9)],
            [r for r in ladder if r < value * (1 - 1e-9)],
        )
        if not (above if steps > 0 else below) or not 0 < value < math.inf:
            return value
        value = min(above) if steps > 0 else max(below)
    return value


def step_by_decade(value: int, steps: int) -> int:
    """A count moved by about a tenth of its size, onto round numbers.

    >>> step_by_decade(10, 1), step_by_decade(128, 1), step_by_decade(1000, -1), step_by_decade(1000, 1)
    (11, 130, 990, 1100)
    """
    size = int(10 ** max(0, len(str(abs(value) - (steps < 0))) - 2))
    return (value // size + steps) * size if steps > 0 else (-(-value // size) + steps) * size


def step_by_difference(value: float, difference: float) -> float:
    """The sum, without binary dust.

    >>> step_by_difference(0.1, 0.2)
    0.3
    """
    return float(Decimal(repr(value)) + Decimal(repr(difference)))
