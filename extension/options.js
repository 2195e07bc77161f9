/**
 * The page of settings: which server, whose account, what to show. Permissions are asked for on a click, each for what
 * it says and nothing more.
 */

import { serverAddress } from "./api.js";
import { load, whole } from "./kept.js";
import { SITES } from "./sites.js";
import { fill, sayer } from "./words.js";

const browser = globalThis.browser ?? globalThis.chrome;
const say = sayer(browser);
const at = Object.fromEntries([...document.querySelectorAll("[id]")].map((element) => [element.id, element]));
const CHOICES = ["count", "excerpts", "marksRead"];
const NOTIFICATIONS = { permissions: ["notifications"] };

let known = null;

const ask = (errand) => browser.runtime.sendMessage(errand);

// ── painting ────────────────────────────────────────────────────────────────────────────────────────────────────────

async function paint() {
  const { account, choices, kept } = known;
  const paired = account.paired && kept.problem?.kind !== "signed-out";
  at.unpaired.hidden = paired;
  at.paired.hidden = !paired;
  at.where.textContent = account.server;
  if (paired) at.page.href = account.server;
  if (!at.server.value) at.server.value = account.server;
  for (const choice of CHOICES) at[choice].checked = choices[choice];
  at.notify.checked = choices.notify && (await browser.permissions.contains(NOTIFICATIONS));
  for (const { id, origins } of SITES) at[id].checked = await browser.permissions.contains(forSite(origins));
}

function forSite(origins) {
  return { permissions: ["scripting"], origins };
}

/** What a problem is, in a sentence. */
function wrong(answer) {
  return answer.said || say(`standing_${answer.kind.replaceAll("-", "_")}`);
}

function told(text) {
  at.said.textContent = text;
}

// ── pairing ─────────────────────────────────────────────────────────────────────────────────────────────────────────

async function pair(errand) {
  const server = serverAddress(at.server.value);
  at.allow.hidden = true;
  if (server === null) {
    told(say("no_server"));
    at.server.focus();
    return;
  }
  told(say("asking", new URL(server).host));
  at.pair.disabled = at.begin.disabled = true;
  const answer = await ask({ ...errand, server });
  at.pair.disabled = at.begin.disabled = false;
  if (answer.kind === "given") {
    told("");
    at.code.value = "";
    return;
  }
  told(wrong(answer));
  if (answer.kind === "offline") offer(server, errand);
}

/** A server that does not answer extensions (CORS) can be reached all the same where the reader allows that origin. */
function offer(server, errand) {
  const origins = [`${new URL(server).protocol}//${new URL(server).hostname}/*`];
  at.allow.textContent = say("allow", new URL(server).host);
  at.allow.hidden = false;
  at.allow.onclick = async () => {
    if (await browser.permissions.request({ origins })) await pair(errand);
  };
}

at.pairing.addEventListener("submit", (submitted) => {
  submitted.preventDefault();
  const code = at.code.value.replace(/[\s-]/gu, "");
  if (code.length === 8) pair({ do: "pair", code });
  else {
    told(say("code_length"));
    at.code.focus();
  }
});
at.begin.addEventListener("click", () => pair({ do: "begin" }));
at.leave.addEventListener("click", () => ask({ do: "leave" }));
at.join.addEventListener("click", async () => {
  const answer = await ask({ do: "code" });
  if (answer.kind === "given") at.joined.textContent = say("joined", answer.value.code);
  else at.joined.textContent = answer.kind === "forbidden" ? say("join_elsewhere") : wrong(answer);
});

// ── what to show ────────────────────────────────────────────────────────────────────────────────────────────────────

for (const choice of CHOICES) {
  at[choice].addEventListener("change", () => ask({ do: "prefer", choices: { [choice]: at[choice].checked } }));
}

at.notify.addEventListener("change", async () => {
  // Asked for at once: a browser grants nothing that is not the answer to a click.
  const granted = at.notify.checked && (await browser.permissions.request(NOTIFICATIONS));
  if (!at.notify.checked) await browser.permissions.remove(NOTIFICATIONS);
  at.notify.checked = granted;
  await ask({ do: "prefer", choices: { notify: granted } });
});

for (const { id, origins } of SITES) {
  at[id].addEventListener("change", async () => {
    if (at[id].checked) at[id].checked = await browser.permissions.request(forSite(origins));
    else await browser.permissions.remove({ origins });
  });
}

// ── begin ───────────────────────────────────────────────────────────────────────────────────────────────────────────

fill(document, say);
known = await load(browser);
await paint();
browser.storage.onChanged.addListener((changes, area) => {
  if (area !== "local") return;
  const next = Object.fromEntries(Object.entries(changes).map(([name, { newValue }]) => [name, newValue]));
  known = whole({ ...known, ...next });
  paint();
});
