"""monai.losses: the class of the row's loss name, with the row's arguments and weights."""

import monai.losses
import torch
from monai.losses import unified_focal_loss

from rows import serve
from torch_rows import tensors, with_gradient

LOSSES = (
    "DiceLoss",
    "MaskedDiceLoss",
    "GeneralizedDiceLoss",
    "DiceCELoss",
    "FocalLoss",
    "DiceFocalLoss",
    "GeneralizedDiceFocalLoss",
    "TverskyLoss",
    "AsymmetricFocalLoss",
    "AsymmetricFocalTverskyLoss",
    "AsymmetricUnifiedFocalLoss",
)


def evaluate(row):
    row.only(*LOSSES)
    prediction, target, weights = tensors(row)
    args = dict(row.args)
    if args.get("other_act") == "callable:tanh":
        args["other_act"] = torch.tanh
    # A mask goes with the batch, a class weight with the loss.
    batch = {name: weights.pop(name) for name in ["mask"] if name in weights}
    # Two of them are not exported.
    package = unified_focal_loss if row.loss.startswith("Asymmetric") else monai.losses
    loss = getattr(package, row.loss)(**args, **weights)
    return with_gradient(loss(prediction, target, **batch), prediction)


serve(evaluate)
