"""Google Cloud on this machine: Google's own Firestore emulator, where it is installed, and servers of
Secret Manager and Cloud Tasks, with a dispatcher that delivers the tasks over HTTP.

They make BACKEND=shared.gcp run here. Everything lies in memory, and nothing outlives the process.
"""
