"""A third provider, as anybody would add one: this folder, and a line in the registry. It does nothing."""
