"""Thousands of runs in one columnar answer: `GET /api/v1/table`."""
