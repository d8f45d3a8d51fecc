"""Calls of private functions as Cloud Tasks and Cloud Scheduler make them: due tasks, at their queue's
pace, again while they fail, with an OIDC token of the caller's own."""
