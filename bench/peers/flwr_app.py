"""A federation on Flower's own simulation: `python flwr_app.py CLIENTS CORES FOLDER ANSWERS`.

For each line on standard input, a number, it does so many rounds and writes the seconds of one as a line to
the file descriptor ANSWERS; Ray writes to standard output what it likes. FOLDER is where Ray keeps its files.
"""

import os
import sys
import time

from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import ServerApp
from flwr.serverapp.strategy import FedAvg
from flwr.simulation import run_simulation
from shop import ROWS, initial, shop

client, server = ClientApp(), ServerApp()


@client.train()
def train(message, context):
    arrays = message.content["arrays"].to_numpy_ndarrays()
    fitted = ArrayRecord(shop(context.node_config["partition-id"]).fit(*arrays))
    metrics = MetricRecord({"loss": 0.0, "num-examples": ROWS})
    return Message(RecordDict({"arrays": fitted, "metrics": metrics}), reply_to=message)


@server.main()
def main(grid, context):
    everybody = {"min_available_nodes": clients, "min_train_nodes": clients}
    strategy = FedAvg(fraction_train=1.0, fraction_evaluate=0.0, **everybody)
    arrays, number = ArrayRecord(initial()), 0
    for line in sys.stdin:
        began, rounds = time.perf_counter(), int(line)
        for _ in range(rounds):
            number += 1
            messages = strategy.configure_train(number, arrays, ConfigRecord(), grid)
            replies = list(grid.send_and_receive(messages, timeout=3600))
            if len(replies) != clients or any(reply.has_error() for reply in replies):
                raise SystemExit("Not all clients answered.")
            arrays, _ = strategy.aggregate_train(number, replies)
        seconds = (time.perf_counter() - began) / rounds
        answers.write(f"{seconds}\n")
        answers.flush()


if __name__ == "__main__":
    clients, cores = int(sys.argv[1]), int(sys.argv[2])
    answers = os.fdopen(int(sys.argv[4]), "w")
    run_simulation(
        server,
        client,
        clients,
        backend_config={
            "client_resources": {"num_cpus": 1, "num_gpus": 0.0},  # a client a core
            "init_args": {
                "num_cpus": cores,
                "include_dashboard": False,
                "log_to_driver": False,
                "_temp_dir": sys.argv[3],
            },
        },
    )
