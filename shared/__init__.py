"""Everything the functions share; it goes into every bundle.

Glossary (the words of code, records, API and documentation):

team, user    whom a request acts for; both come from the caller's verified token
mailbox       one connected account of a user, at one provider
grant         the provider's consent behind a mailbox: the scopes given and whether they still hold
credential    token material: the refresh token a secret of its own; what documents hold of it is sealed
connection    a finished consent that its user has not confirmed yet; it becomes a mailbox or expires
message       a mail that exists at the provider, stored because a contact takes part in it
email         an outgoing mail of ours: draft, queued, sending, sent, failed, cancelled, unknown
thread        the provider's conversation id; it belongs to one mailbox
contact       a person of the CRM with one or more addresses; an address belongs to one contact of a team
activity      one line of a contact's timeline; one per contact and mail, however many mailboxes hold a copy
cursor        where the sync of a mailbox stands, in the provider's own terms; opaque to everyone else
lease         the right to work on one thing for a while, with a fencing number that only grows
audit         the trail of who did what with a mailbox; kept for a year
trouble       a message that sync could not take in: named, counted, retried and passed by

Imports run one way: functions → web, services, domain; services → ports, records, mime, domain;
providers, gcp, records → ports, mime, domain; bootstrap → everything. Nothing happens at import.
"""
