"""The pure rules behind every number: computable from their arguments, standard library only."""
