"""Who learns each federated kind of model."""

from collections.abc import Callable
from typing import Any

from feria.federation.agreement import Agreement
from feria.federation.local import Learner
from feria.federation.models.forest import Forest
from feria.federation.models.gradient_boosting import Boosting
from feria.federation.models.linear import Linear
from feria.federation.models.logistic import Logistic
from feria.federation.models.network import Network
from feria.federation.models.svm import Vector

LEARNERS: dict[str, Callable[[Agreement, Any], Learner]] = {
    "logistic_regression": Logistic,
    "linear_regression": Linear,
    "svm": Vector,
    "mlp": Network,
    "gradient_boosting": Boosting,
    "random_forest": Forest,
}
