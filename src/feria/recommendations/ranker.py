"""The model that orders candidates, as soon as the registry holds one."""

import logging
from typing import Any, NamedTuple

import numpy as np

from feria.errors import Busy, Expired, FeriaError, NotFound
from feria.inference.engine import Engine
from feria.inference.predictors import AnyPredictor, RowPredictor
from feria.recommendations.features import NAMES
from feria.registry.wire import TabularInput

log = logging.getLogger(__name__)

YES = frozenset({"1", "1.0", "true", "yes", "bought"})
"""Labels of the class that means that it was bought."""

Array = np.ndarray[Any, Any]


class Ranked(NamedTuple):
    scores: Array
    model: str


class Ranker:
    """Follows the latest version of one model. A model that cannot rank is said so once, in the log."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._name = name
        self._there = True
        self._refused: str | None = None

    async def follow(self, name: str) -> None:
        """Told by the registry that a version of `name` came, went or changed."""
        if name == self._name:
            self._there = True

    async def rank(self, features: Array) -> Ranked | None:
        """A score for each row; none where no model can give one now."""
        if not self._there:
            return None
        try:
            predictor = await self._engine.predictor(self._name)
            if not self._can_rank(predictor):
                return None
            columns = [NAMES.index(column.name) for column in predictor.model.input.columns]  # type: ignore[union-attr]
            rows = features[:, columns].tolist()
            answer = await self._engine.submit(predictor, rows, lambda answer: answer)
        except NotFound:
            self._there = False  # until the registry says otherwise
            return None
        except (Busy, Expired):
            return None
        except FeriaError as error:
            self._refuse(self._name, error.message)
            return None
        return Ranked(_scores(answer), predictor.model.reference)

    def _can_rank(self, predictor: AnyPredictor) -> bool:
        model = predictor.model
        if not isinstance(predictor, RowPredictor) or not isinstance(model.input, TabularInput):
            return self._refuse(model.reference, "it takes no rows")
        unknown = [column.name for column in model.input.columns if column.name not in NAMES]
        if unknown:
            return self._refuse(model.reference, f"no feature is called '{unknown[0]}'")
        labels = model.output.labels
        if model.output.value is None and not (labels and model.output.probabilities and _yes(labels)):
            return self._refuse(model.reference, "it answers neither a number nor whether it was bought")
        return True

    def _refuse(self, reference: str, why: str) -> bool:
        if (said := f"{reference} does not rank: {why}") != self._refused:
            self._refused = said
            log.error("%s. Products are ordered by the rule instead.", said)
        return False


def _yes(labels: Any) -> list[int]:
    return [i for i, label in enumerate(labels) if str(label).lower() in YES]


def _scores(answer: dict[str, Any]) -> Array:
    if "probabilities" in answer:
        (yes, *_) = _yes(answer["labels"])
        return np.array(answer["probabilities"])[:, yes]
    return np.array(answer["predictions"], float)
