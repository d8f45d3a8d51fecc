"""Use cases, one a module. Each function takes the World first, then who asks, then what for."""
