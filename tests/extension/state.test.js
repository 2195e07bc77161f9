import assert from "node:assert/strict";
import { test } from "node:test";

import * as state from "../../extension/state.js";
import { view } from "../../extension/view.js";

const NOW = Date.UTC(2026, 2, 4, 6);
const PAIRED = { server: "https://x.example", paired: true };
const MOMENT = { ago: (at) => `ago ${at}`, clock: (at) => `at ${at}` };

const entry = (id, more = {}) => ({ paper: { id }, profiles: [], matched_at: `2026-03-04T0${id}:00:00Z`, marks: {}, why: [], ...more });
const answer = (entries, unread = entries.length, more = {}) => ({ kind: "given", value: { data: entries, unread }, etag: '"1"', every: 0, ...more });
const having = (...entries) => ({ ...state.given(state.NOTHING, "", "unread", answer(entries), NOW), profiles: [{ id: "7", name: "larks" }], listed: true });
const problem = (kind, until = 0) => ({ kind, said: "", until });
const ids = (entries) => entries.map((each) => each.paper.id);

test("what the server gives is kept with its tag", () => {
  const kept = having(entry("2"), entry("1"));
  assert.deepEqual(ids(state.listOf(kept).unread), ["2", "1"]);
  assert.deepEqual([kept.unread, kept.latest, kept.answeredAt, state.listOf(kept).tags.unread], [2, "2026-03-04T02:00:00Z", NOW, '"1"']);
});

test("one profile's list changes neither the count nor what is news", () => {
  const kept = state.given(having(entry("1")), "7", "unread", answer([entry("3")], 9), NOW);
  assert.deepEqual([kept.unread, kept.latest, ids(state.listOf(kept, "7").unread)], [1, "2026-03-04T01:00:00Z", ["3"]]);
});

test("a list is a list of papers with ids, and nothing else is", () => {
  assert.equal(state.isList({ data: [entry("1")] }), true);
  for (const value of [null, {}, { data: {} }, { data: [{}] }, { data: [{ paper: { id: 1 } }] }]) assert.equal(state.isList(value), false);
});

test("nothing is news at first sight, and later only what is newer and unread", () => {
  const first = having(entry("1"));
  assert.deepEqual(state.news(state.NOTHING, first), []);
  const after = state.given(first, "", "unread", answer([entry("4", { marks: { read: "x" } }), entry("3"), entry("1")]), NOW);
  assert.deepEqual(ids(state.news(first, after)), ["3"]);
});

test("a mark counts at once, and its opposite takes it off", () => {
  let kept = state.marked(having(entry("2"), entry("1")), "1", "saved", true, "now");
  assert.deepEqual([kept.unread, state.listOf(kept).unread[1].marks], [1, { saved: "now" }]);
  kept = state.marked(kept, "1", "dismissed", true, "later");
  assert.deepEqual([kept.unread, state.listOf(kept).unread[1].marks], [1, { dismissed: "later" }]);
  kept = state.marked(kept, "1", "dismissed", false, "later");
  assert.deepEqual([kept.unread, state.listOf(kept).unread[1].marks], [2, {}]);
});

test("a mark twice counts once, and a paper that is not there changes no count", () => {
  const once = state.marked(having(entry("1")), "1", "read", true, "now");
  assert.equal(state.marked(once, "1", "saved", true, "now").unread, 0);
  assert.equal(state.marked(once, "9", "saved", true, "now").unread, 0);
});

test("a thousand means that many or more, and is not counted down", () => {
  const kept = { ...having(entry("1")), unread: 1000 };
  assert.equal(state.marked(kept, "1", "read", true, "now").unread, 1000);
});

test("a list that was changed here is asked for anew", () => {
  const kept = state.marked(having(entry("1")), "1", "read", true, "now");
  assert.deepEqual(state.listOf(kept).tags, {});
});

test("what was dismissed is not shown, and each paper once", () => {
  let kept = state.given(having(entry("3"), entry("2")), "", "earlier", answer([entry("3"), entry("1"), entry("0", { marks: { dismissed: "x" } })]), NOW);
  kept = state.marked(kept, "2", "dismissed", true, "now");
  assert.deepEqual([ids(state.shown(kept).unread), ids(state.shown(kept).earlier)], [["3"], ["1"]]);
});

test("a profile that is gone takes its list and its choice with it", () => {
  let kept = { ...state.given(having(entry("1")), "7", "unread", answer([]), NOW), chosen: "7" };
  kept = state.withProfiles(kept, [{ id: "8", name: "new", text: "x" }]);
  assert.deepEqual([kept.chosen, Object.keys(kept.lists), kept.profiles], ["", [""], [{ id: "8", name: "new" }]]);
});

test("a problem remembers since when it is so, and an answer ends it", () => {
  let kept = state.failed(having(), problem("offline"), NOW);
  kept = state.failed(kept, problem("offline"), NOW + 5);
  assert.equal(kept.problem.at, NOW);
  assert.equal(state.answered(kept, { every: 0 }, NOW + 9).problem, null);
});

test("a server that asks us to wait is not asked before, and a server that is gone is", () => {
  const kept = state.failed(having(), problem("busy", NOW + 100), NOW);
  assert.deepEqual([state.mayAsk(kept, NOW + 99), state.mayAsk(kept, NOW + 100)], [false, true]);
  assert.equal(state.mayAsk(state.failed(having(), problem("offline"), NOW), NOW), true);
});

test("the server says how often, between a minute and an hour", () => {
  const every = (seconds) => state.answered(having(), { every: seconds }, NOW).every;
  assert.deepEqual([0, 5, 120, 90_000].map(every), [300, 60, 120, 3600]);
});

test("the alarm waits for the server's wish, and longer where it asked for more", () => {
  assert.equal(state.pause(having(), NOW), 300);
  assert.equal(state.pause(state.failed(having(), problem("busy", NOW + 900_500), NOW), NOW), 901);
});

test("requests wait in order, the same one once, and not without end", () => {
  const put = { method: "PUT", path: "/a" };
  let kept = state.waiting(state.waiting(having(), put), { method: "PUT", path: "/b" });
  kept = state.waiting(kept, { ...put, method: "DELETE" });
  assert.deepEqual(kept.unsent.map((each) => `${each.method} ${each.path}`), ["PUT /b", "DELETE /a"]);
  for (let n = 0; n < 300; n += 1) kept = state.waiting(kept, { method: "PUT", path: `/${n}` });
  assert.equal(kept.unsent.length, state.UNSENT_AT_MOST);
  assert.equal(state.sent(kept, kept.unsent[0]).unsent.length, state.UNSENT_AT_MOST - 1);
});

test("the number on the badge has at most four letters", () => {
  assert.deepEqual([0, 1, 999, 1000, 5000].map(state.count), ["", "1", "999", "1k+", "1k+"]);
});

test("the badge tells fresh from stale, and who is signed out", () => {
  const fresh = state.badge(having(entry("1")), PAIRED, state.CHOICES, NOW);
  const stale = state.badge(having(entry("1")), PAIRED, state.CHOICES, NOW + 3_600_000);
  assert.deepEqual([fresh.text, fresh.stands, stale.text, stale.stands], ["1", "fresh", "1", "stale"]);
  assert.notEqual(fresh.colour, stale.colour);
  assert.equal(state.badge(having(entry("1")), { paired: false }, state.CHOICES, NOW).text, "!");
  assert.equal(state.badge(having(entry("1")), PAIRED, { ...state.CHOICES, count: false }, NOW).text, "");
});

// ── the popup's view ────────────────────────────────────────────────────────────────────────────────────────────────

test("who is not paired is asked to pair, whatever is kept", () => {
  const seen = view(having(entry("1")), { paired: false }, NOW, MOMENT);
  assert.deepEqual([seen.panel.key, seen.panel.actions, seen.unread], ["panel_signed_out", ["pair"], []]);
});

test("before the first answer the popup waits", () => assert.equal(view(state.NOTHING, PAIRED, NOW, MOMENT).busy, true));

test("before the profiles are known nobody is told that they follow nothing", () => {
  assert.equal(view({ ...having(), profiles: [], listed: false }, PAIRED, NOW, MOMENT).busy, true);
});

test("who has dropped the last paper has read all, also before the server says so", () => {
  const kept = state.marked(having(entry("1")), "1", "dismissed", true, "now");
  assert.equal(view(kept, PAIRED, NOW, MOMENT).panel.key, "panel_all_read");
});

test("papers speak for themselves", () => {
  const seen = view(having(entry("1")), PAIRED, NOW, MOMENT);
  assert.deepEqual([seen.panel, seen.banner, ids(seen.unread)], [null, null, ["1"]]);
});

test("without a server the papers of before are shown, with of when they are and what waits", () => {
  const kept = state.waiting(state.failed(having(entry("1")), problem("offline"), NOW), { method: "PUT", path: "/a" });
  const seen = view(kept, PAIRED, NOW, MOMENT);
  assert.deepEqual([seen.banner.key, seen.banner.words, seen.banner.waiting, ids(seen.unread)], ["banner_offline", [`ago ${NOW}`], 1, ["1"]]);
});

for (const kind of ["offline", "fault", "too-old", "not-paperlark", "busy"]) {
  test(`with nothing kept, ${kind} has a panel of its own`, () => {
    const kept = state.failed(state.NOTHING, problem(kind, NOW + 60_000), NOW);
    const seen = view(kept, PAIRED, NOW, MOMENT);
    assert.equal(seen.panel.key, `panel_${kind.replace("-", "_")}`);
    assert.deepEqual(seen.panel.words, kind === "busy" ? [`at ${NOW + 60_000}`] : []);
  });
}

test("when all is read it says so above earlier papers", () => {
  const kept = state.given(having(), "", "earlier", answer([entry("1", { marks: { read: "x" } })]), NOW);
  const seen = view(kept, PAIRED, NOW, MOMENT);
  assert.deepEqual([seen.panel.key, ids(seen.earlier)], ["panel_all_read", ["1"]]);
});

test("where all of one profile is read, it can be asked what else it could bring", () => {
  const kept = having();
  const chosen = { ...kept, chosen: "1", lists: { ...kept.lists, 1: kept.lists[""] } };
  assert.deepEqual(view(chosen, PAIRED, NOW, MOMENT).panel.actions, ["suggest"]);
  assert.deepEqual(view(kept, PAIRED, NOW, MOMENT).panel.actions, []);
});

test("who follows nothing is shown how to", () => {
  assert.deepEqual(view({ ...having(), profiles: [] }, PAIRED, NOW, MOMENT).panel.actions, ["follow"]);
});

test("what was asked long ago is shown as old", () => {
  assert.equal(view(having(entry("1")), PAIRED, NOW + 3_600_000, MOMENT).banner.key, "banner_stale");
});
