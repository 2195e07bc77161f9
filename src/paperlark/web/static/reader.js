// What a reader's pages do a little quicker with a script. Without it the same buttons do the same.

const WAIT = 350; // ms of rest after the last key, before a text is tried

for (const form of document.querySelectorAll("form[data-preview]")) tryWhileTyping(form);
for (const field of document.querySelectorAll("input[data-zone]")) guessZone(field);
document.addEventListener("submit", markInPlace);

/** A profile's text is tried while it is typed; each try gives up the one before. */
function tryWhileTyping(form) {
  const text = form.elements.namedItem("text");
  const trial = form.querySelector(".trial");
  const told = form.querySelector("[data-told]");
  let waiting;
  let underWay = new AbortController();
  let shown = text.value.trim();

  form.querySelector("[data-try]").hidden = true;
  text.addEventListener("input", () => soon(WAIT));
  trial.addEventListener("click", (event) => {
    const reading = event.target.closest("button[name=instead]");
    if (!reading) return;
    event.preventDefault();
    text.value = reading.value;
    text.focus();
    soon(0);
  });

  function soon(wait) {
    clearTimeout(waiting);
    waiting = setTimeout(run, wait);
  }

  async function run() {
    const asked = text.value.trim();
    if (asked === shown) return;
    underWay.abort();
    underWay = new AbortController();
    shown = asked;
    trial.setAttribute("aria-busy", "true");
    try {
      const nodes = asked ? await piece(form.dataset.preview, { text: asked }, underWay.signal) : [];
      trial.replaceChildren(...nodes);
      const fault = trial.querySelector(".unread");
      if (fault) text.setAttribute("aria-invalid", "true");
      else text.removeAttribute("aria-invalid");
      told.textContent = trial.querySelector("[data-sentence]")?.textContent ?? "";
      trial.removeAttribute("aria-busy");
    } catch (error) {
      if (error.name === "AbortError") return;
      shown = undefined; // the next key tries again
      trial.removeAttribute("aria-busy");
      told.textContent = "This could not be tried just now.";
    }
  }
}

/** Save, not relevant, read: the paper's buttons change, the page stays. */
async function markInPlace(event) {
  const form = event.target.closest("form[data-mark]");
  if (!form) return;
  event.preventDefault();
  const pressed = event.submitter;
  const fields = { ...Object.fromEntries(new FormData(form)), [pressed.name]: pressed.value, piece: "yes" };
  try {
    const nodes = await piece(form.action, fields);
    const paper = form.closest("li");
    const [first] = nodes.filter((node) => node.nodeType === Node.ELEMENT_NODE);
    form.replaceWith(...nodes);
    paper?.classList.toggle("done", ["dismissed", "read"].includes(first?.dataset.mark));
    first?.querySelector("button")?.focus();
  } catch {
    form.append(pressed.cloneNode()); // a form can be sent by hand once more, with the button that was pressed
    form.lastChild.hidden = true;
    form.removeAttribute("data-mark");
    form.requestSubmit(form.lastChild);
  }
}

/** The browser's own time zone, where the reader has not said another. */
function guessZone(field) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && (field.value === "" || field.value === "UTC")) field.value = zone;
}

/** A piece of a page that a form's address answers with, as nodes. */
async function piece(address, fields, signal) {
  const answer = await fetch(address, { method: "POST", body: new URLSearchParams(fields), redirect: "error", signal });
  if (!answer.ok) throw new Error(`answered ${answer.status}`);
  return [...new DOMParser().parseFromString(await answer.text(), "text/html").body.childNodes];
}
