"""DeepLabCE, one file of detectron2's projects, which no package has: DETECTRON2 is a checkout."""

import importlib.util
import os

from rows import serve
from torch_rows import tensors, with_gradient

FILE = os.path.join(os.environ["DETECTRON2"], "projects/DeepLab/deeplab/loss.py")
spec = importlib.util.spec_from_file_location("deeplab_loss", FILE)
deeplab_loss = importlib.util.module_from_spec(spec)
spec.loader.exec_module(deeplab_loss)


def evaluate(row):
    row.only("DeepLabCE")
    prediction, target, weights = tensors(row)
    loss = deeplab_loss.DeepLabCE(**row.args, **weights)
    return with_gradient(loss(prediction, target), prediction)


serve(evaluate)
