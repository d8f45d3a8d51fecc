"""Pure rules and entities: the standard library and msgspec only, no input or output."""
