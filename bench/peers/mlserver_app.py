"""`python mlserver_app.py PORT BATCH WORKERS`"""

import asyncio
import logging
import sys

from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.codecs import NumpyCodec
from mlserver.settings import ModelParameters
from mlserver.types import InferenceResponse
from picture import decoded, session


class Faces(MLModel):
    async def load(self):
        # In this process the model holds up the event loop, so it gets both cores; beside it, one each.
        self.session = session(1 if self.settings.parallel_workers else 2)
        return True

    async def predict(self, payload):
        pictures = decoded(payload.inputs[0].data.root)
        probabilities = self.session.run(["probabilities"], {"image": pictures})[0]
        return InferenceResponse(
            model_name=self.name, outputs=[NumpyCodec.encode_output("probabilities", probabilities)]
        )


async def main(port, batch, workers):
    logging.disable(logging.INFO)
    settings = Settings(
        debug=False,
        host="127.0.0.1",
        http_port=port,
        grpc_port=0,
        metrics_endpoint=None,
        parallel_workers=workers,
        load_models_at_startup=False,
    )
    model = ModelSettings(
        name="faces",
        implementation=Faces,
        max_batch_size=batch,
        max_batch_time=0.002 if batch > 1 else 0,
        parameters=ModelParameters(uri="."),
    )
    await MLServer(settings).start([model])


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
