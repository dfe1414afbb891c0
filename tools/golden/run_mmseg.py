"""mmseg.models.losses, of mmsegmentation 1.2.2 or 0.30.0.

Both import mmcv's compiled operators, and mmcv has no built package. The losses that are run here
use neither these operators nor the registries; so the modules that the loss files import beside
torch are empty stand-ins, and the loss files are the package's own.
"""

import importlib
import importlib.metadata
import sys
import types

from rows import serve
from torch_rows import tensors, with_gradient


class Registry:
    """Takes a class, and leaves it as it is."""

    def register_module(self, *_, **__):
        return lambda registered: registered


def stand_in(name, path=None, **contents):
    module = types.ModuleType(name)
    module.__dict__.update(contents)
    if path is not None:
        # A package whose modules are found where the real one has them.
        module.__path__ = [path]
    sys.modules[name] = module


mmseg = str(importlib.metadata.distribution("mmsegmentation").locate_file("mmseg"))
stand_in("mmseg", mmseg)
stand_in("mmseg.models", f"{mmseg}/models")
stand_in("mmseg.registry", MODELS=Registry())
stand_in("mmseg.models.builder", LOSSES=Registry())
stand_in("mmcv")
stand_in("mmcv.ops", sigmoid_focal_loss=None)
stand_in("mmengine")
stand_in("mmengine.fileio", load=None)
stand_in("mmengine.utils", is_list_of=None)
losses = importlib.import_module("mmseg.models.losses")


def evaluate(row):
    row.only("CrossEntropyLoss", "DiceLoss", "TverskyLoss")
    prediction, target, weights = tensors(row)
    args = dict(row.args)
    # Cross-entropy takes the ignored label with the batch, the overlap losses when they are made.
    overlap = row.loss != "CrossEntropyLoss"
    with_batch = {"avg_factor"} if overlap else {"avg_factor", "ignore_index"}
    call = {name: args.pop(name) for name in with_batch & args.keys()}
    if "class_weight" in weights:
        args["class_weight"] = weights["class_weight"].tolist()
    if "weight" in weights:
        call["weight"] = weights["weight"]
    loss = getattr(losses, row.loss)(**args)
    return with_gradient(loss(prediction, target, **call), prediction)


serve(evaluate)
