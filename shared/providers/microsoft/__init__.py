"""Microsoft 365: OAuth and mail over Graph. `declaration` says what there is to set, `provider` makes it."""
