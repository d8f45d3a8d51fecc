"""How fast, how cheap, how small: measured on this machine, side by side, in one run."""
