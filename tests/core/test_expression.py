"""Formulas that a person types: what they mean is what Python would make of them, and nothing breaks the reader."""

from __future__ import annotations

import math
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from thalweg.core.networks.surface import value
from thalweg.core.scene.expression import FUNCTIONS, MOST_CHARACTERS, FormulaError, parse

KNOWN = {
    "pi": math.pi, "e": math.e, "sin": math.sin, "cos": math.cos, "tan": math.tan, "exp": math.exp, "log": math.log,
    "sqrt": math.sqrt, "tanh": math.tanh, "abs": abs, "min": min, "max": max,
    "sigmoid": lambda v: 1 / (1 + math.exp(-v)),
}  # fmt: skip


def formulas() -> st.SearchStrategy[str]:
    """Well-formed formulas, with signs, powers, spaces and functions within one another."""
    leaves = st.sampled_from(["x", "y", "pi", "e", "2", "0.5", "1e-1", ".25", "3."])

    def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        one = sorted(name for name, count in FUNCTIONS.items() if count == 1)
        return st.one_of(
            st.tuples(inner, st.sampled_from(["+", "-", "*", "/", " + ", " - "]), inner).map("".join),
            st.tuples(inner, st.sampled_from(["**2", "** 3", "**-1", "**0.5"])).map(lambda t: f"({t[0]}){t[1]}"),
            inner.map(lambda t: f"-{t}"),
            inner.map(lambda t: f"({t})"),
            st.tuples(st.sampled_from(one), inner).map(lambda t: f"{t[0]}({t[1]})"),
            st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(lambda t: f"{t[0]}({t[1]}, {t[2]})"),
            st.tuples(inner, inner).map(lambda t: f"{t[0]}**{t[1]}"),
        )

    return st.recursive(leaves, grown, max_leaves=12)


def at(text: str, x: float, y: float) -> float:
    """The formula's value in float64."""
    given_ = (torch.tensor(v, dtype=torch.float64) for v in (x, y))
    return float(value(parse(text), *given_))


@given(formulas(), st.floats(-3, 3), st.floats(-3, 3))
@settings(max_examples=300)
def test_values_are_pythons(text: str, x: float, y: float) -> None:
    """Wherever Python has a real value; precedence, signs and powers from right to left among them."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wanted = eval(compile(text, "formula", "eval"), {"__builtins__": {}}, KNOWN | {"x": x, "y": y})
    except (ValueError, ZeroDivisionError, OverflowError, TypeError):
        return
    if isinstance(wanted, complex) or not math.isfinite(wanted) or abs(wanted) > 1e12:
        return
    found = at(text, x, y)
    assert found == pytest.approx(wanted, rel=1e-6, abs=1e-9) or _at_an_edge(text, x, y)


def _at_an_edge(text: str, x: float, y: float) -> bool:
    """Whether a last bit of x or y decides: the value there is no measure."""
    near = [at(text, x + a, y + b) for a in (-1e-9, 1e-9) for b in (-1e-9, 1e-9)]
    return not all(math.isfinite(v) for v in near) or max(near) - min(near) > 1e-3 * max(1e-9, abs(near[0]))


@given(st.text(max_size=60) | st.text(alphabet="xy()+-*/^., 0123456789esincopmaxlqrt_'\"[]{}:;=\\", max_size=120))
@settings(max_examples=600)
def test_no_text_breaks_the_reader(text: str) -> None:
    """A tree, or a sentence with the place of the fault; a tree has a value."""
    try:
        tree = parse(text)
    except FormulaError as e:
        assert 0 <= e.at <= len(text)
        assert str(e).startswith(f"at character {e.at + 1}: ")
        return
    assert value(tree, torch.ones(3), torch.ones(3)).shape == (3,)


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("", 0, "the end is not expected"),
        ("3x", 1, "write 3*x"),
        ("x + * y", 4, "'*' is not expected"),
        ("sin(x", 5, "expected ')'"),
        ("sin x", 4, "expected '('"),
        ("foo(x)", 0, "'foo' is not known; known are x, y, pi, e, sin"),
        ("x @ y", 2, "'@' is not part of a formula"),
        ("sqrt(x, y)", 0, "it takes one argument"),
        ("max(x)", 0, "at least two arguments"),
        ("x.real", 1, "not part of a formula"),
        ("__import__('os')", 0, "not part of a formula"),
        ("(" * 100 + "x", 40, "within one another"),
        ("-" * 300 + "x", 40, "within one another"),
        ("x**" * 99 + "x", None, "within one another"),
        ("x+" * MOST_CHARACTERS, MOST_CHARACTERS, "characters"),
    ],
)
def test_a_fault_is_told_with_its_place(text: str, place: int | None, words: str) -> None:
    """In one sentence, whatever it is."""
    with pytest.raises(FormulaError) as caught:
        parse(text)
    assert place is None or caught.value.at == place
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["9**9**9**9", "exp(exp(exp(x)))", "1/0", "0/0", "log(-1)", "(-1)**0.5", "tan(pi/2)"])
def test_what_has_no_value_is_no_number_or_infinite(text: str) -> None:
    """Huge powers are answered at once."""
    assert not abs(at(text, 5.0, 0.0)) < 1e12


def test_a_circumflex_is_a_power() -> None:
    """As in mathematics."""
    assert at("x^2^3 - y", 2.0, 1.0) == 2.0**8 - 1
