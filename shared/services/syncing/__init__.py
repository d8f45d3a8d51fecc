"""Bringing mailboxes up to date: the engine, and the feeds that it works on."""
