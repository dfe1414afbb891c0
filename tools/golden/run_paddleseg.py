"""paddleseg.models.losses: the class of the row's loss name, with the row's arguments."""

import paddle
import paddleseg.models.losses

from rows import serve


def evaluate(row):
    row.only("DiceLoss", "BCELoss")
    # PaddleSeg puts float32 tensors of its own into the loss: a float64 prediction is an error.
    prediction = paddle.to_tensor(row.prediction, dtype="float32", stop_gradient=False)
    weights = {name: weight.tolist() for name, weight in row.weights.items()}
    loss = getattr(paddleseg.models.losses, row.loss)(**row.args, **weights)
    values = loss(prediction, paddle.to_tensor(row.target))
    (gradient,) = paddle.grad(values.sum(), prediction)
    return values.numpy(), gradient.numpy()


paddle.set_device("cpu")
serve(evaluate)
