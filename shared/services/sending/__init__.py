"""Outgoing mail: written, checked, delivered."""
