"""Tasks of a cluster: accepted by any member, done by the one with room, known to all."""
