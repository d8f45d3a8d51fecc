"""The deployment's own sealing key, made on first use and kept in the SecretStore."""

from shared.ports import SecretStore
from shared.sealing import Sealer, new_key

NAME = "mailbridge-sealing-key"


def sealer(secrets: SecretStore) -> Sealer:
    """Two instances that start at once agree on one key: the store keeps the first."""
    return Sealer([secrets.get(NAME) or secrets.create(NAME, new_key())])
