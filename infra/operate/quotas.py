"""How much Cloud Run may run at once in a region, by Service Usage's consumer quota metrics.

https://cloud.google.com/service-usage/docs/reference/rest/v1beta1/services.consumerQuotaMetrics
"""

from collections.abc import Iterable, Mapping
from typing import Any

from infra.operate.google import Google
from infra.sizes import Size

CONSOLE = "https://console.cloud.google.com/iam-admin/quotas?service=run.googleapis.com"
_CPU, _MEMORY = "run.googleapis.com/cpu_allocation", "run.googleapis.com/memory_allocation"
_MILLI, _GIB = 1000, 2**30
"""The units of the two: a thousandth of a vCPU, and a byte."""


def of_region(google: Google, region: str) -> Size | None:
    """None when Google's answer has no such quota. Raises Refused."""
    path = f"v1beta1/projects/{google.project}/services/run.googleapis.com/consumerQuotaMetrics"
    metrics = google.get("serviceusage", path, view="BASIC").get("metrics", [])
    cpu, memory = (_limit(metrics, name, region) for name in (_CPU, _MEMORY))
    if cpu is None or memory is None:
        return None
    return Size(cpu / _MILLI, memory / _GIB)


def _limit(metrics: Iterable[Mapping[str, Any]], name: str, region: str) -> float | None:
    """The region's own, or else the one of all regions; -1 is none at all."""
    buckets = [
        bucket
        for metric in metrics
        if metric.get("metric") == name
        for limit in metric.get("consumerQuotaLimits", ())
        for bucket in limit.get("quotaBuckets", ())
    ]
    own = [one for one in buckets if one.get("dimensions", {}).get("region") == region]
    general = [one for one in buckets if not one.get("dimensions")]
    for bucket in (*own, *general):
        limit = int(bucket["effectiveLimit"])
        return float("inf") if limit < 0 else limit
    return None
