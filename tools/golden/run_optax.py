"""optax.losses: the function of the row's loss name, with the row's arguments and weights."""

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import optax.losses

from rows import serve

LOSSES = (
    "sigmoid_binary_cross_entropy",
    "softmax_cross_entropy",
    "softmax_cross_entropy_with_integer_labels",
    "sigmoid_focal_loss",
    "dice_loss",
    "multiclass_generalized_dice_loss",
    "binary_dice_loss",
)


def evaluate(row):
    row.only(*LOSSES)
    args = dict(row.args)
    args.update({name: jnp.asarray(weight) for name, weight in row.weights.items()})
    if "where" in args:
        # The row has a mask per pixel; optax wants it to broadcast against the classes.
        args["where"] = args["where"][..., None] > 0
    target = jnp.asarray(row.target)

    def loss(prediction):
        return getattr(optax.losses, row.loss)(prediction, target, **args)

    prediction = jnp.asarray(row.prediction)
    return loss(prediction), jax.grad(lambda prediction: loss(prediction).sum())(prediction)


serve(evaluate)
