"""The outside world, one family of Protocols a file; `world` is all of it.

Services know these Protocols and nothing behind them. Each has one contract suite in
tests/contracts, run on every implementation. Every method may block; none is async.
"""
