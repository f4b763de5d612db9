// Drawing by the frame: whatever the charts of a page have to draw is done in portions that leave the page responsive.
const CALM_MS = 12; // of a frame
const BUSY_MS = 4; // the same while somebody zooms, or curves grow
const [LEAST_COST, USUAL_COST, MOST_COST] = [2e-5, 1.5e-4, 6e-4]; // milliseconds of a thin line segment
const TELLING = 5000; // segments in a frame that tell what one costs
const SETTLED_MS = 250;

const jobs = new Set();
let request = 0;
let busyUntil = 0;
let cost = USUAL_COST;
let settle = 0;
const settled = new Set();

/**
 * Draw this with the next frames.
 * @param {{begin: () => Iterator<number>|null, small: boolean, grows: boolean, done: () => void, stretch: () => void}} plot
 */
export function schedule(plot) {
  plot.job = null;
  jobs.add(plot);
  request ||= requestAnimationFrame(frame);
}

/** Do not draw it any more. */
export function unschedule(plot) {
  plot.job = null;
  jobs.delete(plot);
  settled.delete(plot);
}

/** Somebody pulls at the charts: quick before fine, for a moment. */
export function hurry() {
  busyUntil = performance.now() + SETTLED_MS;
}

/** Is it better to be quick now than fine? */
export function hurried() {
  return performance.now() < busyUntil;
}

/** Draw this finely when it has become quiet. */
export function refineLater(plot) {
  settled.add(plot);
  clearTimeout(settle);
  settle = setTimeout(() => {
    for (const one of settled) one.refine();
    settled.clear();
  }, SETTLED_MS + 30);
}

/** The next piece of a plot. */
function step(plot) {
  const piece = plot.job.next(0);
  if (piece.done) {
    jobs.delete(plot);
    plot.done();
  }
  return piece;
}

/** What a segment costs here: a canvas only notes lines, and draws them when the script is done. */
function learn(started, segments) {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    cost = Math.min(MOST_COST, Math.max(LEAST_COST, 0.7 * cost + (0.3 * (performance.now() - started)) / segments));
  };
  port2.postMessage(0);
}

function frame() {
  request = 0;
  const started = performance.now();
  const most = hurried() || [...jobs].some((plot) => plot.grows) ? BUSY_MS : CALM_MS;
  const budget = most / cost;
  let left = budget;
  for (const plot of jobs) {
    if (plot.job) continue;
    // all of them get their axes first: what is shown stays in step
    plot.job = plot.begin();
    if (!plot.job) jobs.delete(plot);
    else if (plot.small) while (!step(plot).done);
    if (performance.now() - started > most) break;
  }
  for (const plot of jobs) {
    if (!plot.job) break;
    // a piece in each frame in any case: on a slow machine the axes alone take the time, and lines would never come
    do left -= step(plot).value ?? 0;
    while (plot.job && left > 0 && performance.now() - started < most);
    if (plot.job || left <= 0 || performance.now() - started >= most) break;
  }
  for (const plot of jobs) if (plot.job) plot.stretch();
  if (budget - left > TELLING) learn(started, budget - left);
  if (jobs.size) request ||= requestAnimationFrame(frame);
}
