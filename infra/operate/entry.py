"""Do the scheduler and the queues get in? Tried with the real ones after a deployment: a wrong audience
or account shows nowhere else but in silence.

https://cloud.google.com/scheduler/docs/reference/rest/v1/projects.locations.jobs/run
https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues.tasks/create
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from infra import functions_map
from infra.functions_map import FunctionsMap, Trigger
from infra.operate.deployment import Deployment
from infra.operate.google import Google, Refused
from infra.operate.smoke import PAUSE, Seen
from shared.ports.clock import Clock
from shared.web.endpoints import READY

PATIENCE = timedelta(minutes=3)
"""A right that was given just now takes up to two minutes until it holds everywhere."""
JOB = "sweep"
"""May run at any time, and runs every minute anyway."""


def prove(
    google: Google, deployment: Deployment, clock: Clock, map_: FunctionsMap | None = None
) -> list[Seen]:
    """One scheduled job and one task, and whether they got in."""
    map_ = map_ or functions_map.load()
    task = next(name for name, one in map_.functions.items() if one.trigger is Trigger.TASK)
    queue = map_.functions[task].queue or ""
    return [
        _seen(deployment, JOB, lambda: _job(google, deployment, clock)),
        _seen(deployment, task, lambda: _task(google, deployment, clock, task, queue)),
    ]


def _seen(deployment: Deployment, function: str, attempt: Callable[[], str]) -> Seen:
    try:
        wrong = attempt()
    except Refused as error:
        wrong = f"could not be tried: {error.detail}"
    caller = "the scheduler" if function == JOB else "its queue"
    said = f"{caller} {wrong}" if wrong else f"{caller} gets in"
    return Seen(function, deployment.function_urls.get(function, ""), ok=not wrong, said=said)


def _job(google: Google, deployment: Deployment, clock: Clock) -> str:
    path = f"v1/{_place(deployment)}/jobs/{deployment.deployment}-{JOB}"
    before = google.get("cloudscheduler", path).get("lastAttemptTime")
    google.post("cloudscheduler", f"{path}:run", {})

    def ended() -> str | None:
        job = google.get("cloudscheduler", path)
        if job.get("lastAttemptTime") == before:
            return None
        return _refusal(job.get("status", {}))

    return _patiently(clock, ended)


def _task(google: Google, deployment: Deployment, clock: Clock, function: str, queue: str) -> str:
    """Asks only whether the function is ready, which it says to nobody but its queue's account."""
    url = deployment.function_urls[function]
    invoker = {"serviceAccountEmail": deployment.invokers[queue], "audience": url}
    request = {"httpMethod": "GET", "url": f"{url}/{READY}", "oidcToken": invoker}
    path = f"v2/{_place(deployment)}/queues/{deployment.queues[queue]}/tasks"
    made = google.post("cloudtasks", path, {"task": {"httpRequest": request}})

    def ended() -> str | None:
        try:
            task = google.get("cloudtasks", f"v2/{made['name']}")
        except Refused as error:
            if error.status == 404:  # what succeeded is deleted
                return ""
            raise
        return _refusal(task.get("lastAttempt", {}).get("responseStatus", {})) or None

    wrong = _patiently(clock, ended)
    if wrong:
        google.delete("cloudtasks", f"v2/{made['name']}")
    return wrong


def _place(deployment: Deployment) -> str:
    return f"projects/{deployment.project}/locations/{deployment.region}"


def _refusal(status: dict[str, Any]) -> str:
    """Of a google.rpc.Status; "" of a good one."""
    if not status.get("code"):
        return ""
    return f"is turned away: {status.get('message') or status['code']}"


def _patiently(clock: Clock, ended: Callable[[], str | None]) -> str:
    """What `ended` says at last; None is not yet. A refusal may be a right that does not hold yet."""
    deadline = clock.now() + PATIENCE
    said: str | None = None
    while said != "" and clock.now() < deadline:
        said = ended()
        if said != "":
            clock.sleep(PAUSE)
    return "did not come" if said is None else said
