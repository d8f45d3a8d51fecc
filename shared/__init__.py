"""Everything the functions share; it goes into every bundle.

Glossary (the words of code, records, API and documentation):

team, user    whom a request acts for; both come from the caller's verified token
mailbox       one connected account of a user, at one provider
grant         the provider's consent behind a mailbox: the scopes given and whether they still hold
credential    token material: the refresh token a secret of its own; what documents hold of it is sealed
connection    a finished consent that its user has not confirmed yet; it becomes a mailbox or expires
message       a mail that exists at the provider, stored because a contact takes part in it
email         an outgoing mail of ours: draft, queued, sending, sent, failed, cancelled, unknown
thread        a conversation as the provider sees it, in one mailbox; may be made private, or shared
contact       a person of the CRM with one or more addresses; an address belongs to one contact of a team
activity      one line of a contact's timeline; one per contact and mail, however many mailboxes hold a copy
feed          what is synced of a mailbox, with a state of its own: mail
cursor        where a feed stands, in the provider's own terms; opaque to everyone else
lease         the right to work on one thing for a while, with a fencing number that only grows
hint          a wish that a feed be looked at soon; however many there are, one task waits
trouble       a message that sync could not take in: named, counted, retried and passed by
gate          the only way of a caller to a mailbox and what lies in it: `services.access`
visibility    what colleagues see of a mailbox's mail: everything, its subject, that it was, or nothing
event         what happened, told to the outside; written together with the change it tells of
destination   where a team wants its events sent; a reader of the log with a place and a lease a lane
lane          of a destination: live, or replay while events are sent once more
letter        an event that a destination refused, or one that waits behind it; dead after five tries
audit         the trail of who did what with a mailbox; kept for a year
ring          keys that seal for one purpose, granted to the functions that need it

The rooms, each importing only from those below it (import-linter holds that):

web           requests in, typed calls out, errors as problem documents
bootstrap     the only place that names adapters; makes the World of an instance
services      use cases, in wings: sweep › syncing, sending, events › accounts › timelines › schedule ›
              access (the gate), outbox (events and audit trail), paging
providers     google, microsoft: a folder each; gcp: the Google Cloud backend; destinations: a kind each
records       typed repositories over documents, and `Leased`
ports         the outside world as Protocols, a family a file
mime          mail's own formats
domain        entities, rules, planners, the error tree; pure

Nothing happens at import.
"""
