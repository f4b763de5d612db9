"""Two runs on one page: what was asked for, what code ran, in which environment, what it reached and what it printed."""
