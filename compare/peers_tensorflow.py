"""TensorFlow: one function per loss, compiled by XLA, with the value and with its gradient."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import tensorflow as tf  # noqa: E402

tf.get_logger().setLevel("ERROR")  # a function is made for every cell; it warns of that
VERSION = tf.__version__


def set_threads(threads):
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


def tensor(array):
    return tf.constant(array)


def bce(p, t):
    return -(t * tf.math.log(p) + (1 - t) * tf.math.log1p(-p))


def bce_logits(x, t):
    return tf.nn.sigmoid_cross_entropy_with_logits(labels=t, logits=x)


def dice(p, t, layout):
    both = tf.reduce_sum(p * t, layout.pixels)
    either = tf.reduce_sum(p, layout.pixels) + tf.reduce_sum(t, layout.pixels)
    return tf.reduce_mean(1 - (2 * both + 1) / (either + 1))


def by_pixel(x, t, layout):
    pixels = tf.reduce_mean(bce_logits(x, t), layout.classes)
    return tf.reduce_mean(tf.reduce_mean(pixels, (1, 2)))


def cross_entropy(x, t, w, layout):
    cells = tf.nn.log_softmax(x, layout.classes) * t * w
    return -tf.reduce_mean(tf.reduce_sum(cells, layout.classes))


def loss_of(workload, layout):
    """A function of prediction and target."""
    w = layout.per_class(workload)
    mean = tf.reduce_mean
    return {
        "bce_probability": lambda x, t: mean(bce(x, t)),
        "bce_sigmoid": lambda x, t: mean(bce_logits(x, t)),
        "class_weighted_bce": lambda x, t: mean(bce_logits(x, t) * w),
        "dice_probability": lambda x, t: dice(x, t, layout),
        "weighted_bce_dice": lambda x, t: mean(bce_logits(x, t) * w) + dice(tf.sigmoid(x), t, layout),
        "bce_sigmoid_by_pixel": lambda x, t: by_pixel(x, t, layout),
        "cross_entropy": lambda x, t: cross_entropy(x, t, w, layout),
        "dice_softmax": lambda x, t: dice(tf.nn.softmax(x, layout.classes), t, layout),
    }[workload]


def calls(workload, layout, x, t):
    loss = loss_of(workload, layout)
    value = tf.function(loss, jit_compile=True)

    @tf.function(jit_compile=True)
    def both(x, t):
        with tf.GradientTape() as tape:
            tape.watch(x)
            result = loss(x, t)
        return result, tape.gradient(result, x)

    def gradient():
        result, derivatives = both(x, t)
        return result.numpy(), derivatives.numpy()  # no copies: they wait for the result

    return {
        ("tensorflow", "value"): lambda: (value(x, t).numpy(), None),
        ("tensorflow", "gradient"): gradient,
    }
