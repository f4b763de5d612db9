"""The worker: a supervisor without torch, a warm process that has imported it, and one process per run."""
