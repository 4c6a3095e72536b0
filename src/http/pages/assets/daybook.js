// What pages do beyond HTML: colours, times of the reader, dialogs, and a word when the server does not answer.
const root = document.documentElement;
const chooser = document.getElementById("theme");
if (chooser !== null) {
  chooser.closest("label").hidden = false;
  chooser.value = root.dataset.theme ?? "";
  chooser.addEventListener("change", () => {
    if (chooser.value === "") {
      delete root.dataset.theme;
      localStorage.removeItem("daybook-theme");
    } else {
      root.dataset.theme = chooser.value;
      localStorage.setItem("daybook-theme", chooser.value);
    }
    document.dispatchEvent(new Event("daybook:theme"));
  });
}

const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

/** Shows times in the reader's zone and language. The title keeps the time in UTC. */
function localise(within) {
  const today = new Date().toDateString();
  for (const element of within.querySelectorAll("time[datetime]")) {
    const text = element.getAttribute("datetime");
    const time = new Date(text);
    if (Number.isNaN(time.getTime())) continue;
    const shown = (time.toDateString() === today ? clock : day).format(time);
    if (element.textContent !== shown) element.textContent = shown;
    element.title = text;
  }
}
localise(document);
document.addEventListener("htmx:after:swap", () => localise(document));

// On a phone the navigation is a row that scrolls.
document.querySelector(".side [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

document.addEventListener("click", ({ target }) => {
  const button = target instanceof Element ? target.closest("[data-opens], [data-closes]") : null;
  if (button === null) return;
  const { opens, closes } = button.dataset;
  if (opens !== undefined) document.getElementById(opens)?.showModal();
  else document.getElementById(closes)?.close();
});

// A form is sent once.
document.addEventListener("submit", ({ target }) => {
  for (const button of target.querySelectorAll("button:not([type=button])")) button.disabled = true;
});
// The browser may show a page again as it was left.
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("form button[disabled]")) button.disabled = false;
});

// Nobody looks at a hidden page.
document.addEventListener("htmx:before:request", (event) => {
  if (document.hidden) event.preventDefault();
});

const stale = document.createElement("p");
stale.className = "stale";
stale.setAttribute("role", "status");
stale.textContent = "The server does not answer. This page shows its last state and goes on trying.";
document.addEventListener("htmx:error", () => {
  if (!stale.isConnected) document.getElementById("main")?.prepend(stale);
});
document.addEventListener("htmx:after:swap", () => stale.remove());
