/**
 * The popup. It paints from storage at once and asks the worker to look what is new; the worker writes, storage tells.
 * It never sees the token, and asks no server itself.
 */

import { card } from "./cards.js";
import { button, make, picture } from "./dom.js";
import { load, whole } from "./kept.js";
import { listOf } from "./state.js";
import { legible } from "./tex.js";
import { view } from "./view.js";
import { ago, clock, counted, fill, sayer } from "./words.js";

const browser = globalThis.browser ?? globalThis.chrome;
const say = sayer(browser);
const language = browser.i18n.getUILanguage();
const at = Object.fromEntries([...document.querySelectorAll("[id]")].map((element) => [element.id, element]));
const main = document.querySelector("main");
const TOAST = 6000; // milliseconds
const PATIENCE = 300; // milliseconds after the last key before a search goes out

let known = null; // {account, choices, kept}, as storage has it
let found = null; // what was looked for and found: {wish, entries, note, problem}, or null; a wish is {query, meaning} or {like}, a paper
let muting = ""; // the paper whose choice of mutes is open
const painted = new Map(); // what each part of the page shows, so that only what changed is made anew

const ask = (errand) => browser.runtime.sendMessage(errand);

// ── painting ────────────────────────────────────────────────────────────────────────────────────────────────────────

function paint() {
  const now = Date.now();
  const moment = { ago: (when) => ago(when, now, language, say), clock: (when) => clock(when, language) };
  const seen = found ? searched() : view(known.kept, known.account, now, moment);
  const paired = known.account.paired && seen.panel?.key !== "panel_signed_out" && seen.panel?.key !== "panel_forbidden";
  at.profile.disabled = at.query.disabled = at.again.disabled = !paired;
  at.keys.hidden = !seen.unread.length;
  document.body.classList.toggle("low", Boolean(seen.panel && seen.earlier.length));
  part("profile", [known.kept.profiles, known.kept.chosen], profiles);
  part("banner", [seen.banner, found?.wish ?? null], () => banner(seen.banner));
  part("panel", [seen.panel], () => panel(seen.panel));
  part("unread-heading", [seen.unread.length, known.kept.unread, Boolean(found)], () => heading(seen));
  at["earlier-heading"].hidden = !seen.earlier.length;
  part("unread", [seen.unread, seen.busy, muting, known.choices], () => papers(at.unread, seen.unread, seen.busy));
  part("earlier", [seen.earlier, muting, known.choices], () => papers(at.earlier, seen.earlier, false));
}

function part(name, shows, make_) {
  const now = JSON.stringify(shows);
  if (painted.get(name) === now) return;
  painted.set(name, now);
  make_();
}

function profiles() {
  const options = [{ id: "", name: say("all_profiles") }, ...known.kept.profiles];
  at.profile.replaceChildren(...options.map(({ id, name }) => make("option", { value: id, text: name })));
  at.profile.value = known.kept.chosen;
}

function banner(told) {
  if (!told) return at.banner.replaceChildren();
  const said = make("p", {}, make("b", { text: say(told.key, ...told.words) }), ` ${say("as_of", told.words[0])}`);
  if (told.waiting) said.append(` ${counted(say, "waiting", told.waiting)}`);
  return at.banner.replaceChildren(said, told.again ? button(say("try_again"), refresh) : "");
}

function panel(told) {
  at.panel.hidden = !told;
  if (!told) return at.panel.replaceChildren();
  const well = ["panel_all_read", "panel_nothing_followed", "panel_signed_out"].includes(told.key);
  at.panel.classList.toggle("grey", !well);
  const buttons = (told.actions ?? []).filter((each) => each in DEEDS);
  return at.panel.replaceChildren(
    picture(52),
    make("h2", { text: say(told.key, ...told.words) }),
    make("p", { text: say(`${told.key}_more`, ...told.words) }),
    ...(told.actions.includes("follow") ? [followForm()] : []),
    ...(buttons.length ? [make("div", { class: "buttons" }, buttons.map((each, n) => button(say(DEEDS[each].say), DEEDS[each].click, { class: n ? null : "main" })))] : []),
  );
}

const DEEDS = {
  pair: { say: "pair", click: () => settings() },
  again: { say: "try_again", click: () => refresh() },
  settings: { say: "settings", click: () => settings() },
  suggest: { say: "suggest", click: () => browser.tabs.create({ url: `${known.account.server}/profiles/${known.kept.chosen}/suggestions` }) },
};

function followForm() {
  const field = make("input", { type: "text", "aria-label": say("follow_what"), placeholder: say("follow_example"), maxlength: 4000 });
  const form = make("form", {}, field, make("button", { class: "main", text: say("follow") }));
  form.addEventListener("submit", (submitted) => {
    submitted.preventDefault();
    if (field.value.trim()) follow(field.value.trim());
  });
  return form;
}

function heading(seen) {
  at["unread-heading"].hidden = !seen.unread.length;
  if (found) at["unread-heading"].textContent = counted(say, "found", seen.unread.length);
  else if (known.kept.chosen) at["unread-heading"].textContent = say("unread_here");
  else at["unread-heading"].textContent = known.kept.unread ? counted(say, "unread", known.kept.unread) : say("unread_none");
}

function papers(list, entries, busy) {
  const held = holding();
  const top = main.scrollTop;
  list.classList.toggle("waiting", busy);
  list.setAttribute("aria-busy", String(busy));
  const rows = busy ? Array.from({ length: 4 }, () => make("li", { "aria-hidden": "true" })) : entries.map(row);
  list.replaceChildren(...rows);
  main.scrollTop = top;
  if (held && list.contains(document.querySelector(`[data-paper="${CSS.escape(held.paper)}"]`))) focus(held.paper, held.act);
}

function row(entry) {
  const given = { say, language, now: Date.now(), excerpts: known.choices.excerpts, muting: muting === entry.paper.id, doing };
  return card(entry, given);
}

// ── what a reader does ──────────────────────────────────────────────────────────────────────────────────────────────

const doing = {
  open(entry) {
    if (known.choices.marksRead && !entry.marks?.read) mark(entry, "read", true);
  },
  save(entry) {
    mark(entry, "saved", !entry.marks?.saved);
  },
  read(entry) {
    mark(entry, "read", true);
  },
  dismiss(entry) {
    const next = neighbour(entry.paper.id);
    mark(entry, "dismissed", true);
    if (next) focus(next);
    else main.focus();
    toast(say("dismissed"), () => mark(entry, "dismissed", false));
  },
  choose(entry) {
    muting = muting === entry.paper.id ? "" : entry.paper.id;
    paint();
    if (muting) document.querySelector(".choices button")?.focus();
  },
  alike({ paper }) {
    at.query.value = "";
    look({ like: paper });
  },
  async mute(entry, kind, value, shown) {
    muting = "";
    paint();
    focus(entry.paper.id, "mute");
    const answer = await ask({ do: "mute", kind, value, on: true });
    if (answer.kind !== "given") return toast(problem(answer));
    return toast(say("muted", shown), () => ask({ do: "mute", kind, value, on: false }));
  },
};

function mark(entry, kind, on) {
  if (found) {
    // What a search found is not kept: its marks are shown from here.
    const marks = { ...entry.marks, [kind]: on || undefined };
    const changed = { ...entry, marks: Object.fromEntries(Object.entries(marks).filter(([, set]) => set)) };
    found = { ...found, entries: found.entries.map((each) => (each.paper.id === entry.paper.id ? changed : each)) };
    paint();
  }
  ask({ do: "mark", paper: entry.paper.id, kind, on });
}

async function follow(text) {
  const answer = await ask({ do: "follow", text });
  if (answer.kind !== "given") return toast(problem(answer), answer.suggested ? () => follow(answer.suggested) : null, answer.suggested);
  clearSearch();
  return toast(say("followed", answer.profile.name), () => ask({ do: "unfollow", id: answer.profile.id }));
}

function problem(answer) {
  return answer.said || say(`standing_${answer.kind.replaceAll("-", "_")}`);
}

async function refresh() {
  at.again.classList.add("turning");
  try {
    await ask({ do: "refresh" });
  } finally {
    at.again.classList.remove("turning");
  }
}

function settings() {
  browser.runtime.openOptionsPage();
  if (!document.body.classList.contains("page")) globalThis.close();
}

// ── search ──────────────────────────────────────────────────────────────────────────────────────────────────────────

let soon = 0;

function search() {
  clearTimeout(soon);
  if (!at.query.value.trim()) return clearSearch();
  soon = setTimeout(lookForWords, PATIENCE);
  return undefined;
}

const typed = () => at.query.value.trim();
const lookForWords = () => look({ query: typed(), meaning: false });

let latest = null; // what was wished for last

async function look(wish) {
  latest = wish;
  const answer = await ask(wish.like ? { do: "similar", paper: wish.like.id } : { do: "search", ...wish });
  if (latest !== wish || typed() !== (wish.query ?? "")) return; // something else is wished for by now
  const data = answer.kind === "given" && Array.isArray(answer.value?.data) ? answer.value.data : [];
  const why = (paper) => [{ profile: "", text: wish.like ? alike(paper) : "", matched: paper.matched ?? [] }];
  const entries = data.map((paper) => ({ paper, marks: {}, why: why(paper) }));
  found = { wish, entries, note: answer.value?.note ?? "", problem: answer.kind === "given" ? null : answer };
  muting = "";
  main.scrollTop = 0;
  paint();
  searchBanner();
}

/** Why a paper is like another: characteristic words that both have. */
function alike(paper) {
  const words = (paper.words ?? []).map((word) => `“${word}”`).join(", ");
  return words ? say("alike_words", words) : say("alike_meaning");
}

function searched() {
  const { entries } = found;
  const none = { panel: null, banner: null, unread: entries.filter((each) => !each.marks.dismissed), earlier: [], busy: false };
  if (found.problem || entries.length) return none;
  return { ...none, panel: { key: found.wish.like ? "panel_none_alike" : "panel_not_found", words: [], actions: [] } };
}

function searchBanner() {
  const { wish, note, problem: wrong } = found;
  const said = (text) => make("p", { text, dir: "auto" });
  if (wrong) {
    const use = () => {
      at.query.value = wrong.suggested;
      lookForWords();
    };
    const better = wrong.suggested ? button(say("use_this", wrong.suggested), use) : "";
    at.banner.replaceChildren(make("p", { class: "fault", text: problem(wrong) }), better);
  } else if (wish.like) {
    at.banner.replaceChildren(said(note || say("alike_to", legible(wish.like.title))), button(say("back"), clearSearch));
  } else if (wish.meaning) {
    at.banner.replaceChildren(said(note || say("whole_archive_meaning")), button(say("by_words"), lookForWords));
  } else {
    const other = button(say("by_meaning"), () => look({ query: wish.query, meaning: true }));
    at.banner.replaceChildren(said(say("whole_archive")), other, button(say("follow_search"), () => follow(wish.query)));
  }
}

function clearSearch() {
  clearTimeout(soon);
  latest = null;
  at.query.value = "";
  if (!found) return;
  found = null;
  painted.delete("banner");
  paint();
}

// ── focus and keys ──────────────────────────────────────────────────────────────────────────────────────────────────

const ids = () => [...document.querySelectorAll("article")].map((each) => each.dataset.paper);

function holding() {
  const article = document.activeElement?.closest("article");
  return article ? { paper: article.dataset.paper, act: document.activeElement.dataset.act } : null;
}

function neighbour(paper) {
  const all = ids();
  const place = all.indexOf(paper);
  return all[place + 1] ?? all[place - 1];
}

function focus(paper, act) {
  const article = document.querySelector(`[data-paper="${CSS.escape(paper)}"]`);
  const target = (act && article?.querySelector(`[data-act="${CSS.escape(act)}"]`)) || article?.querySelector("[data-lead]");
  target?.focus();
}

function move(step) {
  const all = ids();
  const held = holding();
  const place = held ? all.indexOf(held.paper) + step : 0;
  const next = all[Math.min(Math.max(place, 0), all.length - 1)];
  if (next) focus(next);
}

function current() {
  const held = holding();
  if (!held) return null;
  const { unread, earlier } = listOf(known.kept);
  return (found ? found.entries : [...unread, ...earlier]).find((each) => each.paper.id === held.paper) ?? null;
}

const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  o: () => on((entry) => openBeside(entry)),
  s: () => on(doing.save),
  x: () => on(doing.dismiss),
  m: () => on(doing.choose),
  r: () => refresh(),
  "/": () => at.query.focus(),
};

function on(deed) {
  const entry = current();
  if (entry) deed(entry);
}

/** In a tab behind this one: the popup stays, and the next paper is a key away. */
function openBeside(entry) {
  const lead = document.querySelector(`[data-paper="${CSS.escape(entry.paper.id)}"] a[data-lead]`);
  if (!lead) return;
  browser.tabs.create({ url: lead.href, active: false });
  doing.open(entry);
}

document.addEventListener("keydown", (pressed) => {
  if (pressed.ctrlKey || pressed.metaKey || pressed.altKey) return;
  if (pressed.key === "Escape" && (found || at.query.value || muting)) {
    pressed.preventDefault();
    muting = "";
    clearSearch();
    paint();
    return;
  }
  if (pressed.target.matches("input, select, textarea") || !Object.hasOwn(KEYS, pressed.key)) return;
  pressed.preventDefault();
  KEYS[pressed.key]();
});

// ── a word at the foot ──────────────────────────────────────────────────────────────────────────────────────────────

let fading = 0;

function toast(text, undo = null, undoText = say("undo")) {
  clearTimeout(fading);
  const take = () => {
    at.toast.replaceChildren();
    undo();
  };
  at.toast.replaceChildren(make("span", { text }), undo ? button(undoText, take) : "");
  fading = setTimeout(() => at.toast.replaceChildren(), TOAST);
}

// ── begin ───────────────────────────────────────────────────────────────────────────────────────────────────────────

fill(document, say);
document.body.classList.toggle("page", new URLSearchParams(location.search).has("page"));
known = await load(browser);
paint();
if (ids().length) focus(ids()[0]);

browser.storage.onChanged.addListener((changes, area) => {
  if (area !== "local") return;
  const next = Object.fromEntries(Object.entries(changes).map(([name, { newValue }]) => [name, newValue]));
  known = whole({ ...known, ...next });
  paint();
  if (document.activeElement === document.body && ids().length) focus(ids()[0]);
});

at.profile.addEventListener("change", () => ask({ do: "choose", profile: at.profile.value }));
at.again.addEventListener("click", refresh);
at.settings.addEventListener("click", settings);
at.query.addEventListener("input", search);
at.search.addEventListener("submit", (submitted) => {
  submitted.preventDefault();
  clearTimeout(soon);
  if (typed()) lookForWords();
});

if (known.kept.notice) {
  toast(known.kept.notice.said);
  ask({ do: "read" });
}
ask({ do: "theme", dark: matchMedia("(prefers-color-scheme: dark)").matches });
if (known.account.paired) refresh();
