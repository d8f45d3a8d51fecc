"""A Microsoft of our own: login.microsoftonline.com and graph.microsoft.com on one address."""
