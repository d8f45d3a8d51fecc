"""Google Cloud on this machine: Google's own Firestore emulator, where it is installed, and servers of
Secret Manager and Cloud Tasks, whose tasks are delivered over HTTP.

They make BACKEND=shared.gcp run here. Everything lies in memory, and nothing outlives the process.
"""
