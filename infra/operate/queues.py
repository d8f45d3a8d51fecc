"""How much waits in the task queues: counted here, or as Cloud Tasks estimates it."""

from pathlib import Path

from infra.embedded.tasks import Tasks
from infra.functions_map import EMBEDDED
from infra.operate.deployment import Deployment
from infra.operate.google import Google, Refused
from infra.operate.status import QueueState
from shared.config import Settings


def of_machine(settings: Settings) -> list[QueueState]:
    """All queues of the embedded backend together. Emulators keep theirs to themselves."""
    if settings.backend != EMBEDDED:
        return []
    tasks = Tasks(Path(settings.embedded_data))
    try:
        counts = tasks.counts()
    finally:
        tasks.close()
    note = f"{counts.later} of them later" if counts.later else ""
    return [QueueState("all", counts.running + counts.due + counts.later, counts.running, note)]


def of_deployment(google: Google, deployment: Deployment) -> list[QueueState]:
    """Of the queues' statistics only the beta of the API tells; one that it does not tell says why."""
    return [_state(google, deployment, *queue) for queue in deployment.queues.items()]


def _state(google: Google, deployment: Deployment, name: str, queue: str) -> QueueState:
    location = f"projects/{deployment.project}/locations/{deployment.region}"
    path = f"v2beta3/{location}/queues/{queue}"
    try:
        found = google.get("cloudtasks", path, readMask="state,stats")
    except Refused as error:
        return QueueState(name, None, note=f"unknown: {error.detail}")
    stats = found.get("stats", {})
    return QueueState(
        name,
        waiting=int(stats.get("tasksCount", 0)),
        running=int(stats.get("concurrentDispatchesCount", 0)),
        note=""
        if found.get("state") == "RUNNING"
        else f"is {found.get('state', 'unknown').lower()}",
    )
