/** One paper as the popup shows it. */

import { button, drawing, make, marked } from "./dom.js";
import { addressOf, byline, excerpt, mutable, reasons, runs, spansOf } from "./shown.js";
import { ago } from "./words.js";

const BOOKMARK = "M4 2.5h8v11l-4-3-4 3z";
const CROSS = "M4 4l8 8M12 4l-8 8";
const HUSH = "M2.5 6v4H5l4 3V3L5 6zM11.5 6l3 4M14.5 6l-3 4";
const PAIR = "M6 4.5a3.5 3.5 0 1 0 .01 0M10 4.5a3.5 3.5 0 1 0 .01 0";
const TICK = "M3 8.5l3.2 3.2L13 4.8";

/**
 * A paper in its list. entry: as `GET /matches` gives it. doing: what its buttons do, {open, save, dismiss, mute, alike}.
 * muting: whether its choice of what to mute is open.
 */
export function card(entry, { say, language, now, excerpts, muting, doing }) {
  const { paper } = entry;
  const why = entry.why ?? [];
  const marks = entry.marks ?? {};
  const address = addressOf(paper);
  const id = `t${paper.id}`;
  const title = marked(runs(paper.title, spansOf(why, "title")));
  const heading = address
    ? make("a", { href: address, target: "_blank", rel: "noopener noreferrer", "data-lead": true, on: { click: () => doing.open(entry) } }, title)
    : make("span", { tabindex: "-1", "data-lead": true }, title);
  const spans = spansOf(why, "abstract");
  return make(
    "li",
    {},
    make(
      "article",
      { "aria-labelledby": id, class: Object.keys(marks).join(" ") || null, data: { paper: paper.id } },
      make("h2", { id, dir: "auto" }, heading),
      people(paper, say),
      excerpts && paper.abstract ? make("p", { class: "excerpt", dir: "auto" }, marked(excerpt(paper.abstract, spans))) : null,
      because(entry, why, { say, language, now }),
      actions(entry, marks, { say, muting, doing }),
      muting ? choices(entry, why, { say, doing }) : null,
    ),
  );
}

function people(paper, say) {
  const { names, more } = byline(paper);
  const said = [names.join(", "), more > 0 ? (names.length ? say("and_more", more) : say("authors", more)) : ""];
  const who = said.filter(Boolean).join(" ");
  if (!who && !paper.organisation) return null;
  return make("p", { class: "byline", dir: "auto" }, [who, paper.organisation].filter(Boolean).join(" · "));
}

function because(entry, why, { say, language, now }) {
  const at = Date.parse(entry.matched_at ?? entry.paper.announced_at ?? "");
  const when = Number.isNaN(at)
    ? null
    : make("time", { datetime: new Date(at).toISOString(), text: ago(at, now, language, say), title: new Date(at).toLocaleString(language) });
  return make(
    "div",
    { class: "why" },
    reasons(why).map(({ profile, words }) =>
      make(
        "p",
        {},
        make("span", { class: "hidden", text: say("because") }),
        profile ? make("b", { text: profile, dir: "auto" }) : null,
        make("span", { text: words, dir: "auto" }),
      ),
    ),
    when,
  );
}

function actions(entry, marks, { say, muting, doing }) {
  const saved = Boolean(marks.saved);
  const act = (name, path, text, click, given = {}, look = null) => {
    const made = button("", click, { data: { act: name }, ...given });
    made.append(drawing(path), make("span", { text, class: look }));
    return made;
  };
  return make(
    "div",
    { class: "actions" },
    act("save", BOOKMARK, say(saved ? "saved" : "save"), () => doing.save(entry), { "aria-pressed": String(saved) }),
    act("dismiss", CROSS, say("dismiss"), () => doing.dismiss(entry)),
    act("mute", HUSH, say("mute"), () => doing.choose(entry), { "aria-expanded": String(muting) }),
    act("alike", PAIR, say("alike"), () => doing.alike(entry), { title: say("alike") }, "hidden"),
    marks.read || saved || !doing.read ? null : act("read", TICK, say("mark_read"), () => doing.read(entry)),
  );
}

function choices(entry, why, { say, doing }) {
  const all = mutable(entry.paper, why);
  return make(
    "div",
    { class: "choices", role: "group", "aria-label": say("mute_what") },
    make("p", { text: say(all.length ? "mute_what" : "mute_nothing") }),
    all.map(({ kind, value, shown }) =>
      button(say(`mute_${kind}`, shown), () => doing.mute(entry, kind, value, shown), { class: "chip", dir: "auto", data: { act: `${kind} ${value}` } }),
    ),
  );
}
