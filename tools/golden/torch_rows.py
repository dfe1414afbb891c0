"""A row as torch tensors."""

import torch


def tensors(row):
    """The prediction, which asks for its gradient, the target, and the weights by name."""
    prediction = torch.tensor(row.prediction, requires_grad=True)
    weights = {name: torch.tensor(weight) for name, weight in row.weights.items()}
    return prediction, torch.tensor(row.target), weights


def with_gradient(values, prediction):
    (gradient,) = torch.autograd.grad(values.sum(), prediction)
    return values.detach().numpy(), gradient.numpy()
