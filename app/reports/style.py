"""The look of an exported report, and the colours of its charts: the same as on Danlu's pages."""

RUNS = (
    ("#0b63b5", "#6cb2f5"), ("#b45309", "#f2a154"), ("#00795c", "#3fc79a"), ("#7a3fb0", "#c39bf0"),
    ("#c22f3c", "#f4827f"), ("#007e96", "#4fc5de"), ("#6f6a00", "#cfc53f"), ("#b8357f", "#f08cc0"),
    ("#7b4b2a", "#c79d78"), ("#52607a", "#a3b1c9"),
)  # fmt: skip
"""The palette, light and dark; a test holds it to the style sheet's."""
INK, AXIS, GRID, LINK = "#1f1a16", "#645a50", "#ebe4da", "#a3360a"

_PALETTE = "".join(
    f"--run-{place}: light-dark({light}, {dark}); " for place, (light, dark) in enumerate(RUNS)
)
_CURVES = " ".join(
    f"path.run-{n} {{ stroke: var(--run-{n}); }} .band.run-{n}, .dot.run-{n} {{ fill: var(--run-{n}); }}"
    for n in range(len(RUNS))
)

STYLE = (
    """
:root { color-scheme: light dark; --bg: light-dark(#fffdfa, #1b1816); --ink: light-dark(#1f1a16, #f4ede6);
  --muted: light-dark(#645a50, #b4a89b); --line: light-dark(#e2dbd0, #332c27); --sunken: light-dark(#efeae2, #0e0c0b);
  --link: light-dark(#a3360a, #ff9f6b); --grid: light-dark(#ebe4da, #2a2420); """
    + _PALETTE
    + """}
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--ink); font: 16px/1.6 system-ui, -apple-system, "Segoe UI",
  Roboto, "Noto Sans", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif; overflow-wrap: break-word; }
main { max-inline-size: 820px; margin: 0 auto; padding: 32px 20px 64px; }
h1, h2, h3, h4 { line-height: 1.25; margin: 1.6em 0 .5em; } h1 { font-size: 30px; margin: 0; } h2 { font-size: 22px; }
h3 { font-size: 18px; } h4 { font-size: 16px; } p, ul, ol, pre, blockquote { margin: 0 0 1em; }
a { color: var(--link); } .about, .report-gone, figcaption { color: var(--muted); font-size: 14px; }
code, pre { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: .92em; }
pre { padding: 12px 14px; overflow: auto; background: var(--sunken); border-radius: 6px; }
blockquote { padding-inline-start: 14px; border-inline-start: 3px solid var(--line); color: var(--muted); }
img { max-inline-size: 100%; } figure { margin: 1.4em 0; }
figcaption { display: flex; justify-content: space-between; gap: 16px; margin-block-end: 6px; }
.table-wrap { overflow-x: auto; margin: 0 0 1em; } hr { border: 0; border-block-start: 1px solid var(--line); margin: 1.6em 0; } table { border-collapse: collapse; font-size: 14px; min-inline-size: 100%; }
th, td { padding: 5px 10px; text-align: start; border-block-end: 1px solid var(--line); white-space: nowrap; }
.num { text-align: end; font-variant-numeric: tabular-nums; }
.report-problem { padding: 8px 12px; border: 1px solid var(--line); border-radius: 6px; }
.plots { display: grid; gap: 18px; } .plot { inline-size: 100%; block-size: auto; display: block; }
.plot text { font-size: 11px; font-family: system-ui, sans-serif; fill: var(--muted); } .plot text.ink { fill: var(--ink); }
.plot path { fill: none; stroke-linejoin: round; } .plot path.grid { stroke: var(--grid); }
.plot path.axis { stroke: var(--muted); } .plot .band { stroke: none; fill-opacity: .18; }
"""
    + _CURVES
    + """
@media print { main { max-inline-size: none; padding: 0; } .plot, tr, pre { break-inside: avoid; } .report-open { display: none; } }
"""
)
