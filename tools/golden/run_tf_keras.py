"""tf_keras, which is Keras 2: a loss called on tensors, and the losses that training reports.

What a name with `fit` in it means: a model that hands its input on runs one epoch, in order, with
a learning rate of 0, and the reported loss is the value; it has no gradient.
"""

import tensorflow as tf
import tf_keras as keras

from rows import Incomplete, serve

CLASSES = (
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "SparseCategoricalCrossentropy",
    "BinaryFocalCrossentropy",
)


def evaluate(row):
    keras.backend.set_floatx(row.dtype)
    name, _, inner = row.loss.partition(":")
    if name.startswith("fit"):
        return fit(row, name, inner), None
    row.only(*CLASSES)
    loss = getattr(keras.losses, row.loss)(**row.args)
    prediction = tf.Variable(row.prediction)
    with tf.GradientTape() as tape:
        values = loss(
            tf.convert_to_tensor(row.target),
            tf.convert_to_tensor(prediction),
            sample_weight=row.weights.get("sample_weight"),
        )
    return values.numpy(), tape.gradient(values, prediction).numpy()


def model_of(row, outputs=1):
    inputs = keras.Input(row.prediction.shape[1:], dtype=row.dtype)
    activation = row.args.get("act", "linear")
    names = ["a", "b"][:outputs]
    layers = [keras.layers.Activation(activation, name=name) for name in names]
    return keras.Model(inputs, {name: layer(inputs) for name, layer in zip(names, layers)})


def fit(row, name, inner):
    reduction = row.args.get("reduction", "auto")
    data = row.prediction, {"a": row.target}
    compile_args = {"run_eagerly": row.args.get("run_eagerly", False)}
    # The arguments that the rows leave out are those of the script that made them.
    fit_args = {"batch_size": row.args.get("batch_size", 2), "shuffle": False, "verbose": 0}
    key = "loss"
    if name == "fit_two_outputs":
        model = model_of(row, outputs=2)
        # Keras 2 has no Dice; the second output's own loss is in no row.
        losses = {name: keras.losses.BinaryCrossentropy() for name in "ab"}
        loss_weights = dict(zip("ab", row.args["loss_weights"]))
        compile_args.update(loss=losses, loss_weights=loss_weights)
        data = row.prediction, {"a": row.target, "b": row.target}
        key = row.args["key"]
        if key != "a_loss":
            raise NotImplementedError(f"the loss {key} is not run here")
    elif name == "fit_mirrored2":
        with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
            model = model_of(row)
        compile_args["loss"] = keras.losses.BinaryCrossentropy(reduction=reduction)
    elif name == "fit_class_weight":
        if "class_weight" not in row.args:
            raise Incomplete("the row does not hold the class weights")
        model = model_of(row)
        compile_args["loss"] = keras.losses.BinaryCrossentropy()
        weights = row.args["class_weight"].items()
        fit_args["class_weight"] = {int(label): weight for label, weight in weights}
        # Class weights are for a target that is one tensor.
        data = row.prediction, row.target
    elif name == "fit_epoch":
        model = model_of(row)
        compile_args["loss"] = getattr(keras.losses, inner)(reduction=reduction)
    else:
        raise NotImplementedError(f"{row.loss} is not run here")
    model.compile(optimizer=keras.optimizers.SGD(0.0), **compile_args)
    return model.fit(*data, **fit_args).history[key][0]


# Two replicas need two devices.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
serve(evaluate)
