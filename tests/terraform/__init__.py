"""terraform/, planned by the real terraform: with the real provider where a registry answers, otherwise
with a stand-in that knows the provider's schema."""
