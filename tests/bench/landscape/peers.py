"""The public packages on the same job: runs in an environment of their own, asked line by line over a pipe.

One line of JSON in, {"method", "subject", "plane", "examples", "side"}; one out, {"cpu", "wall", "points", "checked"},
or {"error"} with what the package raised, or what it got wrong.
"""

from __future__ import annotations

import contextlib
import copy
import importlib.metadata
import importlib.util
import io
import json
import sys
import warnings
from functools import lru_cache
from typing import Any
from unittest import mock

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .checking import check, in_one_line
from .packages import PACKAGES
from .plain import Exact, Values, grid, plain_loop
from .subjects import Job, job
from .timing import timed


def loss_landscapes(job: Job, side: int) -> Values:
    """Its random_plane draws the directions itself, so no point is comparable; the layers that move can be chosen."""
    from loss_landscapes import random_plane  # type: ignore[import-not-found]
    from loss_landscapes.metrics import Loss  # type: ignore[import-not-found]
    from loss_landscapes.model_interface.model_wrapper import GeneralModelWrapper  # type: ignore[import-not-found]

    module = copy.deepcopy(job.module)  # it leaves the module moved
    parts = dict(module.named_modules())
    model = GeneralModelWrapper(module, [parts[n] for n in job.owners], lambda own, x: own(x))
    found = random_plane(model, Loss(F.cross_entropy, job.inputs, job.labels), steps=side, normalization="filter")
    return Values(found.ravel(), np.full((side * side, 2), np.nan))


def landscaper(job: Job, side: int) -> Values:
    """It scales the directions it is given by a rule of its own: only the middle of the grid is the same point."""
    from landscaper.compute import compute_loss_landscape  # type: ignore[import-not-found]

    def loss(module: nn.Module, data: tuple[Tensor, Tensor]) -> float:
        return F.cross_entropy(module(data[0]), data[1]).item()

    axes = [[t.clone() for t in d] for d in (job.x, job.y)]
    module, data = copy.deepcopy(job.module), (job.inputs, job.labels)
    found, _ = compute_loss_landscape(module, data, axes, loss, steps=side, distance=1.0, dim=2, device="cpu")
    points = np.full((side * side, 2), np.nan)
    points[len(points) // 2] = 0
    return Values(found.ravel(), points)


def losscape(job: Job, side: int) -> Values:
    """Its picture is not drawn, so that only the grid is timed."""
    from losscape import create_landscape  # type: ignore[import-not-found]

    with mock.patch.object(create_landscape, "plt"):
        found = create_landscape.create_3D_losscape(
            copy.deepcopy(job.module),
            [(job.inputs, job.labels)],
            directions=[list(job.x), list(job.y)],
            criterion=F.cross_entropy,
            num_batches=1,
            save_only=True,
            output_h5=False,
            num_points=side,
        )[2]
    return Values(found.ravel(), grid(side))


def loss_landscape_anim(job: Job, side: int) -> Values:
    """Its LossGrid alone: 2r x 2r points from -1 to 1 - 1/r, however many are asked for."""
    library, half = _anim(), side // 2
    start = torch.cat([p.detach().flatten() for p in job.module.parameters()])
    found = library.LossGrid(
        optim_path=[start, start],
        model=_Flat(job.module),
        data=(job.inputs, job.labels),
        path_2d=np.array([[1 / (1 + library.MARGIN), 0.0], [0.0, 0.0]]),  # from which it takes the width
        directions=[torch.cat([t.flatten() for t in d]).numpy() for d in (job.x, job.y)],
        res=half,
        tqdm_disable=True,
        save_grid=False,
    )
    at = np.arange(-half, half) / half
    x, y = np.meshgrid(at, at)
    return Values(found.loss_values_2d.ravel(), np.stack([x.ravel(), y.ravel()], axis=1))


@lru_cache
def _anim() -> Any:
    """The file with its grid; the package itself does not import beside this torch."""
    place = importlib.metadata.distribution("loss-landscape-anim").locate_file("loss_landscape_anim/loss_landscape.py")
    spec = importlib.util.spec_from_file_location("_loss_landscape_anim", str(place))
    assert spec is not None and spec.loader is not None
    library = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(library)
    return library


class _Flat(nn.Module):
    """What its GenericModel adds to a network, without Lightning: parameters set from one flat vector."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = copy.deepcopy(module)

    def forward(self, x: Tensor) -> Any:
        return self.module(x)

    def loss_fn(self, outputs: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(outputs, labels)

    def init_from_flat_params(self, vector: Tensor) -> None:
        named = dict(self.named_parameters())
        parts = vector.split([p.numel() for p in named.values()])
        self.load_state_dict({n: q.view_as(p) for (n, p), q in zip(named.items(), parts, strict=True)}, strict=True)


METHODS = {"loop": plain_loop} | {p.title: globals()[p.adapter] for p in PACKAGES}


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Compute, check and time one request, without gradients, also where a package would let torch prepare them."""
    wanted, exact = _job(request["subject"], request["plane"], request["examples"])
    try:
        with torch.no_grad(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            values, cpu, wall = timed(lambda: METHODS[request["method"]](wanted, request["side"]))
        checked = check(values, exact)
    except Exception as e:  # whatever a package raises on a module that it cannot take
        return {"error": in_one_line(e)}
    return {"cpu": cpu, "wall": wall, "points": len(values.losses), "checked": checked}


@lru_cache(maxsize=1)
def _job(subject: str, plane: str, examples: int) -> tuple[Job, Exact]:
    wanted = job(subject, plane, examples)
    return wanted, Exact(wanted)


def main() -> None:
    """Answer until the pipe is closed."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
