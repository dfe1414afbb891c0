"""keras.losses on Keras's torch backend, for the arguments that its TensorFlow backend refuses."""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras

from rows import serve
from torch_rows import tensors, with_gradient


def evaluate(row):
    row.only("SparseCategoricalCrossentropy")
    keras.config.set_floatx(row.dtype)
    prediction, target, weights = tensors(row)
    loss = getattr(keras.losses, row.loss)(**row.args)
    return with_gradient(loss(target, prediction, **weights), prediction)


serve(evaluate)
