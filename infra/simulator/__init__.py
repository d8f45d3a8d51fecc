"""Mail providers that behave like the real ones, on this machine, for development, tests and benchmarks.

One kernel (http, store, mail, mime, faults, meters, loading) and a folder for each vendor, which
speaks that vendor's protocol on that vendor's paths. `Simulator` puts them together.
"""

from infra.simulator.faults import Fault
from infra.simulator.google.service import CLIENT_ID, CLIENT_SECRET
from infra.simulator.google.tokens import Client
from infra.simulator.microsoft.service import MICROSOFT_CLIENT_ID, MICROSOFT_CLIENT_SECRET
from infra.simulator.providers import Loaded
from infra.simulator.simulator import Simulator

CLIENTS = {
    "google": {"GOOGLE_CLIENT_ID": CLIENT_ID, "GOOGLE_CLIENT_SECRET": CLIENT_SECRET},
    "microsoft": {
        "MICROSOFT_CLIENT_ID": MICROSOFT_CLIENT_ID,
        "MICROSOFT_CLIENT_SECRET": MICROSOFT_CLIENT_SECRET,
    },
}
"""Provider → our client there, by its settings. A provider that is not here is not simulated."""

__all__ = [
    "CLIENTS",
    "CLIENT_ID",
    "CLIENT_SECRET",
    "MICROSOFT_CLIENT_ID",
    "MICROSOFT_CLIENT_SECRET",
    "Client",
    "Fault",
    "Loaded",
    "Simulator",
]
