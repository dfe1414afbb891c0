"""JAX: one jitted function per loss, with the value and with its gradient."""

import jax
import jax.numpy as jnp

VERSION = jax.__version__


def set_threads(threads):
    """Nothing: XLA takes one thread for each processor that the process may run on."""


def tensor(array):
    return jnp.asarray(array)


def bce(p, t):
    return -(t * jnp.log(p) + (1 - t) * jnp.log1p(-p))


def bce_logits(x, t):
    return jnp.maximum(x, 0) - x * t + jnp.log1p(jnp.exp(-jnp.abs(x)))


def dice(p, t, layout):
    both = (p * t).sum(layout.pixels)
    either = p.sum(layout.pixels) + t.sum(layout.pixels)
    return (1 - (2 * both + 1) / (either + 1)).mean()


def loss_of(workload, layout):
    """A function of prediction and target."""
    w = layout.per_class(workload)
    softmax, log_softmax = jax.nn.softmax, jax.nn.log_softmax
    return {
        "bce_probability": lambda x, t: bce(x, t).mean(),
        "bce_sigmoid": lambda x, t: bce_logits(x, t).mean(),
        "class_weighted_bce": lambda x, t: (bce_logits(x, t) * w).mean(),
        "dice_probability": lambda x, t: dice(x, t, layout),
        "weighted_bce_dice": lambda x, t: (
            (bce_logits(x, t) * w).mean() + dice(jax.nn.sigmoid(x), t, layout)
        ),
        "bce_sigmoid_by_pixel": lambda x, t: bce_logits(x, t).mean(layout.classes).mean((1, 2)).mean(),
        "cross_entropy": lambda x, t: (
            -(log_softmax(x, layout.classes) * t * w).sum(layout.classes).mean()
        ),
        "dice_softmax": lambda x, t: dice(softmax(x, layout.classes), t, layout),
    }[workload]


def calls(workload, layout, x, t):
    loss = loss_of(workload, layout)
    value, both = jax.jit(loss), jax.jit(jax.value_and_grad(loss))
    return {
        ("jax", "value"): lambda: (value(x, t).block_until_ready(), None),
        ("jax", "gradient"): lambda: jax.block_until_ready(both(x, t)),
    }
