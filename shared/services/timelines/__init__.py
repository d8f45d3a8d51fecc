"""Contacts, and the mail that is taken in, filed, shown and erased."""
