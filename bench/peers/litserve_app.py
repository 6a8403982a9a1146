"""`python litserve_app.py PORT BATCH`"""

import sys

import litserve
import numpy as np
from picture import SIDE, answers, decode, session


class Faces(litserve.LitAPI):
    def setup(self, device):
        self.session = session(1)

    def decode_request(self, request):
        picture = np.empty((3, SIDE, SIDE), np.float32)
        decode(request["image"], picture)
        return picture

    def batch(self, inputs):
        return np.stack(inputs)

    def predict(self, x):
        x = x if x.ndim == 4 else x[None]
        return answers(self.session.run(["probabilities"], {"image": x})[0])

    def unbatch(self, output):
        return output

    def encode_response(self, output):
        return output if isinstance(output, dict) else output[0]


if __name__ == "__main__":
    _, port, batch = sys.argv
    many = int(batch)
    api = Faces(max_batch_size=many, batch_timeout=0.002 if many > 1 else 0.0)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=2)
    server.run(
        host="127.0.0.1", port=int(port), log_level="warning", generate_client_file=False, access_log=False
    )
