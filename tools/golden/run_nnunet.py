"""nnunetv2.training.loss: the losses of its trainers, on one process."""

import torch
from nnunetv2.training.loss import compound_losses, dice
from nnunetv2.training.loss.deep_supervision import DeepSupervisionWrapper
from nnunetv2.utilities.helpers import softmax_helper_dim1

from rows import serve
from torch_rows import tensors, with_gradient


def compound(row, **ce):
    """DC_and_..: what the arguments say of Dice goes to Dice, the rest to the sum of the two."""
    args = {name: row.args[name] for name in row.args.keys() - {"k", "weights", "levels"}}
    names = [name for name in ("batch_dice", "smooth", "do_bg") if name in args]
    soft_dice = {"ddp": False, **{name: args.pop(name) for name in names}}
    return args, soft_dice, ce


def evaluate(row):
    prediction, target, weights = tensors(row)
    if row.loss in ("SoftDiceLoss", "MemoryEfficientSoftDiceLoss"):
        args = dict(row.args)
        activation = softmax_helper_dim1 if args.pop("softmax") else None
        loss = getattr(dice, row.loss)(apply_nonlin=activation, ddp=False, **args)
        mask = weights.get("mask")
        return with_gradient(loss(prediction, target, loss_mask=mask), prediction)
    if row.loss == "DC_and_CE_loss":
        args, soft_dice, ce = compound(row)
        loss = compound_losses.DC_and_CE_loss(soft_dice, ce, **args)
    elif row.loss == "DC_and_topk_loss":
        args, soft_dice, ce = compound(row, k=row.args["k"])
        loss = compound_losses.DC_and_topk_loss(soft_dice, ce, **args)
    elif row.loss == "DC_and_BCE_loss":
        args, soft_dice, bce = compound(row)
        loss = compound_losses.DC_and_BCE_loss(bce, soft_dice, **args)
    elif row.loss == "DeepSupervision":
        args, soft_dice, ce = compound(row)
        factors = row.args["weights"]
        every = compound_losses.DC_and_CE_loss(soft_dice, ce, **args)
        loss = DeepSupervisionWrapper(every, factors)
        # The levels that the row's argument "levels" names.
        steps = [2**level for level in range(len(factors))]
        levels = [torch.nn.functional.avg_pool2d(prediction, step) for step in steps]
        labels = [target[:, :, ::step, ::step] for step in steps]
        return with_gradient(loss(levels, labels), prediction)
    else:
        raise NotImplementedError(f"{row.loss} is not run here")
    return with_gradient(loss(prediction, target), prediction)


serve(evaluate)
