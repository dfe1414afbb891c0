"""segmentation_models_pytorch.losses: the class of the row's loss name, with its arguments."""

import segmentation_models_pytorch.losses

from rows import serve
from torch_rows import tensors, with_gradient

LOSSES = (
    "DiceLoss",
    "JaccardLoss",
    "TverskyLoss",
    "FocalLoss",
    "LovaszLoss",
    "SoftBCEWithLogitsLoss",
    "SoftCrossEntropyLoss",
)


def evaluate(row):
    row.only(*LOSSES)
    prediction, target, weights = tensors(row)
    loss = getattr(segmentation_models_pytorch.losses, row.loss)(**row.args, **weights)
    return with_gradient(loss(prediction, target), prediction)


serve(evaluate)
