"""torch.nn: the class of the row's loss name, with the row's arguments and weights."""

import torch

from rows import serve
from torch_rows import tensors, with_gradient


def evaluate(row):
    row.only("BCELoss", "BCEWithLogitsLoss", "CrossEntropyLoss", "NLLLoss", "KLDivLoss")
    prediction, target, weights = tensors(row)
    # "target" says what kind of target the row has; the tensor says it to torch.
    args = {name: value for name, value in row.args.items() if name != "target"}
    loss = getattr(torch.nn, row.loss)(**args, **weights)
    return with_gradient(loss(prediction, target), prediction)


serve(evaluate)
