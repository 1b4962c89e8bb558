"""CSV: every number comes back as it was."""

import csv
import io
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from thalweg.app.export.data import FigureTable, csv_text
from thalweg.app.export.errors import ExportError


def read(text: str) -> tuple[list[str], list[str], list[list[str]]]:
    """Comments, names, rows, as an ordinary reader takes them."""
    lines = text.split("\n")
    count = next(k for k, line in enumerate(lines) if not line.startswith("#"))
    rows = list(csv.reader(io.StringIO("\n".join(lines[count:]), newline="")))
    return lines[:count], rows[0], rows[1:]


NAMES = st.lists(st.text(min_size=1).filter(lambda s: s.strip() and "\0" not in s), min_size=1, max_size=4, unique=True)


@given(st.data())
def test_floats_come_back(data):
    """Any names, any floats of any width, not-finite ones too."""
    names = data.draw(NAMES)
    size = data.draw(st.integers(0, 6))
    dtypes = st.sampled_from([np.float64, np.float32, np.float16])
    columns = {name: data.draw(hnp.arrays(data.draw(dtypes), size)) for name in names}
    _, header, rows = read(csv_text(FigureTable((), columns)))
    assert header == names
    for k, name in enumerate(names):
        back = np.array([float(row[k]) for row in rows])
        np.testing.assert_array_equal(back, columns[name].astype(float))
        assert all(
            math.copysign(1, a) == math.copysign(1, b) for a, b in zip(back, columns[name], strict=True) if a == 0
        )


@given(st.lists(st.text().filter(lambda s: "\0" not in s)))
def test_texts_come_back(texts):
    """Commas, quotes, line ends and comment signs in cells."""
    _, _, rows = read(csv_text(FigureTable((), {"label": np.array(texts, dtype=object).astype(str)})))
    assert [row[0] for row in rows] == [t.rstrip("\0") for t in texts]


def test_spelling():
    """Integers stay integers, truth values are 1 and 0, what is not finite is nan and inf."""
    columns = {
        "step": np.array([1, 2, 3]),
        "loss": np.array([0.1, np.nan, -np.inf]),
        "done": np.array([False, True, True]),
        "wide": np.array([1, 2, 3], dtype=np.longdouble),
    }
    text = csv_text(FigureTable(("Loss per step", "two\nlines", ""), columns))
    assert text == ("# Loss per step\n# two\n# lines\n#\nstep,loss,done,wide\n1,0.1,0,1.0\n2,nan,1,2.0\n3,-inf,1,3.0\n")


def test_numpy_reads_it():
    """The plainest reader there is."""
    values = np.random.default_rng(0).normal(size=(20, 2)) * 1e-9
    table = FigureTable(("noise",), {"a": values[:, 0], "b": values[:, 1]})
    back = np.genfromtxt(io.StringIO(csv_text(table)), delimiter=",", skip_header=2)
    np.testing.assert_array_equal(back, values)


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"a": np.zeros(2), "b": np.zeros(3)}, r"not equally long \(a: 2, b: 3\)"),
        ({"a": np.zeros((2, 2))}, r"'a' is not one-dimensional: its shape is \(2, 2\)"),
        ({" ": np.zeros(2)}, "no name"),
        ({"z": np.zeros(2, dtype=complex)}, "'z' holds complex128"),
    ],
)
def test_refused_columns(columns, reason):
    """Said when the table is made, not when it is written."""
    with pytest.raises(ExportError, match=reason):
        FigureTable((), columns)
