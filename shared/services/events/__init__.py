"""What happened, as it is told to the outside."""
