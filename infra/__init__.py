"""What surrounds the functions on one machine; never part of a bundle."""
