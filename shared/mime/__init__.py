"""Mail's own formats: addresses, headers, charsets, building a mail, showing one safely.

Reading never raises and shows what a mail client shows, because one broken mail must not stop a
mailbox. Writing is strict and raises ValueError with a sentence for the person who sends.
"""
