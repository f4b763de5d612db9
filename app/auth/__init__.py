"""Who is calling, and what they may do: passwords, sessions, API tokens, the first set-up."""
