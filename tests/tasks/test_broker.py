"""Tickets: who may put them, and what becomes of them where the broker is away."""

import time

import pytest
from pydantic import ValidationError

from feria.errors import Invalid, NotAllowed
from feria.settings import TaskSettings
from feria.tasks.broker import celery_app, check_ticket, open_tickets, sign_ticket
from programs import free_port, wait
from workers import SECRET

NODE = "https://node.example:8000"


def test_a_ticket_leads_to_the_address_that_was_signed_and_to_no_other() -> None:
    signature = sign_ticket(SECRET.encode(), NODE)
    check_ticket(SECRET.encode(), NODE, signature)
    for key, node, said in (
        (SECRET.encode(), "https://elsewhere.example", signature),
        (b"another secret of sixteen", NODE, signature),
        (SECRET.encode(), NODE, ""),
    ):
        with pytest.raises(NotAllowed, match="not signed"):
            check_ticket(key, node, said)


def test_a_broker_that_is_away_holds_nobody_up_and_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    away = TaskSettings(broker_url=f"redis://127.0.0.1:{free_port()}/0", secret=SECRET)
    with open_tickets(away) as tickets:
        began = time.monotonic()
        tickets.put(1000)
        tickets.answers_at(NODE)
        assert time.monotonic() - began < 60
        wait(lambda: "takes no tickets" in caplog.text)
        tickets.put(1)
    assert caplog.text.count("takes no tickets") == 1


def test_a_broker_goes_with_a_secret_and_is_a_redis() -> None:
    with pytest.raises(ValidationError, match="secret"):
        TaskSettings(broker_url="redis://127.0.0.1")
    with pytest.raises(Invalid, match="no Redis"):
        celery_app(TaskSettings(broker_url="amqp://127.0.0.1", secret=SECRET))
