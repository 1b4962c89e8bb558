"""One training run, step by step."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from time import perf_counter

import torch
from torch import Tensor, nn

from thalweg.core import buffers
from thalweg.core.curvature.error import CurvatureError
from thalweg.core.curvature.gauss_newton import GaussNewtonOperator
from thalweg.core.curvature.hvp import HessianOperator
from thalweg.core.problem import Batch, Problem, random_streams
from thalweg.core.scene import OptimiserSpec, RunSpec
from thalweg.core.training import optimisers
from thalweg.core.training.moment import Moment
from thalweg.core.training.newton import Product


@dataclass(frozen=True)
class Trial:
    """A step that was tried: from ``start`` to ``end`` with a batch whose mean ``loss`` was before and is after it.

    ``gradient`` is the batch's at the start, ``penalty`` what is added to it there for the size of the weights;
    ``plain`` where the optimiser went, before the layers' own rates; ``before`` and ``after`` what it remembers.
    Tensors are [size].
    """

    optimiser: OptimiserSpec
    gradient: Tensor
    penalty: Tensor
    start: Tensor
    plain: Tensor
    end: Tensor
    before: dict[str, Tensor]
    after: dict[str, Tensor]
    loss: tuple[float, float]


class Session:
    """A network in training: its parameters and gradient as two flat vectors, the optimiser, the order of examples.

    The module's parameters are views of ``parameters``, so that a step of the optimiser is a few operations on one
    vector, and a snapshot is one copy. Same run, same steps: same parameters, bit for bit, whatever else is measured.
    ``buffers`` holds the module's running statistics in the same way, empty where it has none.

    ``evaluations`` counts the gradients of a batch's loss and the products with its Hessian, each as one; ``seconds``
    is the time that was spent in :meth:`step`.
    """

    def __init__(self, run: RunSpec, problem: Problem) -> None:
        self.problem = problem
        self.step_count = 0
        self.epoch_count = 0
        self.evaluations, self.seconds = 0, 0.0
        self.optimiser_spec = run.optimiser
        self.parameters = nn.Parameter(problem.start.clone())
        self.gradient = torch.zeros_like(self.parameters)
        self.parameters.grad = self.gradient
        for (_, p), value, slope in zip(
            problem.module.named_parameters(),
            problem.layout.views(self.parameters.data).values(),
            problem.layout.views(self.gradient).values(),
            strict=True,
        ):
            p.data, p.grad = value, slope
        self.buffers = buffers.as_one(problem.module)
        self._batch: Batch = problem.first(0)
        self._loss: float | None = None
        """The batch's loss at the first point of a step, where it is not all that training minimises."""
        spans = [span for name in problem.layout.names for span in problem.layout.spans((name,))]
        self._optimiser = optimisers.build(run.optimiser, self.parameters, spans, self._curvature)
        self._rates = self._layer_rates(run.optimiser)
        weights = run.network.kind != "surface"  # whose x and y are matrices of one entry, and are no weights
        self._penalised = weights * problem.layout.mask(vectors=False).to(self.parameters.detach())
        self._order_stream = random_streams(run.seed)[1]
        self._stream = self._order_stream.get_state()
        self._order = torch.empty(0, dtype=torch.int64)
        self._at = 0

    @property
    def epoch(self) -> float:
        """Passes through the training examples so far, fractions included."""
        count = len(self.problem.train[1])
        return (self.epoch_count - 1 + self._at / count) if self.epoch_count else 0.0

    @property
    def epoch_over(self) -> bool:
        """Whether the last step was the last of its epoch."""
        return self._at >= len(self._order) > 0

    @property
    def batches_left(self) -> int:
        """Steps to the end of this epoch, or of a whole one when the next step begins it."""
        left = len(self._order) - self._at or len(self.problem.train[1])
        return -(-left // self.optimiser_spec.batch_size)

    def tune(self, spec: OptimiserSpec) -> None:
        """Take up another learning rate, momentum or batch size from the next step on."""
        self.optimiser_spec = spec
        optimisers.retune(self._optimiser, self.optimiser_spec)
        self._rates = self._layer_rates(spec)

    def step(self) -> float:
        """One step on the next batch; the batch's mean loss before the step, without those of auxiliary outputs."""
        began = perf_counter()
        self._batch = self._next_batch()
        before = self.snapshot() if self._rates is not None else None
        self._loss = None
        minimised = self._move()
        if before is not None:
            self._by_layer(before)
        self.step_count += 1
        self.seconds += perf_counter() - began
        return minimised if self._loss is None else self._loss

    def trial(self) -> Trial:
        """The next step as it will be; afterwards everything is as before it."""
        here = self.moment()
        self._batch = self._next_batch()
        loss = self._evaluate()
        gradient, start, before = self.gradient.clone(), self.snapshot(), optimisers.memory(self._optimiser) or {}
        self._move()
        plain, after = self.snapshot(), optimisers.memory(self._optimiser) or {}
        if self._rates is not None:
            self._by_layer(start)
        end = self.snapshot()
        penalty = self.optimiser_spec.l2 * self._penalised * start
        losses = (loss, self._evaluate())
        trial = Trial(self.optimiser_spec, gradient, penalty, start, plain, end, before, after, losses)
        self.restore(here)
        return trial

    def _move(self) -> float:
        """Have the optimiser move the parameters; the batch's mean loss before."""
        if self.optimiser_spec.schedule != "constant":
            optimisers.set_rate(self._optimiser, self.optimiser_spec.rate_at(self.step_count))
        loss = self._optimiser.step(self._evaluate_for_step)
        assert loss is not None
        return loss

    def _by_layer(self, before: Tensor) -> None:
        """Multiply what each layer has moved since ``before`` [size] with its rate."""
        if self._rates is not None:
            with torch.no_grad():  # every method's step is proportional to its learning rate
                self.parameters.copy_(before + self._rates * (self.parameters - before))

    def _evaluate(self) -> float:
        """What training minimises of the batch where the parameters are, and its gradient there in ``gradient``."""
        self.evaluations += 1
        inputs, labels = self._batch
        self.gradient.zero_()
        minimised, loss = self.problem.trained(self._outputs(inputs), labels)
        minimised.backward()
        if minimised is not loss and self._loss is None:
            self._loss = loss.item()
        return minimised.item()

    def _evaluate_for_step(self) -> float:
        """The same, and the penalty added to the gradient, which is shortened then where it is too long."""
        loss = self._evaluate()
        if self.optimiser_spec.l2:
            self.gradient.addcmul_(self._penalised, self.parameters.detach(), value=self.optimiser_spec.l2)
        if self.optimiser_spec.clip:
            nn.utils.clip_grad_norm_([self.parameters], self.optimiser_spec.clip)
        return loss

    def _curvature(self) -> tuple[Tensor, Product]:
        """The gradient of the batch's mean loss, and its curvature; of a loss that is not finite, what is no number."""
        kind = GaussNewtonOperator if self.optimiser_spec.name == "gauss-newton" else HessianOperator
        self.evaluations += 1
        try:
            operator = kind(self.problem, self.parameters.detach(), self._batch)
        except CurvatureError:
            return torch.full_like(self.parameters, torch.nan, dtype=torch.float64), lambda v: v

        def product(v: Tensor) -> Tensor:
            self.evaluations += 1
            return operator(v)

        return operator.gradient, product

    def _layer_rates(self, spec: OptimiserSpec) -> Tensor | None:
        """What the step of each parameter is multiplied with, [size]; None where that is 1 for all."""
        if not spec.layer_rates:
            return None
        rates = torch.ones_like(self.parameters, requires_grad=False)
        for layer, rate in zip(self.problem.layout.layers, spec.layer_rates, strict=False):
            rates[layer.span] = rate
        return rates

    def _outputs(self, inputs: Tensor) -> Tensor | tuple[Tensor, list[Tensor]]:
        module = self.problem.module
        with buffers.training(module) if len(self.buffers) else nullcontext():
            outputs: Tensor | tuple[Tensor, list[Tensor]] = module(inputs, **self.problem.in_training)
        return outputs

    def snapshot(self) -> Tensor:
        """A copy of the parameters, [size]."""
        return self.parameters.detach().clone()

    def moment(self, whole: bool = True) -> Moment:
        """A copy of everything that the next step depends on; without the optimiser's memory where not ``whole``."""
        return Moment(
            step=self.step_count,
            epoch=self.epoch_count,
            at=self._at,
            stream=self._stream,
            parameters=self.snapshot(),
            buffers=self.buffers.clone(),
            memory=optimisers.memory(self._optimiser, copied=whole),
            optimiser=self.optimiser_spec,
            evaluations=self.evaluations,
            seconds=self.seconds,
        )

    @property
    def moment_bytes(self) -> int:
        """The memory that a whole moment takes."""
        return 4 * (self.parameters.numel() + self.buffers.numel()) + optimisers.memory_bytes(self._optimiser)

    def restore(self, moment: Moment) -> None:
        """Stand where ``moment`` was taken: the steps from there are the same, bit for bit.

        Raises ValueError for a moment without the optimiser's memory.
        """
        if moment.memory is None:
            raise ValueError(f"moment: step {moment.step} was kept without the optimiser's memory")
        self.step_count, self.epoch_count = moment.step, moment.epoch
        self.evaluations, self.seconds = moment.evaluations, moment.seconds
        if moment.stream is not self._stream or not len(self._order) or not moment.epoch:
            self._order_stream.set_state(moment.stream)
            self._order = torch.empty(0, dtype=torch.int64)
            if moment.epoch:
                self._begin_pass()
            self._stream = moment.stream
        self._at = moment.at
        with torch.no_grad():
            self.parameters.copy_(moment.parameters)
            self.buffers.copy_(moment.buffers)
        self.tune(moment.optimiser)
        optimisers.remember(self._optimiser, moment.memory)

    def _begin_pass(self) -> None:
        labels = self.problem.train[1]
        if len(labels) == 1:  # there is one order
            self._order = torch.zeros(1, dtype=torch.int64, device=labels.device)
            return
        self._stream = self._order_stream.get_state()
        self._order = torch.randperm(len(labels), generator=self._order_stream).to(labels.device)

    def _next_batch(self) -> Batch:
        inputs, labels = self.problem.train
        if self._at >= len(self._order):
            self._begin_pass()
            self._at = 0
            self.epoch_count += 1
        chosen = self._order[self._at : self._at + self.optimiser_spec.batch_size]
        self._at += len(chosen)
        return inputs[chosen], labels[chosen]
