// <form data-filter="#runs">: the part it names follows the form while it is filled in, and the address holds the choice.
// Without scripts its button does the same.
const WAIT_MS = 250;
let timer = 0;

function follow(form) {
  clearTimeout(timer);
  const part = document.querySelector(form.dataset.filter);
  const url = new URL(form.action);
  for (const [name, value] of new FormData(form)) if (value && value !== form.elements[name].dataset.default) url.searchParams.append(name, value);
  const address = url.pathname + url.search;
  if (part.getAttribute("hx-get") === address) return;
  part.setAttribute("hx-get", address); // live updates ask for the same from now on
  history.replaceState(history.state, "", address);
  part.dispatchEvent(new CustomEvent("danlu:filter"));
}

export function installFilters() {
  for (const name of ["input", "change", "submit"]) {
    document.addEventListener(name, (event) => {
      const form = event.target.closest("form[data-filter]");
      if (!form) return;
      if (name === "submit") event.preventDefault();
      clearTimeout(timer);
      if (name === "input") timer = setTimeout(() => follow(form), WAIT_MS);
      else follow(form);
    });
  }
}
