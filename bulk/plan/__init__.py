"""Which records still need sending: what rows are told, batches, guards, digest."""
