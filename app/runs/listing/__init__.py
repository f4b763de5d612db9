"""The list of runs: filters, sorting by any column, metric or parameter, and pages that never skip or repeat."""
