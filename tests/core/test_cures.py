"""Cures: each is a change that the run takes, from the same start wherever it leaves the network as it is."""

from __future__ import annotations

import doctest

import pytest
import torch

from thalweg.core.data import load_for
from thalweg.core.measures.gradient_norms import gradient_norms
from thalweg.core.problem import build
from thalweg.core.scene import NetworkSpec, RunSpec, Scene, cures
from thalweg.core.scene.cures import ALONG_THE_GRADIENT, BY_ID, CURES, SUITED, Cure, cured, cures_of
from thalweg.core.scene.layers import layer_shapes
from thalweg.core.scene.spec import extra_of
from thalweg.core.scene.training import OPTIMISERS, UNCLIPPED

from .toys import session_of, tiny_run

NORMS = (0.001, 0.02, 0.4)


def deep() -> RunSpec:
    """A tiny run of two hidden layers of equal width, with batches."""
    return tiny_run(network={"hidden": (8, 8)}, optimiser={"batch_size": 20, "learning_rate": 0.5})


def test_examples() -> None:
    """Those in the docstrings."""
    assert doctest.testmod(cures).failed == 0


def test_ids_and_titles_are_unique_and_fit_the_name_of_a_run() -> None:
    """A legend tells them apart."""
    assert len(BY_ID) == len(CURES) == len({cure.title for cure in CURES})
    assert all(len(cure.title) <= 40 and cure.why.endswith(".") for cure in CURES)


@pytest.mark.parametrize("cure", cures_of(deep()), ids=lambda c: c.id)
def test_each_trains_two_steps(cure: Cure) -> None:
    """From the same data and seed; the parameters stay finite."""
    run = cured(deep(), cure, NORMS)
    slower = ", rate " in run.name
    assert slower == (cure.id != "rate-times-ten" and run.optimiser.learning_rate != 0.5)
    assert run.name == cure.title + f", rate {run.optimiser.learning_rate:g}" * slower
    assert (run.data, run.seed) == (deep().data, deep().seed)
    session = session_of(run)
    for _ in "12":
        session.step()
    assert session.snapshot().isfinite().all()


@pytest.mark.parametrize("cure", cures_of(deep()), ids=lambda c: c.id)
def test_what_leaves_the_network_as_it_is_leaves_its_start(cure: Cure) -> None:
    """Steps and losses are other from the very same parameters; an auxiliary loss adds its own behind them."""
    run, plain = cured(deep(), cure, NORMS), deep()
    start, own = (build(r, load_for(r)).start for r in (plain, run))
    if run.network == plain.network or run.network.auxiliary:
        assert torch.equal(own[: len(start)], start)
    else:
        assert cure.id.startswith(("activation", "weights", "batch-norm", "layer-norm", "skips"))


@pytest.mark.parametrize("name", SUITED)
def test_an_activation_is_cured_with_any_other(name: str) -> None:
    """Whichever it has, all others are offered and itself is not; none bears a rate above a tenth but the sigmoid."""
    run = deep().model_copy(update={"network": deep().network.model_copy(update={"activation": name})})
    offered = {c.id.removeprefix("activation-") for c in cures_of(run) if c.group == "Activation"}
    assert offered == set(SUITED) - {name}
    for cure in cures_of(run):
        if cure.group == "Activation":
            rate = cured(run, cure).optimiser.learning_rate
            assert rate == (0.5 if cure.id == "activation-sigmoid" else 0.1)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_rate_for_each_layer_makes_all_layers_move_as_far(name: str) -> None:
    """For every method that offers it: in the first step of a batch of all, the layers move alike, to two digits."""
    every = {"name": name, "batch_size": 50, "learning_rate": 0.01}
    run = tiny_run(data={"train": 50, "measured": 50}, network={"hidden": (8, 8)}, optimiser=every)
    cure = BY_ID["layer-rates"]
    if cure not in cures_of(run):
        assert name not in ALONG_THE_GRADIENT
        return
    plain = session_of(run)
    layers = plain.problem.layout.layers
    found = gradient_norms(plain.problem, plain.problem.start, 50)
    norms = [found[f"gradient_{n}"] for n in range(1, len(layers) + 1)]
    moved = []
    for each in (run, cured(run, cure, norms)):
        session = session_of(each)
        session.step()
        change = session.snapshot() - session.problem.start
        moved.append([change[layer.span].norm().item() for layer in layers])
    assert max(moved[0]) > 3 * min(moved[0])
    assert max(moved[1]) < 1.15 * min(moved[1])


def test_what_a_method_finds_by_itself_is_not_offered() -> None:
    """Ten times a rate that a line search only begins with is no other run."""
    for name in UNCLIPPED:
        assert "rate-times-ten" not in {c.id for c in cures_of(tiny_run(optimiser={"name": name}))}


def test_a_cure_of_a_cure_has_the_names_of_both() -> None:
    """As far as a name may be long; with another name it is another entry of the legend."""
    once = cured(deep(), BY_ID["activation-relu"])
    twice = cured(once, BY_ID["batch-norm"])
    assert twice.name == "ReLU, He weights, rate 0.1 + batch norm"
    assert cured(twice, BY_ID["skips"]).name == "skips around layers"


def test_every_kind_of_initial_weights_is_offered_or_left_out_on_purpose() -> None:
    """The uniform ones have the variance of their normal fellows."""
    every = set(extra_of(NetworkSpec.model_fields["initialisation"])["labels"])
    offered = {c.id.removeprefix("weights-") for c in CURES if c.id.startswith("weights-")} - {"times-four"}
    assert every - offered == {"torch-uniform", "xavier-uniform", "he-uniform"}


def test_rates_are_inverse_to_the_norms() -> None:
    """That were measured; four times as much for each layer back where none are known."""
    cure = BY_ID["layer-rates"]
    assert cured(deep(), cure, NORMS).optimiser.layer_rates == (400.0, 20.0, 1.0)
    for norms in ((), (0.0, 1.0, 1.0), (float("nan"), 1.0, 1.0), (1.0, 1.0)):
        assert cured(deep(), cure, norms).optimiser.layer_rates == (16.0, 4.0, 1.0)


def test_none_is_offered_that_would_change_nothing_or_is_not_accepted() -> None:
    """No Gauss-Newton with batch norm, no skips without layers of equal width, nothing of a surface."""
    run = deep()
    assert {c.id for c in CURES} - {c.id for c in cures_of(run)} == {
        "activation-sigmoid",
        "weights-fan-in",
        "cross-entropy",
    }
    normed = cured(run, BY_ID["batch-norm"])
    assert not {"batch-norm", "gauss-newton"} & {c.id for c in cures_of(normed)}
    assert "skips" not in {c.id for c in cures_of(tiny_run(network={"hidden": (8, 7)}))}
    assert cures_of(Scene().edited({"run.network.kind": "surface"}).run) == ()


@pytest.mark.parametrize("kind", ["cnn", "residual", "lstm"])
def test_other_architectures_have_cures_too(kind: str) -> None:
    """Those that make sense there, each of them accepted."""
    run = Scene().edited({"run.network.kind": kind}).run
    offered = cures_of(run)
    assert {"adam", "layer-rates", "clip"} <= {c.id for c in offered}
    assert all(len(layer_shapes(cured(run, cure).network)) for cure in offered)
