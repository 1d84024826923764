"""cdr: one document per leg, in the month database of its account. Kazoo: the cdr application."""
