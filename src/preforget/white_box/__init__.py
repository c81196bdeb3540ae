"""What an attacker who holds a model's files can open, compute and train."""
