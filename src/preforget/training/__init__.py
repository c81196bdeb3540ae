"""How records are learned: cached frozen states, losses, subset sampling, the loop and its checkpoint."""
