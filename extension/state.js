/**
 * What the extension knows between two looks at the server, and how it changes. Pure: every function gives a new value.
 *
 * A `kept` value is
 *   lists       profile's id, or "" for all, → {unread: [entry], earlier: [entry], tags: {unread, earlier}}
 *   profiles    [{id, name}], as the server lists them
 *   listed      whether it has listed them yet
 *   chosen      whose list the popup shows: a profile's id, or ""
 *   unread      how many, at most 1000, which stands for that many or more
 *   latest      the newest matched_at that was seen; what is newer is news
 *   every       seconds between two rounds, as the server wants it
 *   answeredAt  when the server last answered (ms), 0 for never
 *   notBefore   no round before this moment (ms): the server asked us to wait
 *   problem     what the last round met: {kind, said, until, at}, or null
 *   unsent      requests that wait until the server can be reached, oldest first
 *   notice      what the popup says once when it opens: {key, words}, or null
 *
 * An entry is as `GET /matches` gives it: {paper, profiles, matched_at, marks, why}.
 */

export const EVERY = 300; // seconds between two rounds where the server has no wish
const LEAST = 60;
const MOST = 3600;
const MANY = 1000; // what the server counts to
export const STALE_AFTER = 30 * 60_000; // milliseconds
export const UNSENT_AT_MOST = 200;
export const FEW = 8; // with fewer unread papers than this, earlier ones are shown below them

export const NOTHING = Object.freeze({
  lists: {},
  profiles: [],
  listed: false,
  chosen: "",
  unread: 0,
  latest: "",
  every: EVERY,
  answeredAt: 0,
  notBefore: 0,
  problem: null,
  unsent: [],
  notice: null,
});

/** What a reader chose, and what holds until then. marksRead: opening a paper marks it as read. */
export const CHOICES = Object.freeze({ notify: false, count: true, excerpts: true, marksRead: true });

const NO_LIST = Object.freeze({ unread: [], earlier: [], tags: {} });

// ── rounds ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The list of a profile, or of all; empty where it was never asked for. */
export function listOf(kept, profile = kept.chosen) {
  return kept.lists[profile] ?? NO_LIST;
}

/** The server gave a list. part: "unread" or "earlier". */
export function given(kept, profile, part, answer, now) {
  const list = listOf(kept, profile);
  const { data, unread } = answer.value;
  const next = { ...list, [part]: data, tags: { ...list.tags, [part]: answer.etag } };
  const counts = profile === "" && part === "unread";
  return answered(
    {
      ...kept,
      lists: { ...kept.lists, [profile]: next },
      unread: counts && Number.isInteger(unread) ? unread : kept.unread,
      latest: counts ? newest(kept.latest, data) : kept.latest,
    },
    answer,
    now,
  );
}

/** Whether a value is a list of matches as this extension knows it. */
export function isList(value) {
  return Array.isArray(value?.data) && value.data.every((each) => typeof each?.paper?.id === "string");
}

/** The server gave the profiles. Lists of those that are gone go with them. */
export function withProfiles(kept, profiles) {
  const known = new Set(["", ...profiles.map((each) => each.id)]);
  return {
    ...kept,
    profiles: profiles.map(({ id, name }) => ({ id, name })),
    listed: true,
    chosen: known.has(kept.chosen) ? kept.chosen : "",
    lists: Object.fromEntries(Object.entries(kept.lists).filter(([id]) => known.has(id))),
  };
}

/** The server answered, be it that nothing has changed. */
export function answered(kept, answer, now) {
  const every = answer.every ? Math.min(Math.max(answer.every, LEAST), MOST) : kept.every;
  return { ...kept, every, answeredAt: now, notBefore: 0, problem: null };
}

/** The server could not be asked, or would not answer. */
export function failed(kept, problem, now) {
  const { kind, said, until } = problem;
  const at = kept.problem?.kind === kind ? kept.problem.at : now; // since when it is so
  return { ...kept, problem: { kind, said, until, at }, notBefore: kind === "busy" ? until : kept.notBefore };
}

/** Whether a round may go out now. */
export function mayAsk(kept, now) {
  return now >= kept.notBefore;
}

/** Entries that came since `before`: nothing is news at first sight. */
export function news(before, after) {
  if (!before.latest) return [];
  return listOf(after, "").unread.filter((each) => each.matched_at > before.latest && !isRead(each));
}

function newest(latest, entries) {
  return entries.reduce((found, each) => (each.matched_at > found ? each.matched_at : found), latest);
}

// ── marks ───────────────────────────────────────────────────────────────────────────────────────────────────────────

const RIVALS = { saved: "dismissed", dismissed: "saved" };

/** Whether a paper needs no more attention: any mark says so. */
export function isRead(entry) {
  return Object.values(entry.marks ?? {}).some(Boolean);
}

/** A paper is marked, or a mark taken off it; in every list, before the server knows. */
export function marked(kept, paper, kind, on, at) {
  let wasUnread = null;
  let isUnread = null;
  const change = (entry) => {
    if (entry.paper.id !== paper) return entry;
    const marks = { ...entry.marks };
    delete marks[kind];
    if (on) {
      delete marks[RIVALS[kind]];
      marks[kind] = at;
    }
    const changed = { ...entry, marks };
    wasUnread = !isRead(entry);
    isUnread = !isRead(changed);
    return changed;
  };
  const lists = Object.fromEntries(
    Object.entries(kept.lists).map(([profile, list]) => [
      profile,
      // Without its tag the list is asked for anew: it is no longer what the server tagged.
      { unread: list.unread.map(change), earlier: list.earlier.map(change), tags: {} },
    ]),
  );
  const step = wasUnread === isUnread || kept.unread >= MANY ? 0 : isUnread ? 1 : -1;
  return { ...kept, lists, unread: Math.max(kept.unread + step, 0) };
}

/** What the popup shows of a list: unread ones first, then earlier ones; each once, nothing that was dismissed. */
export function shown(kept, profile = kept.chosen) {
  const list = listOf(kept, profile);
  const there = (entry) => !entry.marks?.dismissed;
  const unread = list.unread.filter(there);
  const known = new Set(list.unread.map((each) => each.paper.id));
  return { unread, earlier: list.earlier.filter((each) => there(each) && !known.has(each.paper.id)) };
}

// ── what waits for the server ───────────────────────────────────────────────────────────────────────────────────────

/** A request waits. A later word on the same thing takes an earlier one's place; the oldest give way where there are too many. */
export function waiting(kept, request) {
  const same = (each) => each.path === request.path && JSON.stringify(each.body) === JSON.stringify(request.body);
  const others = kept.unsent.filter((each) => !same(each));
  return { ...kept, unsent: [...others, request].slice(-UNSENT_AT_MOST) };
}

/** A request waits no longer. */
export function sent(kept, request) {
  return { ...kept, unsent: kept.unsent.filter((each) => JSON.stringify(each) !== JSON.stringify(request)) };
}

// ── what is said ────────────────────────────────────────────────────────────────────────────────────────────────────

/** How the extension stands, for badge and popup. stands: fresh, first, stale, or the kind of a problem. */
export function standing(kept, account, now) {
  if (!account?.paired) return "signed-out";
  if (kept.problem) return kept.problem.kind;
  if (!kept.answeredAt) return "first";
  return now - kept.answeredAt > Math.max(STALE_AFTER, 3000 * kept.every) ? "stale" : "fresh";
}

/** The badge: text, colour, and which sentence its title is. At most four letters. */
export function badge(kept, account, choices, now) {
  const stands = standing(kept, account, now);
  const well = stands === "fresh" || stands === "first";
  if (["signed-out", "forbidden", "too-old", "not-paperlark"].includes(stands)) {
    return { text: "!", colour: GREY, stands, unread: kept.unread };
  }
  return { text: choices.count ? count(kept.unread) : "", colour: well ? ACCENT : GREY, stands, unread: kept.unread };
}

const ACCENT = "#9c420e";
const GREY = "#645e53";

/** A number as it fits on the badge. */
export function count(unread) {
  if (unread <= 0) return "";
  return unread >= MANY ? "1k+" : String(unread);
}

/** Seconds until the next round, for the alarm: a whole number of them, never less than what browsers allow. */
export function pause(kept, now) {
  return Math.max(kept.every, Math.ceil((kept.notBefore - now) / 1000), LEAST);
}
