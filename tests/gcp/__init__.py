"""The Google Cloud backend, on Google's Firestore emulator and on servers of our own."""
