"""Everything on one machine, as in the cloud: `python -m infra.local`."""
