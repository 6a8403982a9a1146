"""Having clients train a model together, and following them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from feria.client.answers import FollowedJob, Nothing, Parsed
from feria.client.calls.call import MINUTE, Call, file_at, given
from feria.federation.jobs_wire import (
    App,
    AppList,
    Client,
    ClientList,
    Job,
    JobClient,
    JobClientList,
    JobList,
    JobState,
    Round,
    RoundList,
)
from feria.superlink.wire import InvitationList, IssuedInvitation, NewInvitation


def register_client(name: str, data: str | Path | bytes, *, dataset: str | None = None) -> Call[Client]:
    """Register a data owner with its rows, a CSV or Parquet file, whose name is also `dataset`'s.

    The rows stay on the node; it gives them to nobody. Raises `Conflict` where you have a client of that
    name, `Invalid` for a file that is no table.
    """
    if dataset is None and not isinstance(data, bytes):
        dataset = Path(data).name
    return Call(
        method="POST",
        path="/v1/clients",
        reader=lambda: Parsed(Client.model_validate_json),
        form=given(name=name, dataset=dataset),
        files=[("file", file_at(data))],
        seconds=10 * MINUTE,
        repeatable=False,
    )


def clients() -> Call[tuple[Client, ...]]:
    """One's own data owners, by name."""
    return Call(
        method="GET",
        path="/v1/clients",
        reader=lambda: Parsed(lambda body: ClientList.model_validate_json(body).clients),
    )


def remove_client(name: str, *, owner: str | None = None) -> Call[None]:
    """Remove a data owner and its rows, or shut a store out for good. Raises `NotFound`, and `Conflict` while
    rows that are on the node take part in a job."""
    return Call(
        method="DELETE",
        path=f"/v1/clients/{quote(name, safe='')}",
        reader=Nothing,
        query=given(owner=owner),
    )


def invite(name: str, *, days: float | None = None) -> Call[NewInvitation]:
    """Invite a store, which keeps its rows and trains on them there. The answer's `text` is shown this once:

        feria client join TEXT --data sales.csv --target bought      (at the store)

    Raises `Conflict` where you have a client of that name, `NotAllowed` where the node takes in no stores.
    """
    return Call(
        method="POST",
        path="/v1/invitations",
        reader=lambda: Parsed(NewInvitation.model_validate_json),
        body=given(name=name, days=days),
        repeatable=False,
    )


def invitations() -> Call[tuple[IssuedInvitation, ...]]:
    """The latest for each name that you have invited."""
    return Call(
        method="GET",
        path="/v1/invitations",
        reader=lambda: Parsed(lambda body: InvitationList.model_validate_json(body).invitations),
    )


def revoke_invitation(id: str) -> Call[None]:
    """Take one back that was not redeemed. Raises `NotFound`, `Conflict` where its store has joined."""
    return Call(method="DELETE", path=f"/v1/invitations/{quote(id, safe='')}", reader=Nothing)


def start_job(
    model: str,
    kind: str,
    target: str,
    *,
    clients: Sequence[str] | None = None,
    strategy: str | None = None,
    strategy_settings: Mapping[str, Any] | None = None,
    rounds: int | None = None,
    participation: Mapping[str, Any] | None = None,
    privacy: Mapping[str, Any] | None = None,
    features: Sequence[str] | None = None,
    holdout: float | None = None,
    seed: int | None = None,
    settings: Mapping[str, Any] | None = None,
    fit_seconds: float | None = None,
    card: str | None = None,
) -> Call[Job]:
    """Have `clients`, by name, or all, train the next version of `model` together.

        job = feria.start_job("heart", "logistic_regression", "num>0", rounds=20)
        feria.follow_job(job, lambda number, event: print(event))

    `kind`, `target` and what else describes the model are as in `train`. `participation` has the rules of a
    round, such as `{"per_round": 10, "min_replies": 8, "deadline_seconds": 60}`; `privacy` those of
    differential privacy, `{"noise_multiplier": 1.0, "clipping_norm": 1.0}`. Returns at once. Raises
    `NotFound` for a client that you do not have, `Invalid` for what cannot be meant.
    """
    rules = dict(participation or {}) | given(clients=None if clients is None else list(clients))
    return Call(
        method="POST",
        path="/v1/jobs",
        reader=lambda: Parsed(Job.model_validate_json),
        body=given(
            model=model,
            kind=kind,
            target=target,
            strategy=strategy,
            strategy_settings=strategy_settings,
            rounds=rounds,
            participation=rules or None,
            privacy=privacy,
            features=None if features is None else list(features),
            holdout=holdout,
            seed=seed,
            settings=settings,
            fit_seconds=fit_seconds,
            card=card,
        ),
        repeatable=False,
    )


def register_app(bundle: str | Path | bytes) -> Call[App]:
    """Register a Flower app, or put a newer one in its place: the file that `flwr build` makes, whose app's
    name in its `pyproject.toml` is what jobs call it by.

    Raises `NotAllowed` where the node takes none (`FERIA_FEDERATION__APPS`) or you do not administer it,
    `Invalid` for what is no such file.
    """
    return Call(
        method="POST",
        path="/v1/apps",
        reader=lambda: Parsed(App.model_validate_json),
        files=[("file", file_at(bundle))],
        seconds=MINUTE,
    )


def apps() -> Call[tuple[App, ...]]:
    """The registered Flower apps, by name."""
    return Call(
        method="GET",
        path="/v1/apps",
        reader=lambda: Parsed(lambda body: AppList.model_validate_json(body).apps),
    )


def remove_app(name: str) -> Call[None]:
    """Jobs that have begun with it go on. Raises `NotFound`."""
    return Call(method="DELETE", path=f"/v1/apps/{quote(name, safe='')}", reader=Nothing)


def start_app_job(
    model: str,
    app: str,
    *,
    clients: Sequence[str] | None = None,
    rounds: int | None = None,
    settings: Mapping[str, bool | int | float | str] | None = None,
    deadline_seconds: float | None = None,
    fit_seconds: float | None = None,
    card: str | None = None,
) -> Call[Job]:
    """Run a registered Flower app over the rows of `clients`, by name, or all; what it leaves becomes the
    next version of `model`.

        job = feria.start_app_job("digits", "digits", settings={"learning-rate": 0.05})

    `rounds` is its setting `num-server-rounds`. Returns at once. Raises `NotFound` for an app or a client
    that is not there, `Invalid` for settings that the app does not have.
    """
    rules = given(clients=None if clients is None else list(clients), deadline_seconds=deadline_seconds)
    return Call(
        method="POST",
        path="/v1/jobs",
        reader=lambda: Parsed(Job.model_validate_json),
        body=given(
            model=model,
            kind="app",
            app=app,
            rounds=rounds,
            settings=None if settings is None else dict(settings),
            participation=rules or None,
            fit_seconds=fit_seconds,
            card=card,
        ),
        repeatable=False,
    )


def jobs(
    *, state: JobState | None = None, before: int | None = None, limit: int = 50
) -> Call[tuple[Job, ...]]:
    """One's own jobs, the newest first; those ordered before job `before`."""
    return Call(
        method="GET",
        path="/v1/jobs",
        reader=lambda: Parsed(lambda body: JobList.model_validate_json(body).jobs),
        query=given(state=state, before=before, limit=limit),
    )


def job(job: Job | int) -> Call[Job]:
    """How a job stands. Raises `NotFound`."""
    return Call(method="GET", path=_job(job), reader=lambda: Parsed(Job.model_validate_json))


def job_clients(job: Job | int) -> Call[tuple[JobClient, ...]]:
    """How each client of a job stands, by name."""
    return Call(
        method="GET",
        path=f"{_job(job)}/clients",
        reader=lambda: Parsed(lambda body: JobClientList.model_validate_json(body).clients),
    )


def job_rounds(job: Job | int) -> Call[tuple[Round, ...]]:
    """How each round of a job went."""
    return Call(
        method="GET",
        path=f"{_job(job)}/rounds",
        reader=lambda: Parsed(lambda body: RoundList.model_validate_json(body).rounds),
    )


def follow_job(
    job: Job | int, on_event: Callable[[int, Mapping[str, Any]], object] | None = None
) -> Call[JobState]:
    """Wait until a job has ended, and hear meanwhile all that is told of it, from its beginning: each event's
    id, and what it says. Returns the state in which the job ended."""
    return Call(
        method="GET",
        path=f"{_job(job)}/events",
        reader=lambda: FollowedJob(on_event),
    )


def stop_job(job: Job | int) -> Call[Job]:
    """Stop a job, also in the middle of a round; it can be resumed. Raises `Conflict` where it has ended."""
    return Call(method="POST", path=f"{_job(job)}/stop", reader=lambda: Parsed(Job.model_validate_json))


def resume_job(job: Job | int) -> Call[Job]:
    """Go on with a job that was stopped or has failed. Raises `Conflict` for any other."""
    return Call(
        method="POST",
        path=f"{_job(job)}/resume",
        reader=lambda: Parsed(Job.model_validate_json),
        repeatable=False,
    )


def _job(job: Job | int) -> str:
    return f"/v1/jobs/{job if isinstance(job, int) else job.number}"
