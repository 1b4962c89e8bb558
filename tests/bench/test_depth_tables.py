"""The pieces of the benchmarks of depth: the textbook's setting by hand, bands, what is moved. No time is asserted."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from thalweg.core.data import load
from thalweg.core.problem import build
from thalweg.core.scene import DataSpec, RunSpec
from thalweg.core.training.session import Session


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import a benchmark as it is found when it is run as a script."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))

    def found(name: str) -> ModuleType:
        return importlib.import_module(name)

    return found


def sigmoid(z: np.ndarray) -> np.ndarray:
    """1 / (1 + e^-z)."""
    return 1 / (1 + np.exp(-z))


def test_three_epochs_are_those_of_backpropagation_by_hand(bench: Any) -> None:
    """Nielsen 2015, BP1 to BP4 with the cross-entropy's error a - y, and eq. 93 with lambda 5 over 1,000 examples."""
    nielsen = bench("nielsen_speeds")
    data = DataSpec(train=1000, test=1, measured=1000)
    dataset, run = load(data), nielsen.spec(3, 4, data)
    session = Session(run, build(run, dataset))
    parts = [p.double().numpy().copy() for p in session.problem.layout.views(session.snapshot()).values()]
    weights, biases = parts[::2], parts[1::2]
    x, y = dataset.train_images.astype(np.float64), np.eye(10)[dataset.train_labels]
    for _ in range(3):
        outputs = [x]
        for w, b in zip(weights, biases, strict=True):
            outputs.append(sigmoid(outputs[-1] @ w.T + b))
        deltas = [outputs[-1] - y]
        for w, a in zip(weights[:0:-1], outputs[-2:0:-1], strict=True):
            deltas.insert(0, deltas[0] @ w * a * (1 - a))
        wanted = [float(np.linalg.norm(d.mean(axis=0))) for d in deltas[:-1]]
        assert nielsen.speeds(session, 3) == pytest.approx(wanted, rel=1e-4)
        for k, delta in enumerate(deltas):
            weights[k] = (1 - 0.1 * 5.0 / 1000) * weights[k] - 0.1 * delta.T @ outputs[k] / 1000
            biases[k] = biases[k] - 0.1 * delta.mean(axis=0)
        session.step()
    found = list(session.problem.layout.views(session.snapshot()).values())
    for w, b, k in zip(weights, biases, range(4), strict=True):
        np.testing.assert_allclose(found[2 * k].numpy(), w, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found[2 * k + 1].numpy(), b, rtol=1e-4, atol=1e-5)


def test_a_curve_is_inside_a_band_or_not(bench: Any) -> None:
    """Of ten epochs eight inside 1 to 2, one in the wider band alone, one outside that too."""
    nielsen = bench("nielsen_speeds")
    ours = np.stack([np.full((10, 1), 1.0), np.full((10, 1), 2.0)])
    his = np.full((10, 1), 1.5)
    his[3], his[7] = 0.8, 4.0
    ((_, layer, inside, wide, whole, worst),) = nielsen.curve_rows(1, ours, his)
    assert (layer, inside, wide, whole) == ("1", "80.0 %", "90.0 %", "no")
    assert worst == "epoch 7: 2.00 times the greatest"
    his[7] = 2.2
    ((*_, whole, worst),) = nielsen.curve_rows(1, ours, his)
    assert (whole, worst) == ("yes", "epoch 3: 0.80 times the least")


def test_ratios_are_those_of_neighbouring_layers(bench: Any) -> None:
    """Medians over seeds; how many seeds grow from layer to layer."""
    nielsen = bench("nielsen_speeds")
    found = np.array([[1.0, 4.0], [1.0, 5.0], [1.0, 0.5]])
    ((*_, ratio, _, apart, met, grows),) = nielsen.ratio_rows(2, found)
    assert (ratio, met, grows) == ("4.00", "no", "2 of 3")
    assert apart == "-18.1 %"


def test_where_nothing_was_moved_every_place_is_the_same(bench: Any) -> None:
    """And with all layers moved, loss and accuracy are those of the end."""
    flat = bench("flat_here")
    data = DataSpec(train=100, test=1, measured=100)
    run = RunSpec.model_validate({"data": data.model_dump(), "network": {"hidden": (5, 5, 5)}})
    problem = build(run, load(data))
    found = dict(zip(flat.STORED, flat.measured(problem, problem.start), strict=True))
    assert len({v for name, v in found.items() if name.startswith("loss")}) == 1
    assert len({v for name, v in found.items() if name.startswith("accuracy")}) == 1
    zeros = problem.start * 0
    found = dict(zip(flat.STORED, flat.measured(problem, zeros), strict=True))
    assert found["loss, all moved"] == pytest.approx(np.log(10), rel=1e-6)
    assert found["loss, layer 4 moved, others not"] == pytest.approx(np.log(10), rel=1e-6)
    assert found["loss, nothing moved"] != found["loss, all moved"]


def test_every_remedy_is_a_run(bench: Any) -> None:
    """One change each of the textbook's run: all are accepted, no two alike."""
    remedies = bench("depth_remedies")
    data = DataSpec(train=1000, test=1)
    runs = [
        remedies.remedied(remedy, depth, 0, penalty, data)
        for remedy in remedies.REMEDIES
        for depth in (2, 3)
        for penalty in (0.0, 0.005)
    ]
    assert len({run.model_dump_json() for run in runs}) == len(runs) == 28
    assert {run.objective.loss for run in runs} == {"sigmoid-cross-entropy"}


def test_costs_are_those_of_every_measure(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """All are timed, and a row tells what part of the time and how often."""
    strips = bench("strip_costs")
    monkeypatch.setattr(strips, "STEPS", 1)
    monkeypatch.setattr(strips, "TURNS", 1)
    run = RunSpec.model_validate({"data": {"train": 60, "measured": 60}, "network": {"hidden": (4, 4)}})
    found = strips.costs(run)
    assert {"step", *strips.IN_EVERY_ROW, *strips.LOOKED_AT} <= found.keys()
    assert all(seconds > 0 for seconds in found.values())
    times = {"step": [0.1] * 40, "noise": [0.2, 0.3]}
    row = strips._row("noise", 0.25, 0.1, times, ("noise",), 10.0)
    assert row == ("", "", "noise", "250", "2.5", "5.0 %", "20")
    assert strips._row("curvature", 1.0, 0.1, times, ("curvature",), 10.0)[5:] == ("not through in 10 s", "-")


def test_tables_are_aligned_or_markdown(bench: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Every cell under its heading."""
    tables = bench("tables")
    tables.show("Title", ("a", "long heading"), [("cell", "b"), ("c", "d")], False)
    assert capsys.readouterr().out == "\nTitle\n\na     long heading\ncell  b\nc     d\n"
    tables.show("Title", ("a", "b"), [("c", "d")], True)
    assert capsys.readouterr().out == "\nTitle\n\n| a | b |\n| --- | --- |\n| c | d |\n"
