// <form data-export="slug">: downloads an experiment. Asks first whether it is there and may be read: what a browser does with
// a refused download, it does in place of the page.
import { make } from "./dom.js";
import { ask, toast } from "./toast.js";

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-export]");
  if (!form) return;
  event.preventDefault();
  const button = form.querySelector('[type="submit"]');
  button.disabled = true;
  const there = await ask("GET", `/api/v1/experiments/${encodeURIComponent(form.dataset.export)}`);
  button.disabled = false;
  form.closest("dialog").close();
  if (!there) return;
  const query = new URLSearchParams(new FormData(form)).toString();
  make("a", { href: form.action + (query && `?${query}`), download: "" }).click();
  toast(`The download of ${there.name} has begun; its zip is made while it is sent.`);
});
