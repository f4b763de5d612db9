// The queue's page: dragging runs, the buttons that do the same, and pausing. What a person does is shown at once and sent;
// a refusal takes it back, and a toast says why. While a run is held or something is on its way, live updates wait.
import { ask } from "./toast.js";

const EDGE_PX = 64; // so near to the edge of the window a drag scrolls it
const SCROLL_PX = 9;

let held = null; // the drag: {row, list, follower, grab, at}
let pending = 0;
let sending = Promise.resolve();
let missed = false;
let changes = 0;

document.addEventListener("pointerdown", take);
document.addEventListener("pointermove", (event) => held && follow(event));
document.addEventListener("pointerup", (event) => held?.pointer === event.pointerId && drop());
document.addEventListener("pointercancel", (event) => held?.pointer === event.pointerId && drop(false));
document.addEventListener("keydown", (event) => held && event.key === "Escape" && drop(false));
document.addEventListener("submit", (event) => {
  if (event.target.matches("form[data-move]")) step(event);
  else if (event.target.matches("form[data-queue-switch]")) turn(event);
});
document.body.addEventListener("htmx:before:request", (event) => {
  if (isRefresh(event)) event.detail.ctx.changesSeen = changes;
});
document.body.addEventListener("htmx:before:swap", (event) => {
  if (!isRefresh(event) || (!held && !pending && event.detail.ctx.changesSeen === changes)) return;
  event.preventDefault(); // what it shows is older than what a person did meanwhile
  missed = true;
  lookIfFree();
});

function isRefresh(event) {
  return event.detail?.ctx?.sourceElement?.id === "queue";
}

function lookIfFree() {
  if (!missed || held || pending) return;
  missed = false;
  document.getElementById("queue").dispatchEvent(new CustomEvent("danlu:queue-look"));
}

// Dragging. The rows around the held one change places with it, so that it never leaves the document and keeps the pointer.

function take(event) {
  const grip = event.target.closest?.("[data-grip]");
  if (!grip || held || event.button !== 0) return;
  event.preventDefault();
  const row = grip.closest("[data-run]");
  const list = row.parentElement;
  held = {
    row, list, pointer: event.pointerId, at: event.clientY,
    follower: row.nextElementSibling, index: indexOf(row), grab: event.clientY - row.getBoundingClientRect().top,
  };
  grip.setPointerCapture(event.pointerId);
  row.dataset.dragging = "";
  document.documentElement.dataset.dragging = "";
  requestAnimationFrame(scrollAtEdges);
}

function follow(event) {
  if (event.pointerId !== held.pointer) return;
  held.at = event.clientY;
  arrange();
}

/** Let the neighbours make room, and put the held row under the pointer. */
function arrange() {
  const { row, list } = held;
  const top = held.at - held.grab;
  const start = row.previousElementSibling;
  // In one direction only: places are rounded to pixels, and at a boundary both could seem right for ever.
  for (let one = start; one && top < middle(one); one = row.previousElementSibling) list.insertBefore(one, row.nextElementSibling);
  if (row.previousElementSibling === start) {
    for (let one = row.nextElementSibling; one && top + row.offsetHeight > middle(one); one = row.nextElementSibling) list.insertBefore(one, row);
  }
  const home = list.getBoundingClientRect().top + row.offsetTop;
  const [least, most] = [list.getBoundingClientRect().top - 12, list.getBoundingClientRect().bottom - row.offsetHeight + 12];
  row.style.translate = `0 ${Math.min(Math.max(top, least), most) - home}px`;
}

function middle(row) {
  return row.parentElement.getBoundingClientRect().top + row.offsetTop + row.offsetHeight / 2;
}

function scrollAtEdges() {
  if (!held) return;
  const down = held.at > window.innerHeight - EDGE_PX;
  if (down || held.at < EDGE_PX + 50) {
    const before = window.scrollY;
    window.scrollBy(0, down ? SCROLL_PX : -SCROLL_PX);
    if (window.scrollY !== before) arrange();
  }
  requestAnimationFrame(scrollAtEdges);
}

function drop(keep = true) {
  const { row, list, follower, index } = held;
  held = null;
  row.style.translate = "";
  delete row.dataset.dragging;
  delete document.documentElement.dataset.dragging;
  const back = () => list.insertBefore(row, follower?.parentElement === list ? follower : null);
  const now = indexOf(row);
  if (!keep) back();
  else if (now < index) send(row, { before: id(row.nextElementSibling) }, back);
  else if (now > index) send(row, { after: id(row.previousElementSibling) }, back);
  lookIfFree();
}

// The buttons.

function step(event) {
  event.preventDefault();
  const button = event.submitter;
  if (button.getAttribute("aria-disabled") === "true" || held) return;
  const row = button.closest("[data-run]");
  const list = row.parentElement;
  const [before, behind] = [row.previousElementSibling, row.nextElementSibling];
  const back = () => list.insertBefore(row, behind?.parentElement === list ? behind : null);
  if (button.name === "before" && before) {
    list.insertBefore(row, before);
    send(row, { before: id(before) }, back);
  } else if (button.name === "after" && behind) {
    list.insertBefore(row, behind.nextElementSibling);
    send(row, { after: id(behind) }, back);
  } else if (button.name === "to") {
    list.insertBefore(row, list.firstElementChild);
    send(row, { to: "top" }, back);
  }
  button.focus({ preventScroll: true }); // it lost the focus when its row moved
  row.scrollIntoView({ block: "nearest" });
}

// Pausing.

function turn(event) {
  event.preventDefault();
  const head = document.getElementById("queue-head");
  const what = event.target.dataset.queueSwitch;
  const show = (paused) => {
    head.dataset.paused = paused ? "yes" : "no";
    document.getElementById(paused ? "queue-resume" : "queue-pause").focus();
  };
  show(what === "pause");
  transmit(`/api/v1/queue/${what}`, undefined, () => show(what !== "pause"), () =>
    say(what === "pause" ? "The queue is paused." : "The queue goes on."));
}

// Telling the server, one thing after the other.

function send(row, body, back) {
  number(row.parentElement);
  row.dataset.sending = "";
  const done = () => delete row.dataset.sending;
  transmit(`/api/v1/runs/${row.dataset.run}/move`, body, () => {
    done();
    back();
    number(row.parentElement);
  }, (run) => {
    done();
    const shown = row.querySelector("[data-priority-shown]");
    shown.hidden = run.priority === 0;
    shown.textContent = `priority ${run.priority}`;
    say(`${row.dataset.name} #${row.dataset.run} is now number ${run.position ?? row.querySelector("[data-place]").textContent}`);
  });
}

function transmit(url, body, refused, done) {
  pending += 1;
  changes += 1;
  missed = true; // the server knows more than was shown, such as new reasons
  sending = sending.then(async () => {
    const answer = await ask("POST", url, body);
    if (answer === null) refused();
    else done(answer);
    pending -= 1;
    changes += 1;
    lookIfFree();
  });
}

/** Places and buttons of the rows as they stand now. */
function number(list) {
  const rows = [...list.children];
  const places = rows.map((row) => row.querySelector("[data-place]"));
  const first = Math.min(...places.map((place) => Number(place.textContent)));
  rows.forEach((row, index) => {
    places[index].textContent = first + index;
    const ends = { to: first + index === 1, before: index === 0, after: index === rows.length - 1 };
    for (const button of row.querySelectorAll("[data-move] button")) {
      if (ends[button.name]) button.setAttribute("aria-disabled", "true");
      else button.removeAttribute("aria-disabled");
    }
  });
}

function say(text) {
  document.getElementById("queue-said").textContent = text;
}

function indexOf(row) {
  return [...row.parentElement.children].indexOf(row);
}

function id(row) {
  return Number(row.dataset.run);
}
