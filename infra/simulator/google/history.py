"""history.list: what happened to a mailbox since a history id."""

from typing import Any

from infra.simulator.mail import Change

_ARRAYS = {
    "added": ("messageAdded", "messagesAdded"),
    "deleted": ("messageDeleted", "messagesDeleted"),
    "labels_added": ("labelAdded", "labelsAdded"),
    "labels_removed": ("labelRemoved", "labelsRemoved"),
}
"""By kind of change: the historyTypes word and the name of the array."""
TYPES = frozenset(word for word, _ in _ARRAYS.values())


def wanted(change: Change, types: frozenset[str], label: str) -> bool:
    """`types` empty means every type, `label` "" every label."""
    word, _ = _ARRAYS[change.kind]
    labelled = not label or label in change.labels or label in change.moved
    return labelled and (not types or word in types)


def record(change: Change) -> dict[str, Any]:
    """`messages` repeats what the typed array says."""
    _, array = _ARRAYS[change.kind]
    brief = {"id": change.message, "threadId": change.thread}
    entry: dict[str, Any] = {"message": dict(brief)}
    if change.labels:
        entry["message"]["labelIds"] = change.labels
    if change.moved:
        entry["labelIds"] = change.moved
    return {"id": str(change.number), "messages": [brief], array: [entry]}
