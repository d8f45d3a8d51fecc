"""Google: OAuth and Gmail. `declaration` says what there is to set, `provider` makes it."""
