"""Durable puts and gets of one member, beside etcd, Redis that syncs each write, and SQLite alone."""

from contextlib import ExitStack
from typing import cast

from bench.contenders import Contender, Lines
from bench.debian import version
from bench.key_stores import (
    ETCD,
    OURS,
    REDIS,
    VALUE_BYTES,
    Asked,
    Floor,
    ask_each,
    etcd,
    etcd_get,
    etcd_put,
    feria,
    http,
    redis,
    redis_server,
    until_etcd,
    values,
)
from bench.processes import free_port
from bench.report import Outcome, Promise, number, rates
from bench.rounds import Rounds, take_turns
from bench.run import Run

NAME = "kv"
CONNECTIONS, PROMISED = (1, 32), 32
ALWAYS = ("--appendonly", "yes", "--appendfsync", "always")


def run(run: Run) -> Outcome:
    with ExitStack() as stack:
        client = stack.enter_context(Lines("bench.load"))
        floor = Floor(run.scratch)
        ours, port = stack.enter_context(feria(run.scratch))
        etcd_ports = [(free_port(), free_port())]
        their, their_port = stack.enter_context(etcd(run.scratch, etcd_ports))
        until_etcd(their, their_port)
        memory, redis_port = stack.enter_context(redis_server(run.scratch, "redis", *ALWAYS))
        rows = list(values())
        puts: list[Contender] = [
            Asked(
                OURS, client, ours, port,
                [http("PUT", f"/v1/kv/{key}", value) for key, value in rows],
                [b"HTTP/1.1 200", b"HTTP/1.1 201"],
            ),
            Asked(ETCD, client, their, their_port, [etcd_put(*row) for row in rows], [b"HTTP/1.1 200"]),
            Asked(
                REDIS, client, memory, redis_port,
                [redis(b"SET", key.encode(), value) for key, value in rows], [b"+OK"], redis=True,
            ),
            floor,
        ]  # fmt: skip
        gets: list[Contender] = [
            Asked(
                OURS, client, ours, port,
                [http("GET", f"/v1/kv/{key}") for key, _ in rows], [b"HTTP/1.1 200"],
            ),
            Asked(
                ETCD, client, their, their_port,
                [etcd_get(key, local=True) for key, _ in rows], [b"HTTP/1.1 200"],
            ),
            Asked(
                REDIS, client, memory, redis_port,
                [redis(b"GET", key.encode()) for key, _ in rows], [b"$%d" % VALUE_BYTES], redis=True,
            ),
        ]  # fmt: skip
        many = run.pick(CONNECTIONS, PROMISED)
        for contender in cast(
            list[Asked], puts[:3]
        ):  # each key is there then, and nothing is compiled or grown while measured
            run.tell(f"filling {contender.name}")
            ask_each(contender)
            contender.measure(PROMISED, run.seconds)
        written = take_turns(puts, many, run.rounds, run.seconds, run.tell)
        read = take_turns(gets, many, run.rounds, run.seconds, run.tell)
    return Outcome(
        NAME,
        grids=[
            rates(f"Durable puts of {VALUE_BYTES} bytes", written, floor.name),
            rates(f"Gets of {VALUE_BYTES} bytes, from the member that is asked", read, OURS),
        ],
        promises=[
            _promise("kv-put", "durable puts a second", written),
            _promise("kv-get", "gets a second", read),
        ],
        notes=[
            "One member each, 10,000 keys. Ours and etcd are asked over HTTP (etcd by its JSON gateway), "
            "Redis in its own protocol, which costs less than HTTP; SQLite alone is asked by nobody: it is "
            "one process that commits for so many writers.",
            "A put is answered once it is on the disk: ours with SQLite's log synced, etcd with "
            "its log synced, Redis with `appendfsync always`.",
        ],
        versions={"etcd": version("etcd-server"), "redis": version("redis-server")},
    )


def _promise(id: str, what: str, rounds: Rounds) -> Promise:
    ratio = rounds.ratio(OURS, ETCD, PROMISED).median
    ours, theirs = (rounds.rate(name, PROMISED).median for name in (OURS, ETCD))
    return Promise(
        id,
        f"{number(ours)} {what}, {PROMISED} connections",
        f"{ETCD}, one member, over HTTP",
        f"{number(theirs)}",
        ratio,
        "≥ 1",
    )
