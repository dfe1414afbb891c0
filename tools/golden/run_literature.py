"""Losses as papers define them, in numpy: no framework is behind these rows, and no gradient."""

import numpy as np

from rows import serve


def tilborghs_dice(y_hat, y, phi, eps, eps_in):
    """Tilborghs et al. 2022: the mean over groups phi of 1 - 2 sum(y y') / (sum(y + y') + eps)."""
    if eps_in != "denominator":
        raise NotImplementedError(f"eps in the {eps_in}")
    phi = tuple(phi)
    return np.mean(1 - 2 * np.sum(y * y_hat, axis=phi) / (np.sum(y + y_hat, axis=phi) + eps))


def sudre_gdl(p, r, scope):
    """Sudre et al. 2017: 1 - 2 sum_l w_l sum_n r p / sum_l w_l sum_n (r + p), w_l = (sum_n r)^-2."""
    if scope != "batch":
        raise NotImplementedError(f"scope {scope}")
    n = (0, 2, 3)
    w = 1 / np.sum(r, axis=n) ** 2
    return 1 - 2 * np.sum(w * np.sum(r * p, axis=n)) / np.sum(w * np.sum(r + p, axis=n))


def milletari_dice(p, g, axis):
    """Milletari et al. 2016: the Dice coefficient 2 sum(p g) / (sum(p^2) + sum(g^2)), as 1 - D."""
    axis = tuple(axis)
    d = 2 * np.sum(p * g, axis=axis) / (np.sum(p**2, axis=axis) + np.sum(g**2, axis=axis))
    return np.mean(1 - d)


def unified_focal_loss(p, t, weight, delta, gammas):
    """Yeung et al. 2022, as their code has it: classes 0 and 1, each with its gammas (Tversky, focal)."""
    eps = 1e-7
    p = np.clip(p, eps, 1 - eps)
    pixels = tuple(range(2, p.ndim))
    tversky, focal = 0, 0
    for c, share in enumerate((1 - delta, delta)):
        of_tversky, of_focal = gammas[c]
        q, y = p[:, c], t[:, c]
        axes = tuple(axis - 1 for axis in pixels)
        tp, fn, fp = (np.sum(x, axis=axes) for x in (y * q, y * (1 - q), (1 - y) * q))
        index = (tp + eps) / (tp + delta * fn + (1 - delta) * fp + eps)
        tversky += np.mean((1 - index) ** (1 - of_tversky)) / 2
        focal += np.mean(share * (1 - q) ** of_focal * -y * np.log(q))
    return weight * tversky + (1 - weight) * focal


def asym_unified_focal_loss(p, t, weight, delta, gamma):
    """The foreground is enhanced by the ratio, the background suppressed by the factor."""
    return unified_focal_loss(p, t, weight, delta, ((0, gamma), (gamma, 0)))


def sym_unified_focal_loss(p, t, weight, delta, gamma):
    """Both classes have both."""
    return unified_focal_loss(p, t, weight, delta, ((gamma, gamma), (gamma, gamma)))


LOSSES = (
    tilborghs_dice,
    sudre_gdl,
    milletari_dice,
    asym_unified_focal_loss,
    sym_unified_focal_loss,
)
DEFINITIONS = {loss.__name__: loss for loss in LOSSES}


def evaluate(row):
    row.only(*DEFINITIONS)
    return DEFINITIONS[row.loss](row.prediction, row.target, **row.args), None


serve(evaluate)
