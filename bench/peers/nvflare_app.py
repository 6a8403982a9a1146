"""A federation on NVFlare's simulator: `python nvflare_app.py SITES ROUNDS`, in the folder BENCH_FOLDER.

The rows of each site are there as `site-1.csv` and so on; what each tells goes beside them.
"""

import sys
from os import environ
from pathlib import Path

from nvflare.app_common.np.recipes.fedavg import NumpyFedAvgRecipe
from nvflare.recipe.sim_env import SimEnv
from silo import initial


def main(sites, rounds):
    recipe = NumpyFedAvgRecipe(
        name="bench",
        model=initial(),
        min_clients=sites,
        num_rounds=rounds,
        train_script=str(Path(__file__).with_name("nvflare_client.py")),
    )
    recipe.execute(SimEnv(num_clients=sites, workspace_root=f"{environ['BENCH_FOLDER']}/workspace"))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
