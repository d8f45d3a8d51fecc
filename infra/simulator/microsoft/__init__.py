"""A Microsoft of our own: login.microsoftonline.com and graph.microsoft.com on one address.

Faults and counters know its calls as login.authorize (the page), login.consent (its form), login.token,
login.configuration, login.keys, login.instance · graph.me, graph.mailFolders.list, graph.mailFolders.get,
graph.messages.list, graph.messages.get, graph.messages.value, graph.messages.attachments,
graph.messages.delta, graph.sendMail, graph.batch. A fault at login.token may name an AADSTS number as its
reason, one at a graph call any of Graph's codes, and "insufficient_claims" for a claims challenge.
"""
