"""How a demo ends early."""


class Failed(Exception):
    """A step did not happen. The text is a sentence that says which, and why."""
