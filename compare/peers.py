"""The Python engines as a worker of run.py: `peers.py FRAMEWORK FOLDER THREADS`.

It reads the data and what is expected of them from the folder and prints its cells, as one line of JSON.
Then each number of a cell on standard input is answered by a row: calls for 20 ms, then a timed one, which is
checked. A wrong result ends the program.
"""

import importlib
import json
import os
import sys
import time

import numpy

# How many seconds a call is repeated before it is timed: threads wake, and clocks rise.
WARM_UP = 0.02
# The largest relative deviations of a value and of a derivative along the direction from plain loops in
# f64: peers may sum in f32.
TOLERANCE = 1e-3

# By class. Those of weighted_bce_dice are divided by their mean, so that a mean of products is the
# weighted mean.
WEIGHTS = {
    "class_weighted_bce": [0.5, 0.75, 1, 2, 4],
    "weighted_bce_dice": [1 / 3, 2 / 3, 1, 4 / 3, 5 / 3],
    "cross_entropy": [1, 2, 3, 4, 5],
}


class Layout:
    """The order of the axes of a batch."""

    def __init__(self, name):
        self.name = name
        self.classes, self.pixels = {"nhwc": (3, (1, 2)), "nchw": (1, (2, 3))}[name]

    def of(self, array):
        """An array whose class axis is last, contiguous in this layout."""
        return array if self.name == "nhwc" else numpy.ascontiguousarray(array.transpose(0, 3, 1, 2))

    def per_class(self, workload):
        """The workload's weights in a shape that broadcasts, or None."""
        if workload not in WEIGHTS:
            return None
        shape = [1, 1, 1, 1]
        shape[self.classes] = -1
        return numpy.array(WEIGHTS[workload], numpy.float32).reshape(shape)


def check(cell, what, found, expected):
    if not abs(found - expected) <= TOLERANCE * abs(expected):
        name = " ".join(cell[key] for key in ("workload", "mode", "layout", "engine"))
        sys.exit(f"{name}: {what} {found}, expected {expected} within {TOLERANCE}, relative")


def timed(cell, call, expected, direction):
    """Milliseconds of one call after some that are not timed; its result is checked when the clock has stopped."""
    start = time.perf_counter()
    while time.perf_counter() - start < WARM_UP:
        call()
    start = time.perf_counter()
    value, gradient = call()
    elapsed = time.perf_counter() - start
    check(cell, "value", float(value), expected["value"])
    if gradient is not None:
        gradient = numpy.asarray(gradient)
        assert gradient.shape == direction.shape and gradient.dtype == numpy.float32
        check(cell, "slope", float(numpy.vdot(gradient, direction)), expected["slope"])
    return 1e3 * elapsed


def cells(framework, data, workloads):
    """Every cell that the framework has, with its call and the direction of its layout."""
    for layout in map(Layout, ("nhwc", "nchw")):
        arrays = {name: layout.of(array) for name, array in data.items()}
        tensors = {name: framework.tensor(arrays[name]) for name in ("logits", "probabilities", "target")}
        for workload in workloads:
            x = tensors["probabilities" if workload.endswith("_probability") else "logits"]
            calls = framework.calls(workload, layout, x, tensors["target"])
            for (engine, mode), call in calls.items():
                cell = {"workload": workload, "mode": mode, "layout": layout.name, "engine": engine}
                yield cell, call, arrays["direction"]


def main():
    name, folder, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    # What a library prints must not get among the rows.
    rows = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    framework = importlib.import_module(f"peers_{name}")
    framework.set_threads(threads)
    with open(os.path.join(folder, "expected.json")) as file:
        expected = {entry["workload"]: entry for entry in json.load(file)}
    files = ("logits", "probabilities", "target", "direction")
    data = {file: numpy.load(os.path.join(folder, f"{file}.npy")) for file in files}
    every = list(cells(framework, data, expected))
    for cell, _, _ in every:
        cell.update(version=framework.VERSION, threads=threads)
    print(json.dumps([cell for cell, _, _ in every]), file=rows, flush=True)
    for line in sys.stdin:
        cell, call, direction = every[int(line)]
        ms = timed(cell, call, expected[cell["workload"]], direction)
        print(json.dumps({**cell, "ms": ms}), file=rows, flush=True)


if __name__ == "__main__":
    main()
