"""keras.losses: a loss called on tensors, and the losses that training reports.

What a name with `fit` in it means: a model that hands its input on runs one epoch, in order, with
a learning rate of 0, and the reported loss is the value; it has no gradient.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import tensorflow as tf

from rows import serve

CLASSES = (
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "SparseCategoricalCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalFocalCrossentropy",
    "Dice",
    "Tversky",
)
FUNCTIONS = ("binary_crossentropy", "sparse_categorical_crossentropy")


def dice_coef(y_true, y_pred, smooth):
    """As Kaggle's notebooks define it, of the flattened batch."""
    y_true = keras.ops.reshape(y_true, [-1])
    y_pred = keras.ops.reshape(y_pred, [-1])
    intersection = keras.ops.sum(y_true * y_pred)
    return (2.0 * intersection + smooth) / (keras.ops.sum(y_true) + keras.ops.sum(y_pred) + smooth)


def dice_coef_loss(y_true, y_pred, smooth):
    return 1 - dice_coef(y_true, y_pred, smooth)


def bce_dice_loss(y_true, y_pred, smooth):
    """As Kaggle's notebooks define it: a number per pixel plus a number of the batch."""
    bce = keras.losses.binary_crossentropy(y_true, y_pred)
    return bce + dice_coef_loss(y_true, y_pred, smooth)


NOTEBOOK = {loss.__name__: loss for loss in (dice_coef_loss, bce_dice_loss)}


class Notebook(keras.losses.Loss):
    """A notebook's function as what `compile(loss=..)` makes of it."""

    def __init__(self, function, **args):
        super().__init__()
        self.function = function
        self.args = args

    def call(self, y_true, y_pred):
        return self.function(y_true, y_pred, **self.args)


def evaluate(row):
    keras.config.set_floatx(row.dtype)
    name, _, inner = row.loss.partition(":")
    if name.startswith("fit"):
        return fit(row, name, inner), None
    if name == "custom_loop_mirrored2":
        return custom_loop(row), None
    row.only(*CLASSES, *FUNCTIONS, *NOTEBOOK)
    prediction = tf.Variable(row.prediction)
    with tf.GradientTape() as tape:
        values = call(row, tf.convert_to_tensor(prediction))
    gradient = tape.gradient(values, prediction)
    return values.numpy(), gradient.numpy()


def call(row, prediction):
    target = tf.convert_to_tensor(row.target)
    if row.loss in FUNCTIONS:
        return getattr(keras.losses, row.loss)(target, prediction, **row.args)
    if row.loss in NOTEBOOK:
        return Notebook(NOTEBOOK[row.loss], **row.args)(target, prediction)
    if "mask" in row.weights:
        prediction._keras_mask = tf.convert_to_tensor(row.weights["mask"] > 0)
    loss = getattr(keras.losses, row.loss)(**row.args)
    return loss(target, prediction, sample_weight=row.weights.get("sample_weight"))


def model_of(row, outputs=1):
    keras.utils.set_random_seed(0)
    inputs = keras.Input(row.prediction.shape[1:], dtype=row.dtype)
    activation = row.args.get("act", "linear")
    names = ["a", "b"][:outputs]
    layers = [keras.layers.Activation(activation, name=name) for name in names]
    return keras.Model(inputs, {name: layer(inputs) for name, layer in zip(names, layers)})


def fit(row, name, inner):
    reduction = row.args.get("reduction", "sum_over_batch_size")
    data = row.prediction, row.target
    compile_args = {"run_eagerly": row.args.get("run_eagerly", False)}
    # The arguments that the rows leave out are those of the script that made them.
    fit_args = {"batch_size": row.args.get("batch_size", 2), "shuffle": False, "verbose": 0}
    key = "loss"
    if name == "fit_two_outputs":
        model = model_of(row, outputs=2)
        loss = {"a": keras.losses.BinaryCrossentropy(), "b": keras.losses.Dice()}
        loss_weights = dict(zip("ab", row.args["loss_weights"]))
        compile_args.update(loss=loss, loss_weights=loss_weights)
        data = row.prediction, {"a": row.target, "b": row.target}
        key = row.args["key"]
    elif name == "fit_mirrored2":
        with mirrored().scope():
            model = model_of(row)
        compile_args["loss"] = keras.losses.BinaryCrossentropy(reduction=reduction)
    elif name in ("fit_epoch", "fit_val"):
        model = model_of(row)
        compile_args["loss"] = getattr(keras.losses, inner)(reduction=reduction)
        if name == "fit_val":
            fit_args["validation_data"] = data
            key = "val_loss"
        if "sample_weight" in row.weights:
            fit_args["sample_weight"] = row.weights["sample_weight"]
    else:
        raise NotImplementedError(f"{row.loss} is not run here")
    model.compile(optimizer=keras.optimizers.SGD(0.0), **compile_args)
    return model.fit(*data, **fit_args).history[key][0]


def mirrored():
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def custom_loop(row):
    """The losses that two replicas get of their halves of the batch, summed."""
    strategy = mirrored()
    batch = tf.data.Dataset.from_tensor_slices((row.target, row.prediction)).batch(len(row.target))
    with strategy.scope():
        loss = keras.losses.BinaryCrossentropy()
    (halves,) = strategy.experimental_distribute_dataset(batch)
    losses = strategy.run(lambda halves: loss(*halves), args=(halves,))
    return strategy.reduce("SUM", losses, axis=None).numpy()


# Two replicas need two devices.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
serve(evaluate)
