"""The two tasks, for Celery on Redis; and, run as a program, the time each takes from `delay` to `get`.

`python celery_app.py TIMES PICTURES [nothing]` prints seconds as JSON; PICTURES has a Base64 JPEG a line.
"""

import json
import os
import sys
import time

from celery import Celery
from picture import answers, decoded, session

# Keys of its own on a Redis that others may use too.
PREFIX = {"global_keyprefix": os.environ["BENCH_PREFIX"]}
app = Celery("celery_app", broker=os.environ["BENCH_REDIS"], backend=os.environ["BENCH_REDIS"])
app.conf.update(
    broker_transport_options=PREFIX,
    result_backend_transport_options=PREFIX,
    result_expires=300,
    worker_hijack_root_logger=False,
)
loaded = []


@app.task
def nothing():
    return None


@app.task
def classify(picture):
    if not loaded:
        loaded.append(session(1))
    return answers(loaded[0].run(["probabilities"], {"image": decoded([picture])})[0])[0]


def seconds(task, payloads, times):
    taken = []
    for n in range(times + 20):
        began = time.perf_counter()
        task.delay(*payloads[n % len(payloads)]).get(timeout=30)
        taken.append(time.perf_counter() - began)
    return taken[20:]


if __name__ == "__main__":
    times = int(sys.argv[1])
    with open(sys.argv[2]) as lines:
        pictures = [(line.strip(),) for line in lines]
    taken = [seconds(nothing, [()], times)]
    if sys.argv[3:] != ["nothing"]:
        taken.append(seconds(classify, pictures, times))
    json.dump(taken, sys.stdout)
