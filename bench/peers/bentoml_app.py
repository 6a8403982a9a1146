"""`python -m bentoml serve bentoml_app:Faces`"""

import bentoml
from picture import answers, decoded, session


@bentoml.service(workers=1, metrics={"enabled": False}, logging={"access": {"enabled": False}})
class Faces:
    def __init__(self) -> None:
        self.session = session(2)

    @bentoml.api(batchable=True, max_batch_size=8, max_latency_ms=1000)
    def predict(self, images: list[str]) -> list[dict]:
        return answers(self.session.run(["probabilities"], {"image": decoded(images)})[0])
