"""Workers: their registration, what they offer, what they report of live runs."""
