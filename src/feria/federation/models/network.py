"""A small neural network: the layers averaged after a few epochs at each client.

It has scikit-learn's form: rectified hidden layers, then the logistic function, softmax, or the number
itself. Each client walks in small batches by Adam (Kingma and Ba 2015, arXiv:1412.6980), whose moments begin
anew in each round: they are of its own rows, and would go on leading away from the others.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import LabelBinarizer

from feria.federation.agreement import Agreement, Examples
from feria.federation.local import Array, Arrays, Fit, of_classes, of_numbers
from feria.federation.models.logistic import indicators, likelihoods, of_each_class
from feria.federation.models.settings import NetworkSettings

FIRST, SECOND, NOTHING = 0.9, 0.999, 1e-8
"""Adam's own."""


@dataclass(frozen=True, slots=True)
class Network:
    """Arrays: for each layer float64 weights `[in, out]` and biases `[out]`, one after the other; the first
    layer is given the standard columns."""

    agreement: Agreement
    settings: NetworkSettings

    def initial(self, seed: int) -> Arrays:
        """By Glorot's rule, as scikit-learn has it."""
        chance = np.random.default_rng(seed)
        widths = [self.agreement.width, *self.settings.hidden_layer_sizes, self.agreement.outputs]
        arrays: Arrays = []
        for inputs, outputs in pairwise(widths):
            bound = np.sqrt(6 / (inputs + outputs))
            arrays += [chance.uniform(-bound, bound, (inputs, outputs)), np.zeros(outputs)]
        return arrays

    def fit(self, arrays: Arrays, examples: Examples, seed: int, proximal: float = 0.0) -> Fit:
        chosen, chance = self.settings, np.random.default_rng(seed)
        z = self.agreement.standard(examples.x)[:, :-1]
        y = examples.y
        truth = indicators(y, self.agreement.outputs) if self.agreement.labels else y[:, None]
        moved = [array.copy() for array in arrays]
        means = [np.zeros_like(array) for array in arrays]
        squares = [np.zeros_like(array) for array in arrays]
        step = 0
        for _ in range(chosen.epochs):
            shuffled = chance.permutation(len(z))
            for start in range(0, len(z), chosen.batch_size):
                rows = shuffled[start : start + chosen.batch_size]
                step += 1
                slopes = self._slopes(moved, z[rows], truth[rows])
                length = chosen.learning_rate * np.sqrt(1 - SECOND**step) / (1 - FIRST**step)
                for array, slope, begun, mean, square in zip(
                    moved, slopes, arrays, means, squares, strict=True
                ):
                    slope += proximal * (array - begun)
                    mean += (1 - FIRST) * (slope - mean)
                    square += (1 - SECOND) * (slope**2 - square)
                    array -= length * mean / (np.sqrt(square) + NOTHING)
        given = self.answer(moved, examples.x)
        if self.agreement.labels:
            return Fit(moved, len(z), of_classes(given, examples.y))
        return Fit(moved, len(z), of_numbers(given, examples.y, self.agreement.size))

    def _slopes(self, arrays: Arrays, z: Array, truth: Array) -> Arrays:
        """Of the mean loss and the penalty, by backpropagation."""
        outputs = _layers(arrays, z)
        outputs[-1] = likelihoods(outputs[-1]) if self.agreement.labels else outputs[-1]
        error = (outputs[-1] - truth) / len(z)
        slopes: Arrays = []
        for layer in reversed(range(len(arrays) // 2)):
            weights = arrays[2 * layer]
            slopes[:0] = [outputs[layer].T @ error + self.settings.alpha * weights, error.sum(axis=0)]
            error = (error @ weights.T) * (outputs[layer] > 0)
        return slopes

    def answer(self, arrays: Arrays, x: Array) -> Array:
        sums = _layers(arrays, self.agreement.standard(x)[:, :-1])[-1]
        return of_each_class(likelihoods(sums)) if self.agreement.labels else sums[:, 0]

    def estimator(self, arrays: Arrays) -> Any:
        """The standard columns become part of the first layer."""
        first, biases = self.agreement.unstandard(np.vstack([arrays[0], arrays[1]]))
        classes = np.arange(len(self.agreement.labels or ()))
        made: Any = MLPClassifier() if len(classes) else MLPRegressor()
        made.set_params(hidden_layer_sizes=self.settings.hidden_layer_sizes)
        made.coefs_, made.intercepts_ = [first, *arrays[2::2]], [biases, *arrays[3::2]]
        made.n_layers_, made.n_outputs_ = len(arrays) // 2 + 1, self.agreement.outputs
        made.n_features_in_ = self.agreement.width
        made.out_activation_ = "identity"
        if len(classes):
            made.out_activation_ = "logistic" if self.agreement.outputs == 1 else "softmax"
            made.classes_, made._label_binarizer = classes, LabelBinarizer().fit(classes)
        return made


def _layers(arrays: Arrays, z: Array) -> Arrays:
    """What goes into each layer, and last the sums that come out."""
    outputs = [z]
    for weights, biases in zip(arrays[::2], arrays[1::2], strict=True):
        sums = outputs[-1] @ weights + biases
        outputs.append(np.maximum(sums, 0) if len(outputs) < len(arrays) // 2 else sums)
    return outputs
