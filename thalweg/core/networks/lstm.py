"""LSTMs that read an image row by row."""

from __future__ import annotations

from torch import Tensor, nn


class RowLSTM(nn.Module):
    """An LSTM (Hochreiter & Schmidhuber 1997) over the rows of an image, and a linear layer on its last state.

    Inputs are flat images [n, rows * columns]; each row is one step of the sequence. Outputs are raw scores.
    """

    def __init__(self, units: int, shape: tuple[int, int], classes: int) -> None:
        super().__init__()
        self.rows = nn.Unflatten(1, shape)
        self.lstm = nn.LSTM(shape[1], units, batch_first=True)
        self.linear = nn.Linear(units, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Images [n, rows * columns] to scores [n, classes]."""
        states, _ = self.lstm(self.rows(x))
        scores: Tensor = self.linear(states[:, -1])
        return scores
