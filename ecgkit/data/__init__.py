"""From recordings on disk to labelled heartbeats ready for a network."""
