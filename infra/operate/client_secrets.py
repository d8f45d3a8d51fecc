"""The secrets of the OAuth clients: asked for once, and put straight into Secret Manager.

They are in no variable of Terraform, so in no state and no plan, and in no program's arguments.
"""

import base64

import google_crc32c

from infra.operate.google import Google, Refused


def command(project: str, id: str) -> str:
    """How a person fills one."""
    add = f"gcloud secrets versions add {id} --project {project} --data-file=-"
    return f"{add} (paste it, then Ctrl-D)"


def has_value(google: Google, id: str) -> bool | None:
    """None when there is no such secret, or as in a new project not even a place for any."""
    path = f"v1/projects/{google.project}/secrets/{id}/versions"
    try:
        return bool(google.get("secretmanager", path, filter="state:ENABLED").get("versions"))
    except Refused as error:
        if error.status == 404 or error.reason == "SERVICE_DISABLED":
            return None
        raise


def fill(google: Google, id: str, value: str) -> None:
    data = value.encode()
    payload = {
        "data": base64.b64encode(data).decode(),
        "dataCrc32c": str(google_crc32c.value(data)),
    }
    path = f"v1/projects/{google.project}/secrets/{id}:addVersion"
    google.post("secretmanager", path, {"payload": payload})
