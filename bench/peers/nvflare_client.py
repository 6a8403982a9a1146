"""A site's side of `nvflare_app.py`, in NVFlare's own words; it writes down when each round reached it."""

import json
import time
from os import environ
from pathlib import Path

import numpy as np
import nvflare.client as flare
from silo import Silo


def main():
    flare.init()
    name = flare.get_site_name()
    folder = Path(environ["BENCH_FOLDER"])
    silo = Silo(folder / f"{name}.csv")
    times, accuracy = [], 0.0
    while flare.is_running():
        model = flare.receive()
        if model is None:
            break
        times.append(time.time())
        (weights,) = (np.asarray(each, dtype=np.float64) for each in model.params.values())
        accuracy = silo.accuracy(weights)
        fitted = {key: silo.fit(weights) for key in model.params}
        flare.send(
            flare.FLModel(
                params=fitted,
                params_type=flare.ParamsType.FULL,
                metrics={"accuracy": accuracy},
                meta={"NUM_STEPS_CURRENT_ROUND": len(silo.y)},
            )
        )
        told = {"times": times, "accuracy": accuracy}
        (folder / f"{name}.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main()
