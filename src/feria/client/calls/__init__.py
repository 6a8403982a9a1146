"""Each thing one can ask of a node, described once.

A function here sends nothing: it says method, path, body and how to read the answer. `Client` and
`AsyncClient` turn each into a method of the same name, so this is also where the documentation is.
"""

from feria.client.calls.access import (
    create_token,
    erase_personal_data,
    personal_data,
    revoke_token,
    tokens,
    whoami,
)
from feria.client.calls.call import Call, OnProgress, Rows
from feria.client.calls.catalog import (
    categories,
    picture,
    product,
    products,
    put_category,
    put_pictures,
    put_product,
    put_products,
    remove_category,
    remove_product,
)
from feria.client.calls.federation import (
    apps,
    clients,
    follow_job,
    job,
    job_clients,
    job_rounds,
    jobs,
    register_app,
    register_client,
    remove_app,
    remove_client,
    resume_job,
    start_app_job,
    start_job,
    stop_job,
)
from feria.client.calls.node import ready
from feria.client.calls.pictures import (
    search_image,
    search_image_later,
    search_model,
    search_vector,
    similar,
)
from feria.client.calls.predictions import classify, classify_later, predict, predict_later
from feria.client.calls.recommendations import recommendation_rows, recommendations, tell
from feria.client.calls.search import complete, reindex, search
from feria.client.calls.shelf import delete, deprecate, download, model, models, publish, restore, versions
from feria.client.calls.tasks import cancel, follow, result, task, tasks
from feria.client.calls.training import Wishes, train, train_later

__all__ = [
    "Call",
    "OnProgress",
    "Rows",
    "Wishes",
    "apps",
    "cancel",
    "categories",
    "classify",
    "classify_later",
    "clients",
    "complete",
    "create_token",
    "delete",
    "deprecate",
    "download",
    "erase_personal_data",
    "follow",
    "follow_job",
    "job",
    "job_clients",
    "job_rounds",
    "jobs",
    "model",
    "models",
    "personal_data",
    "picture",
    "predict",
    "predict_later",
    "product",
    "products",
    "publish",
    "put_category",
    "put_pictures",
    "put_product",
    "put_products",
    "ready",
    "recommendation_rows",
    "recommendations",
    "register_app",
    "register_client",
    "reindex",
    "remove_app",
    "remove_category",
    "remove_client",
    "remove_product",
    "restore",
    "result",
    "resume_job",
    "revoke_token",
    "search",
    "search_image",
    "search_image_later",
    "search_model",
    "search_vector",
    "similar",
    "start_app_job",
    "start_job",
    "stop_job",
    "task",
    "tasks",
    "tell",
    "tokens",
    "train",
    "train_later",
    "versions",
    "whoami",
]
