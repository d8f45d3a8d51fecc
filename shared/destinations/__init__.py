"""Kinds of destinations: one module each behind `shared.ports.destinations.Receiver`."""
