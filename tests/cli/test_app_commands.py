"""`feria apps`, and jobs that run one."""

import json
import shutil
from pathlib import Path

from cli.running import Feria

SMALL = Path(__file__).parents[1] / "small_app"
ALLOWED = {"FERIA_FEDERATION__APPS": "true"}


def test_an_app_is_registered_run_shown_and_removed(feria: Feria) -> None:
    rows = "\n".join(["price", *(str(n) for n in range(40))])
    for name in ("Ana", "Berta"):
        (feria.folder / f"{name}.csv").write_text(rows)
    (feria.folder / "readme.txt").write_text("no app")
    with feria.node(**ALLOWED):
        for name in ("Ana", "Berta"):
            feria("clients", "add", name, "--data", f"{name}.csv")
        assert "no Flower app: it has no pyproject.toml" in feria.refused("apps", "add", ".")
        assert "`flwr build`" in feria.refused("apps", "add", "readme.txt")
        assert "There is no nowhere" in feria.refused("apps", "add", "nowhere")
        added = feria("apps", "add", SMALL).out
        assert added.startswith("small-app 1.0.0 by feria is registered.")
        assert "step.size=0.5" in feria("apps", "list").out.replace("\n", "")
        (listed,) = json.loads(feria("apps", "list", "--json").out)["apps"]
        assert listed["name"] == "small-app"

        start = ("jobs", "start", "--app", "small-app", "--name", "mean", "--set", "step.size=1.0")
        started = feria(*start, "--rounds", "2")
        assert "Round 2 of 2: 2 clients, accuracy 0.500" in started.err
        assert "mean@1 is trained by 2 clients and served." in started.out
        assert "the app small-app" in feria("jobs", "list").out
        (feria.folder / "q.csv").write_text("x1\n7\n")
        assert "19.5" in feria("predict", "mean", "--data", "q.csv").out
        assert "has no setting 'pace'" in feria.refused(*start, "--set", "pace=1")
        assert "leave out --target" in feria.refused(*start, "--target", "price")
        assert "KIND and --target" in feria.refused("jobs", "start", "--name", "mean")
        feria("apps", "rm", "small-app")
        assert "There are no apps" in feria("apps", "list").err


def test_a_node_takes_no_app_unless_it_is_told_to(feria: Feria) -> None:
    assert "FERIA_FEDERATION__APPS=true" in feria.refused("apps", "add", SMALL)


def test_without_a_node_the_command_opens_the_home_itself(feria: Feria, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(SMALL, folder)
    project = folder / "pyproject.toml"
    project.write_text(project.read_text().replace('name = "small-app"', 'name = "no name at all"'))
    assert "no Flower app" in feria.refused("apps", "add", folder, **ALLOWED)
    feria("apps", "add", SMALL, **ALLOWED)
    assert "small-app" in feria("apps", "list").out
