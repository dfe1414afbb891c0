"""A golden row as numpy arrays, and the loop that every runner shares.

A runner is a program: rows come in on the standard input, one JSON object a line, and for each
there goes out one line, `{id, expected, expected_shape, grad}`, `{id, error}` or `{id, skip}`.
"""

import json
import os
import sys

import numpy as np


class Incomplete(Exception):
    """The row lacks an input: it cannot be run anywhere."""


class Row:
    """The inputs of a row. A runner reads nothing else of it: no id, and nothing expected."""

    def __init__(self, fields):
        self.loss = fields["loss"]
        self.args = fields["args"]
        self.version = fields["version"]
        # "float32-partial" is a framework that rounds to float32 inside, of float64 inputs.
        self.dtype = "float32" if fields["dtype"] == "float32" else "float64"
        self.prediction = array(fields["shape"], fields["pred"]).astype(self.dtype)
        target = array(fields["target_shape"], fields["target"])
        # Whole numbers in the file are labels: they stay integers.
        self.target = target if target.dtype.kind == "i" else target.astype(self.dtype)
        self.weights = {
            name: array(weight["shape"], weight["data"]).astype(self.dtype)
            for name, weight in (fields["weights"] or {}).items()
        }

    def only(self, *losses):
        """That the loss is one of these: a runner looks a name up in its framework by it."""
        if self.loss not in losses:
            raise NotImplementedError(f"{self.loss} is not run here")


def array(shape, numbers):
    return np.array(numbers).reshape(shape)


def as_json(numbers):
    """Nested lists or a number, with what JSON lacks as text, as the file has it."""
    if isinstance(numbers, list):
        return [as_json(number) for number in numbers]
    return numbers if np.isfinite(numbers) else str(numbers)


def serve(evaluate):
    """Answers every row with `evaluate(row)`: the values, and the gradient of their sum or None."""
    # What frameworks print must not mix with the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        fields = json.loads(line)
        answer = {"id": fields["id"]}
        try:
            values, gradient = evaluate(Row(fields))
        except Incomplete as reason:
            answer["skip"] = str(reason)
        except Exception as error:  # Whatever a framework raises is its answer.
            answer["error"] = f"{type(error).__name__}: {error}"
        else:
            values = np.asarray(values, dtype="float64")
            answer["expected"] = as_json(values.ravel().tolist() if values.ndim else values.item())
            answer["expected_shape"] = list(values.shape)
            if gradient is None:
                answer["grad"] = None
            else:
                gradient = np.asarray(gradient, dtype="float64")
                answer["grad"] = as_json(gradient.ravel().tolist())
        print(json.dumps(answer), file=answers, flush=True)
