"""A Google Cloud on this machine, with the queues of terraform/functions.yaml, until standard input ends.

    python -m tests.gcp PROJECT ISSUER_URL KEY_FILE

Tokens of the tasks are signed with the key in KEY_FILE, in the name of ISSUER_URL. Prints one line of JSON:
the settings that make BACKEND=shared.gcp use it, apart from FUNCTIONS_URL. Nothing outlives the process.
"""

import sys
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import msgspec
from google.cloud.tasks_v2 import CreateQueueRequest

from infra import functions_map
from infra.functions_map import FunctionsMap, Trigger
from infra.local.invoker import EMAIL
from infra.local.issuer import Issuer
from tests.gcp import emulator
from tests.gcp.cloud import LOCATION, Servers, parent
from tests.gcp.cloud_tasks_server import CloudTasks
from tests.gcp.dispatcher import Dispatcher


def main(project: str, issuer_url: str, key_file: str) -> None:
    if why := emulator.missing():
        raise SystemExit(why)
    functions = functions_map.load()
    issuer = Issuer(issuer_url, Path(key_file))
    with ExitStack() as stack:
        servers = Servers(stack)
        _make_queues(servers.cloud_tasks, functions, project)
        stack.enter_context(Dispatcher(servers.cloud_tasks, issuer).running())
        print(msgspec.json.encode(_settings(servers, functions, project)).decode(), flush=True)  # noqa: T201
        sys.stdin.read()


def _make_queues(server: CloudTasks, functions: FunctionsMap, project: str) -> None:
    for name, queue in functions.queues.items():
        message = {
            "name": f"{parent(project)}/queues/{_queue(name)}",
            "rate_limits": {
                "max_dispatches_per_second": queue.dispatches_per_second,
                "max_concurrent_dispatches": queue.concurrent,
            },
            "retry_config": {
                "max_attempts": queue.max_attempts,
                "min_backoff": timedelta(seconds=queue.min_backoff),
                "max_backoff": timedelta(seconds=queue.max_backoff),
            },
        }
        server.create_queue(CreateQueueRequest(parent=parent(project), queue=message))


def _settings(servers: Servers, functions: FunctionsMap, project: str) -> dict[str, str]:
    called = functions.triggered_by(Trigger.TASK)
    return {
        "GOOGLE_CLOUD_PROJECT": project,
        "TASKS_LOCATION": LOCATION,
        "TASKS_INVOKER": EMAIL,
        "TASKS_QUEUES": ",".join(f"{name}={_queue(one.queue)}" for name, one in called.items()),
        "FIRESTORE_EMULATOR_HOST": emulator.host(),
        "SECRET_MANAGER_EMULATOR_HOST": servers.secret_manager_host,
        "CLOUD_TASKS_EMULATOR_HOST": servers.cloud_tasks_host,
    }


def _queue(name: str) -> str:
    return f"mailbridge-{name}"


if __name__ == "__main__":
    main(*sys.argv[1:])
