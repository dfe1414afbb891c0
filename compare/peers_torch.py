"""torch: eager, and compiled by its inductor."""

import torch
import torch._dynamo
from torch.nn import functional as F

VERSION = torch.__version__

# A cell that is silently not compiled would be compared under the wrong name.
torch._dynamo.config.recompile_limit = 1000
torch._dynamo.config.suppress_errors = False


def set_threads(threads):
    torch.set_num_threads(threads)


def tensor(array):
    return torch.from_numpy(array)


def dice(p, t, layout):
    both = (p * t).sum(layout.pixels)
    either = p.sum(layout.pixels) + t.sum(layout.pixels)
    return (1 - (2 * both + 1) / (either + 1)).mean()


def loss_of(workload, layout):
    """A function of prediction and target."""
    weights = layout.per_class(workload)
    w = None if weights is None else torch.from_numpy(weights)
    logits = F.binary_cross_entropy_with_logits
    return {
        "bce_probability": lambda x, t: F.binary_cross_entropy(x, t),
        "bce_sigmoid": lambda x, t: logits(x, t),
        "class_weighted_bce": lambda x, t: logits(x, t, weight=w),
        "dice_probability": lambda x, t: dice(x, t, layout),
        "weighted_bce_dice": lambda x, t: logits(x, t, weight=w) + dice(torch.sigmoid(x), t, layout),
        "bce_sigmoid_by_pixel": lambda x, t: (
            logits(x, t, reduction="none").mean(layout.classes).mean((1, 2)).mean()
        ),
        # Of probabilities as the target, its mean is over the pixels.
        "cross_entropy": lambda x, t: F.cross_entropy(
            x.movedim(layout.classes, 1), t.movedim(layout.classes, 1), weight=w.flatten()
        ),
        "dice_softmax": lambda x, t: dice(torch.softmax(x, layout.classes), t, layout),
    }[workload]


def calls(workload, layout, x, t):
    watched = x.clone().requires_grad_()

    def value(loss):
        def call():
            with torch.no_grad():
                return loss(x, t).item(), None

        return call

    def gradient(loss):
        def call():
            result = loss(watched, t)
            (gradient,) = torch.autograd.grad(result, watched)
            return result.item(), gradient

        return call

    def compiled():
        return torch.compile(loss_of(workload, layout), fullgraph=True, dynamic=False)

    eager = loss_of(workload, layout)
    return {
        ("torch", "value"): value(eager),
        ("torch", "gradient"): gradient(eager),
        ("torch-compile", "value"): value(compiled()),
        ("torch-compile", "gradient"): gradient(compiled()),
    }
