// "Copy as Python": a script that fetches what a card shows with danlu.Client, and plots the same.

/** The script for a card. */
export function pythonOf(card) {
  const { tag, board, shown } = card;
  const runs = [...new Set(card.lines.flatMap((line) => line.runs))];
  const lines = [
    `# ${oneLine(tag)}, as ${oneLine(board.link(tag))} shows it`,
    "import danlu",
    "import matplotlib.pyplot as plt",
    "import numpy as np",
    "",
    `client = danlu.Client(${text(location.origin)})  # the token comes from DANLU_TOKEN or \`danlu login\``,
    `tag = ${text(tag)}`,
    "names = {",
    ...runs.map((run) => `    ${run}: ${text(board.label(run))},`),
    "}",
    `curves = {one.run: one for one in client.metrics(list(names), [tag], points=0${axis(shown)})}`,
    "",
    ...smoothing(shown),
    "fig, ax = plt.subplots(figsize=(9, 5))",
    ...(board.groups ? grouped(card) : each(shown)),
    ...axes(shown, board.groups ? card.lines.length : runs.length),
  ];
  return `${lines.join("\n")}\n`;
}

/** A Python string; what JSON escapes, Python reads the same way. */
function text(value) {
  return JSON.stringify(value);
}

function oneLine(value) {
  return value.replace(/\s+/g, " ");
}

function axis({ axis: name }) {
  return name === "relative" || name === "wall" ? `, x=${text(name)}` : "";
}

function smoothing({ smoothing: weight, kernel }) {
  if (!weight) return ["def smooth(curve):", "    return curve.y", "", ""];
  if (kernel === "gauss") {
    return [
      `def smooth(curve, weight=${weight}):`,
      "    sigma = weight / (1 - weight) * (np.ptp(curve.step) / max(1, len(curve.step) - 1) or 1)",
      "    known = np.isfinite(curve.y)",
      "    share = np.gradient(curve.step) if len(curve.step) > 1 else np.ones(1)",
      "    out = np.full(len(curve.y), np.nan)",
      "    for i in np.flatnonzero(known):",
      "        far = (curve.step - curve.step[i]) / sigma",
      "        bell = np.where(known & (abs(far) <= 3), share * np.exp(-0.5 * far**2), 0)",
      "        out[i] = np.sum(bell * np.where(known, curve.y, 0)) / bell.sum()",
      "    return out",
      "", "",
    ];
  }
  return [
    `def smooth(curve, weight=${weight}):  # a moving average, debiased`,
    "    out, total, mass = np.full(len(curve.y), np.nan), 0.0, 0.0",
    "    for i in np.flatnonzero(np.isfinite(curve.y)):",
    "        total = total * weight + curve.y[i] * (1 - weight)",
    "        mass = mass * weight + 1 - weight",
    "        out[i] = total / mass",
    "    return out",
    "", "",
  ];
}

function each({ smoothing: weight }) {
  return [
    "for number, curve in curves.items():",
    ...(weight ? ["    (line,) = ax.plot(curve.x, smooth(curve), label=names[number])", "    ax.plot(curve.x, curve.y, color=line.get_color(), alpha=0.25, linewidth=1)"] : ["    ax.plot(curve.x, smooth(curve), label=names[number])"]),
  ];
}

const SPREADS = {
  se: ["spread = np.nanstd(rows, axis=0, ddof=1) / np.sqrt(np.sum(np.isfinite(rows), axis=0))", "low, high = mean - spread, mean + spread"],
  sd: ["spread = np.nanstd(rows, axis=0, ddof=1)", "low, high = mean - spread, mean + spread"],
  ci: ["picks = np.random.default_rng(0).integers(0, len(rows), (1000, len(rows)))", "low, high = np.nanpercentile(np.nanmean(rows[picks], axis=1), [2.5, 97.5], axis=0)"],
};

function grouped({ lines, board, shown }) {
  return [
    "groups = {",
    ...lines.map((line) => `    ${text(board.label(line.key))}: [${line.runs.join(", ")}],`),
    "}",
    "for label, members in groups.items():",
    "    found = [curves[number] for number in members if number in curves]",
    "    xs = np.unique(np.concatenate([one.x for one in found]))",
    "    rows = np.array([np.interp(xs, one.x, smooth(one), left=np.nan, right=np.nan) for one in found])",
    "    mean = np.nanmean(rows, axis=0)",
    "    (line,) = ax.plot(xs, mean, label=f\"{label} (n = {len(rows)})\")",
    ...(shown.band === "none" ? [] : ["    if len(rows) > 1:", ...SPREADS[shown.band].map((one) => `        ${one}`), "        ax.fill_between(xs, low, high, color=line.get_color(), alpha=0.16, linewidth=0)"]),
  ];
}

function axes({ logX, logY, zero, outliers, zoom, axis: name }, count) {
  const words = { step: "step", relative: "seconds since the first point", wall: "seconds since 1970", epoch: "step" };
  return [
    ...(logX ? ['ax.set_xscale("log")'] : []),
    ...(logY ? ['ax.set_yscale("log")'] : []),
    ...(zoom ? [`ax.set_xlim(${zoom[0]}, ${zoom[1]})`] : []),
    ...(outliers ? ["ax.set_ylim(*np.nanpercentile(np.concatenate([one.y[np.isfinite(one.y)] for one in curves.values()]), [1, 99]))"] : []),
    ...(zero && !logY ? ["ax.set_ylim(min(0, ax.get_ylim()[0]), max(0, ax.get_ylim()[1]))"] : []),
    `ax.set(title=tag, xlabel=${text(words[name])})`,
    ...(count > 1 ? ["ax.legend()"] : []),
    "plt.show()",
  ];
}
