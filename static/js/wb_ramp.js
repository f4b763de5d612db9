// Colours of a canvas: those of the theme as they are now, and a ramp from the worst to the best.

/** The theme's colours at an element: runs, ink, muted, line, grid, accent. */
export function paints(element) {
  const style = getComputedStyle(element);
  const of = (name) => style.getPropertyValue(name).trim();
  return { runs: Array.from({ length: 10 }, (_, index) => of(`--run-${index}`)), muted: of("--chart-axis"), grid: of("--chart-grid"), cursor: of("--chart-cursor"), ink: style.color };
}

/** Colour at `part` (0 to 1) of the way from the palette's blue over grey to its orange; null: the axis's grey. */
export function ramp(theme, part) {
  if (part === null || part === undefined || Number.isNaN(part)) return theme.muted;
  const [low, middle, high] = [theme.runs[0], theme.runs[9], theme.runs[1]].map(channels);
  const [a, b, t] = part < 0.5 ? [low, middle, part * 2] : [middle, high, part * 2 - 1];
  return `rgb(${a.map((value, index) => Math.round(value + (b[index] - value) * t)).join(" ")})`;
}

function channels(colour) {
  return colour.match(/[\d.]+/g).slice(0, 3).map(Number);
}

/** Make a canvas as sharp as the screen, and cleared. @returns {CanvasRenderingContext2D} in CSS pixels */
export function sharpen(canvas, width, height) {
  const ratio = Math.min(2, devicePixelRatio || 1);
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return pen;
}
