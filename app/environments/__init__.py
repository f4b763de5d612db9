"""Virtual environments that an administrator offers to scripts, and what the environment of a run was."""
