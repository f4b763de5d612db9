"""The queue as people see and steer it: its order, why a run waits, moving runs, pausing, sweeps."""
