"""The parameters of a step in files that other programs read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from thalweg.core import buffers
from thalweg.core.messages import Advance, Move, Saved, SaveParameters, Show, Start
from thalweg.core.networks.architectures import network as built
from thalweg.core.scene import RunSpec
from thalweg.core.store.parameter_file import SUFFIXES, ParameterFileError, state_dict, write
from thalweg.core.training.service import TrainingService

from .toys import NETWORKS, Uninterrupted, tiny_run, training

KINDS = {**NETWORKS, "cnn": {"kind": "cnn", "channels": (2,)}, "plain": NETWORKS["residual"] | {"batch_norm": False}}


def loaded(path: Path) -> dict[str, torch.Tensor]:
    """A file as its own program reads it."""
    return load_file(path) if path.suffix == ".safetensors" else torch.load(path, weights_only=True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_is_read_by_the_program_that_it_is_for(kind: str, suffix: str, tmp_path: Path) -> None:
    """Every tensor under the module's own name for it, with its shape and bits: a new module that loads it is the same.

    Of batch normalisation the running statistics too, and the count of batches as the module has it.
    """
    run = training(tiny_run(network=KINDS[kind]))
    for _ in range(7):
        run.step()
    module, path = run.problem.module, tmp_path / f"p{suffix}"
    write(path, state_dict(run.problem, run.session.parameters.detach(), run.session.buffers, 7), {"step": "7"})
    found, wanted = loaded(path), module.state_dict()
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)
    fresh = built(run.spec.network).eval()
    fresh.load_state_dict(found, strict=True)
    inputs = run.problem.train[0][:20]
    with torch.no_grad():
        assert torch.equal(fresh(inputs), module.eval()(inputs))


@pytest.mark.parametrize("kind", KINDS)
def test_another_step_than_the_one_it_stands_at(kind: str) -> None:
    """Its own parameters and statistics; the module is as it was, and what was taken does not change with it."""
    run = training(tiny_run(network=KINDS[kind]))
    for _ in range(9):
        run.step()
    before = {name: t.clone() for name, t in run.problem.module.state_dict().items()}
    m = run.line.at(3)
    assert m is not None
    found = state_dict(run.problem, m.parameters, m.buffers, m.step)
    kept = {name: t.clone() for name, t in found.items()}
    after = run.problem.module.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)
    there = run.problem.layout.views(m.parameters)
    assert all(torch.equal(found[name], there[name]) for name in there)
    statistics = [t.flatten() for name, t in found.items() if name not in there and t.is_floating_point()]
    assert torch.equal(torch.cat([*statistics, torch.empty(0)]), m.buffers)
    run.step()
    assert all(torch.equal(found[name], kept[name]) for name in found)


def test_safetensors_say_what_they_are(tmp_path: Path) -> None:
    """The run and the step stand in the file; the run is enough to train it again."""
    service = TrainingService(now=lambda: 0.0)
    list(service.handle(Start(1, (tiny_run(),))))
    list(service.handle(Advance(1, 6)))
    service.work(1.0)
    path = tmp_path / "p.safetensors"
    assert list(service.handle(SaveParameters(1, str(path)))) == [Saved(1, str(path), kept=False, step=6)]
    with safe_open(path, "pt") as file:
        about = json.loads(file.metadata()["thalweg"])
    assert about["step"] == 6
    assert RunSpec.model_validate_json(json.dumps(about["run"])) == tiny_run()


@pytest.mark.parametrize("kind", ["mlp", "residual"])
def test_the_step_that_is_looked_at_is_written(kind: str, tmp_path: Path) -> None:
    """Not the one that training stands at."""
    spec = tiny_run(network=NETWORKS[kind])
    service, plain = TrainingService(now=lambda: 0.0), Uninterrupted(spec)
    list(service.handle(Start(1, (spec,))))
    list(service.handle(Advance(1, 12)))
    service.work(1.0)
    for command, step in ((Show(1, 5), 5), (Move(1, -2), 3), (Show(1, None), 12)):
        list(service.handle(command))
        path = tmp_path / f"{step}.pt"
        assert list(service.handle(SaveParameters(1, str(path)))) == [Saved(1, str(path), kept=False, step=step)]
        module = built(spec.network)
        module.load_state_dict(torch.load(path, weights_only=True))
        assert torch.equal(torch.nn.utils.parameters_to_vector(module.parameters()), plain.at(step).parameters)
        assert torch.equal(buffers.flatten(module), plain.at(step).buffers)


@pytest.mark.parametrize("name", ["p.npz", "p", "p.pt.txt", "missing/p.pt", "missing/p.safetensors", "folder.pt"])
def test_what_cannot_be_written_is_one_sentence(name: str, tmp_path: Path) -> None:
    """With the path and what would be accepted; nothing is left in the folder, and training goes on."""
    (tmp_path / "folder.pt").mkdir()
    path = tmp_path / name
    with pytest.raises(ParameterFileError) as caught:
        write(path, {"a": torch.zeros(2)}, {})
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert (".safetensors or .pt" in str(caught.value)) == (path.suffix not in SUFFIXES)
    assert [p.name for p in tmp_path.iterdir()] == ["folder.pt"]
    service = TrainingService(now=lambda: 0.0)
    list(service.handle(Start(1, (tiny_run(),))))
    (said,) = service.handle(SaveParameters(1, str(path)))
    assert said == Saved(1, str(path), kept=False, sentence=str(caught.value))


@pytest.mark.parametrize("suffix", [".SafeTensors", ".PT"])
def test_endings_in_any_letters(suffix: str, tmp_path: Path) -> None:
    """As some systems write them; a file that was there is replaced."""
    path = tmp_path / f"p{suffix}"
    path.write_bytes(b"old")
    write(path, {"a": torch.arange(3.0)}, {"step": "0"})
    assert path.read_bytes() != b"old"
    found = load_file(path) if suffix == ".SafeTensors" else torch.load(path, weights_only=True)
    assert np.array_equal(found["a"], [0, 1, 2])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_parameters_are_the_same_file(suffix: str, tmp_path: Path) -> None:
    """Byte for byte, whatever its folder."""
    run = training(tiny_run(network=NETWORKS["residual"]))
    run.step()
    contents = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / f"p{suffix}"
        write(path, state_dict(run.problem, run.session.parameters.detach(), run.session.buffers, 1), {"step": "1"})
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_file_of_a_step_does_not_depend_on_the_way_there(suffix: str, tmp_path: Path) -> None:
    """Played at once, gone back and forth, or only looked at: byte for byte, the count of batches included."""
    spec, contents = tiny_run(network=NETWORKS["residual"]), []
    for name, commands in (
        ("once", [Advance(1, 6)]),
        ("back", [Advance(1, 9), Show(1, 2), Advance(1, 4)]),
        ("seen", [Advance(1, 9), Show(1, 6)]),
    ):
        service, path = TrainingService(now=lambda: 0.0), tmp_path / f"p{suffix}"
        list(service.handle(Start(1, (spec,))))
        for command in commands:
            list(service.handle(command))
            service.work(1.0)
        (said,) = service.handle(SaveParameters(1, str(path)))
        assert (said.step, said.sentence) == (6, ""), name
        contents.append(path.read_bytes())
    assert [content == contents[0] for content in contents] == [True] * 3
