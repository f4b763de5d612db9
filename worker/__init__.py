"""The worker: a supervisor without torch, a zygote with it, and one process per run."""
