"""Is it real? Runs that differ in their seed only, what they have in common, and whether two such groups differ."""
