"""Google: the consent page and token endpoints, and Gmail v1, on Google's own paths."""
