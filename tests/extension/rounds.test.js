import assert from "node:assert/strict";
import { test } from "node:test";

import { ROUND, makeRounds } from "../../extension/rounds.js";
import { CHOICES, NOTHING } from "../../extension/state.js";
import { FakeBrowser, FakeServer, say } from "./fakes.js";

const NOW = Date.UTC(2026, 2, 4, 6);
const PAIRED = { account: { server: "https://x.example", paired: true }, token: "pl_live_t" };
const entry = (id) => ({ paper: { id, title: `Paper ${id}` }, profiles: [], matched_at: `2026-03-04T0${id}:00:00Z`, marks: {}, why: [] });
const list = (entries, headers = { ETag: '"1"' }) => ({ body: { data: entries, next: null, since: "s", unread: entries.length }, headers });
const quiet = { "GET /profiles": { body: { data: [{ id: "7", name: "larks" }], next: null } } };

function world(answers, kept = PAIRED) {
  const browser = new FakeBrowser(kept);
  const server = new FakeServer({ ...quiet, ...answers });
  const clock = { now: NOW };
  const rounds = makeRounds({ browser, fetch: server.fetch, now: () => clock.now, say });
  return { browser, server, clock, rounds, kept: () => browser.stored.kept };
}

test("a round keeps what is unread, counts it on the badge, and sets the alarm", async () => {
  const { browser, rounds, kept } = world({ "GET /matches": list([entry("2"), entry("1")], { ETag: '"1"', "X-Poll-Interval": "120" }) });
  await rounds.refresh();
  assert.equal(kept().unread, 2);
  assert.deepEqual([browser.shown.text, browser.shown.title], ["2", "name: unread_many 2"]);
  assert.equal(browser.set.get(ROUND).periodInMinutes, 2);
});

test("who is not paired asks nobody, and the badge says so", async () => {
  const { browser, server, rounds } = world({}, {});
  await rounds.refresh();
  assert.deepEqual([server.asked, browser.shown.text], [[], "!"]);
  assert.match(browser.shown.title, /standing_signed_out/u);
});

test("the second round brings the tag, and an unchanged list stays", async () => {
  const { server, rounds, kept } = world({
    "GET /matches": ({ headers }) => (headers["If-None-Match"] === '"1"' ? { status: 304 } : list([entry("1")])),
  });
  await rounds.refresh();
  await rounds.refresh();
  assert.equal(server.asked[1].headers["If-None-Match"], '"1"');
  assert.equal(kept().lists[""].unread.length, 1);
});

test("a server that is gone leaves what was known, and says so in words", async () => {
  const { browser, server, rounds, kept } = world({ "GET /matches": list([entry("1")]) });
  await rounds.refresh();
  server.gone = true;
  await rounds.refresh();
  assert.deepEqual([kept().problem.kind, kept().lists[""].unread.length, browser.shown.text], ["offline", 1, "1"]);
  assert.match(browser.shown.title, /standing_offline/u);
  server.gone = false;
  await rounds.refresh();
  assert.equal(kept().problem, null);
});

test("a server that asks us to wait is left alone until then, and the alarm is set for it", async () => {
  const { browser, server, clock, rounds } = world({ "GET /matches": { status: 429, headers: { "Retry-After": "900" } } });
  await rounds.refresh();
  await rounds.refresh();
  assert.equal(server.asked.length, 1);
  assert.equal(browser.set.get(ROUND).periodInMinutes, 15);
  clock.now += 900_000;
  await rounds.refresh();
  assert.equal(server.asked.length, 2);
});

test("several who ask at once are one round", async () => {
  const { server, rounds } = world({ "GET /matches": list([]) });
  await Promise.all([rounds.refresh(), rounds.refresh(), rounds.refresh()]);
  assert.equal(server.asked.length, 1);
});

test("a round that is asked for anew does not make do with the one that is under way", async () => {
  const { server, rounds } = world({ "GET /matches": list([]) });
  const first = rounds.refresh();
  await Promise.all([first, rounds.refresh({ anew: true })]);
  assert.equal(server.asked.length, 2);
});

test("an answer of another shape makes the server too old", async () => {
  const { rounds, kept } = world({ "GET /matches": { body: { papers: [] } } });
  await rounds.refresh();
  assert.equal(kept().problem.kind, "too-old");
});

test("a token that was taken back signs this browser out, and what was kept is not shown as new", async () => {
  const { browser, rounds, kept } = world({ "GET /matches": { status: 401, body: { status: 401, detail: "unknown" } } });
  await rounds.refresh();
  assert.deepEqual([kept().problem.kind, browser.shown.text], ["signed-out", "!"]);
});

test("a mark counts before the server knows, and reaches it", async () => {
  const { server, rounds, kept } = world({ "GET /matches": list([entry("1")]), "PUT /papers/1/marks/saved": {} });
  await rounds.refresh();
  const done = rounds.mark("1", "saved", true);
  await rounds.change((each) => each);
  assert.deepEqual([kept().unread, Object.keys(kept().lists[""].unread[0].marks)], [0, ["saved"]]);
  await done;
  assert.equal(server.short.at(-1), "PUT /papers/1/marks/saved");
  assert.deepEqual(kept().unsent, []);
});

test("what is done while the server is gone is sent in order when it is back, and before anything is asked", async () => {
  const { server, rounds, kept } = world({
    "GET /matches": list([entry("2"), entry("1")]),
    "PUT /papers/1/marks/saved": {},
    "PUT /papers/2/marks/dismissed": {},
  });
  await rounds.refresh();
  server.gone = true;
  await rounds.mark("1", "saved", true);
  await rounds.mark("2", "dismissed", true);
  assert.equal(kept().unsent.length, 2);
  server.gone = false;
  server.asked.length = 0;
  await rounds.refresh();
  assert.deepEqual(server.short, ["PUT /papers/1/marks/saved", "PUT /papers/2/marks/dismissed", "GET /matches"]);
});

test("what is waiting outlives the worker", async () => {
  const { browser, server, rounds } = world({ "GET /matches": list([entry("1")]), "PUT /papers/1/marks/read": {} });
  await rounds.refresh();
  server.gone = true;
  await rounds.mark("1", "read", true);
  server.gone = false;
  const woken = makeRounds({ browser, fetch: server.fetch, now: () => NOW, say });
  await woken.refresh();
  assert.equal(server.short.at(-2), "PUT /papers/1/marks/read");
});

test("a mark that was taken back while the server was gone is sent as it stands", async () => {
  const { server, rounds } = world({ "GET /matches": list([entry("1")]), "DELETE /papers/1/marks/saved": { status: 204 } });
  await rounds.refresh();
  server.gone = true;
  await rounds.mark("1", "saved", true);
  await rounds.mark("1", "saved", false);
  server.gone = false;
  server.asked.length = 0;
  await rounds.refresh();
  assert.deepEqual(server.short, ["DELETE /papers/1/marks/saved", "GET /matches"]);
});

test("what the server refuses for good is not asked for ever", async () => {
  const gone = { status: 404, body: { status: 404, type: "urn:paperlark:problem:no-such-paper", detail: "gone" } };
  const { rounds, kept } = world({ "GET /matches": list([]), "PUT /papers/1/marks/read": gone });
  await rounds.mark("1", "read", true);
  assert.deepEqual([kept().unsent, kept().problem], [[], null]);
});

test("a list that was on its way while the reader marked a paper is asked for again", async () => {
  let asked = 0;
  const { rounds, kept } = world({
    "GET /matches": async () => {
      asked += 1;
      if (asked > 1) return list([]);
      rounds.mark("1", "dismissed", true);
      return list([entry("1")]);
    },
    "PUT /papers/1/marks/dismissed": {},
  });
  await rounds.refresh();
  assert.deepEqual([asked, kept().lists[""].unread], [2, []]);
});

test("the popup's round brings profiles, the chosen one's list and earlier papers", async () => {
  const { server, rounds, kept } = world(
    { "GET /matches": list([entry("1")]) },
    { ...PAIRED, kept: { ...NOTHING, chosen: "7", profiles: [{ id: "7", name: "larks" }] } },
  );
  await rounds.refresh({ deep: true });
  assert.deepEqual(server.asked.filter(({ path }) => path === "/matches").map(({ search }) => search), [
    "?state=unread&limit=50&why=true",
    "?state=unread&limit=50&why=true&profile=7",
    "?state=any&limit=20&why=true&profile=7",
  ]);
  assert.deepEqual(Object.keys(kept().lists).sort(), ["", "7"]);
});

test("news are told once where they were asked for, and never at first sight", async () => {
  let entries = [entry("1")];
  const { browser, rounds } = world({ "GET /matches": () => list(entries, {}) }, { ...PAIRED, choices: { ...CHOICES, notify: true } });
  await rounds.refresh();
  assert.deepEqual(browser.told, []);
  entries = [entry("5"), entry("4"), entry("3"), entry("2"), entry("1")];
  await rounds.refresh();
  await rounds.refresh();
  assert.deepEqual(browser.told.map(({ title, message }) => [title, message]), [["news_many 4", "Paper 5\nPaper 4\nPaper 3\nand_more 1"]]);
});

test("following makes a profile that the popup can choose", async () => {
  const { server, rounds, kept } = world({ "POST /profiles": { status: 201, body: { id: "9", name: "larks", text: "larks" } } });
  const answer = await rounds.follow({ text: "larks", name: "larks" });
  assert.deepEqual([answer.profile, kept().profiles, server.asked[0].body], [{ id: "9", name: "larks" }, [{ id: "9", name: "larks" }], { text: "larks", name: "larks" }]);
});

test("a list of profiles from before one was followed does not take it away again", async () => {
  const had = { body: { data: [], next: null } };
  const has = { body: { data: [{ id: "9", name: "larks" }], next: null } };
  let following = null;
  const { rounds, kept } = world({
    "GET /matches": list([]),
    "POST /profiles": { status: 201, body: { id: "9", name: "larks", text: "larks" } },
    "GET /profiles": async () => {
      if (following) return has;
      following = rounds.follow({ text: "larks", name: "larks" });
      await following;
      return had;
    },
  });
  await rounds.refresh({ deep: true });
  assert.deepEqual(kept().profiles, [{ id: "9", name: "larks" }]);
});

test("nor does one that was asked for while it was being followed, whenever it comes", async () => {
  for (let moment = 0; moment < 60; moment += 1) {
    let answer;
    let asked = 0;
    const wished = new Promise((resolve) => (answer = resolve));
    const { rounds, kept } = world({
      "GET /matches": list([]),
      "POST /profiles": async () => {
        await wished;
        return { status: 201, body: { id: "9", name: "larks", text: "larks" } };
      },
      "GET /profiles": async () => {
        asked += 1;
        const data = asked === 1 ? [] : [{ id: "9", name: "larks" }];
        answer();
        for (let passed = 0; passed < moment; passed += 1) await null;
        return { body: { data, next: null } };
      },
    });
    const following = rounds.follow({ text: "larks", name: "larks" });
    await Promise.all([following, rounds.refresh({ deep: true })]);
    assert.deepEqual(kept().profiles, [{ id: "9", name: "larks" }], `moment ${moment}`);
  }
});

test("a wish that is none is refused without asking, and one of nobody as well", async () => {
  const { server, rounds } = world({});
  assert.equal((await rounds.follow({ problem: "too-long" })).said, "wish_too_long");
  assert.equal((await world({}, {}).rounds.follow({ text: "x" })).kind, "signed-out");
  assert.deepEqual(server.asked, []);
});

test("pairing keeps the token, and forgets what another account knew", async () => {
  const { browser, server, rounds } = world(
    { "POST /pairing": { status: 201, body: { token: "pl_live_new", account_id: "1", scopes: [] } }, "GET /matches": list([]) },
    { kept: { ...NOTHING, unread: 9 } },
  );
  assert.equal((await rounds.pair("https://y.example", "7KQ2M9XD")).kind, "given");
  assert.deepEqual([browser.stored.account, browser.stored.token, browser.stored.kept.unread], [{ server: "https://y.example", paired: true }, "pl_live_new", 0]);
  assert.equal("Authorization" in server.asked[0].headers, false);
  assert.deepEqual(server.asked[0].body, { code: "7KQ2M9XD", name: "token_name linux" });
  assert.equal(server.asked[1].headers.Authorization, "Bearer pl_live_new");
});

test("a code that does not work changes nothing", async () => {
  const { browser, rounds } = world({ "POST /pairing": { status: 422, body: { status: 422, detail: "no such code" } } });
  assert.deepEqual([(await rounds.pair("https://y.example", "X")).said, browser.stored.token], ["no such code", "pl_live_t"]);
});

test("leaving forgets the token and what was kept, not the address", async () => {
  const { browser, rounds } = world({ "GET /matches": list([entry("1")]) });
  await rounds.refresh();
  await rounds.leave();
  assert.deepEqual(browser.stored.account, { server: "https://x.example", paired: false });
  assert.equal("token" in browser.stored, false);
  assert.equal(browser.shown.text, "!");
});

test("changes that overlap are all kept", async () => {
  const { rounds, kept } = world({});
  await Promise.all(Array.from({ length: 20 }, () => rounds.change((each) => ({ ...each, unread: each.unread + 1 }))));
  assert.equal(kept().unread, 20);
});
