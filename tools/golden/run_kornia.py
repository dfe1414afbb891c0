"""kornia.losses: the function of the row's loss name, with the row's arguments and weights."""

import kornia.losses

from rows import serve
from torch_rows import tensors, with_gradient


def evaluate(row):
    row.only("dice_loss", "tversky_loss", "focal_loss", "binary_focal_loss_with_logits")
    prediction, target, weights = tensors(row)
    loss = getattr(kornia.losses, row.loss)
    return with_gradient(loss(prediction, target, **row.args, **weights), prediction)


serve(evaluate)
