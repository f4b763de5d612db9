"""Reports: notes in Markdown beside charts and tables of runs; on a page, as one HTML file, as PDF."""
