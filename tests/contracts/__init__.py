"""One exam per port, sat by every implementation (`tests.contracts.backends`)."""
