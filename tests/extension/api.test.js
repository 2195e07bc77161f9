import assert from "node:assert/strict";
import { test } from "node:test";

import * as api from "../../extension/api.js";

const NOW = Date.UTC(2026, 2, 4, 6);
const header = (given = {}) => (name) => given[name] ?? null;
const read = (status, body = "", given = {}) => api.read(status, header(given), typeof body === "string" ? body : JSON.stringify(body), NOW);

for (const [typed, address] of [
  ["papers.example.org", "https://papers.example.org"],
  ["  https://papers.example.org/  ", "https://papers.example.org"],
  ["https://example.org/lark/api/v1/", "https://example.org/lark"],
  ["https://example.org/lark?q=1#top", "https://example.org/lark"],
  ["localhost:8000", "http://localhost:8000"],
  ["127.0.0.1:8000", "http://127.0.0.1:8000"],
  ["[::1]:8000", "http://[::1]:8000"],
  ["http://10.0.0.7", "http://10.0.0.7"],
  ["localhost.example.org", "https://localhost.example.org"],
]) {
  test(`a reader who types ${typed} means ${address}`, () => assert.equal(api.serverAddress(typed), address));
}

for (const typed of ["", "two words", "ftp://example.org", "javascript:alert(1)", "https://me:secret@example.org", "https://"]) {
  test(`${JSON.stringify(typed)} is no address of a server`, () => assert.equal(api.serverAddress(typed), null));
}

test("only http and https may stand in a link", () => {
  assert.equal(api.webAddress("https://arxiv.org/abs/1"), "https://arxiv.org/abs/1");
  for (const text of ["javascript:alert(1)", "data:text/html,x", "file:///etc", "//x", "", "https://a:b@c"]) assert.equal(api.webAddress(text), null);
});

test("a list is asked for with its reasons, and a profile only where one is chosen", () => {
  assert.equal(api.matches().path, "/matches?state=unread&limit=50&why=true");
  assert.equal(api.matches({ profile: "7", state: "any", limit: 5 }).path, "/matches?state=any&limit=5&why=true&profile=7");
});

test("a mark is put and taken off at one address", () => {
  assert.deepEqual(api.mark("12", "saved"), { method: "PUT", path: "/papers/12/marks/saved" });
  assert.equal(api.mark("1/2", "read", false).path, "/papers/1%2F2/marks/read");
  assert.equal(api.mark("12", "read", false).method, "DELETE");
});

test("what is searched for is written as a parameter, whatever it holds", () => {
  assert.equal(new URLSearchParams(api.search('a&b="ü"').path.split("?")[1]).get("q"), 'a&b="ü"');
});

test("a search is by words, or by meaning where that is asked for", () => {
  const by = (request) => new URLSearchParams(request.path.split("?")[1]).get("by");
  assert.deepEqual([by(api.search("larks")), by(api.search("larks", { meaning: true }))], [null, "meaning"]);
});

test("papers like one have an address of their own, whatever the paper is called", () => {
  assert.equal(api.similar("doi:10.1/x?y").path, "/papers/doi%3A10.1%2Fx%3Fy/similar?limit=10");
});

test("an answer brings its value, its tag and when to come again", () => {
  assert.deepEqual(read(200, { data: [] }, { ETag: '"x"', "X-Poll-Interval": "120" }), {
    kind: "given", value: { data: [] }, etag: '"x"', every: 120,
  });
});

test("nothing in an answer is well where nothing was to be said", () => assert.equal(read(204).kind, "given"));
test("what has not changed is said so", () => assert.deepEqual(read(304, "", { "X-Poll-Interval": "60" }), { kind: "unchanged", every: 60 }));
test("an unknown token is signed out", () => assert.equal(read(401, { detail: "unknown" }).kind, "signed-out"));
test("a token without the right is forbidden", () => assert.equal(read(403, { detail: "lacks" }).said, "lacks"));
test("a path that the server does not know makes it too old", () => {
  assert.equal(read(404, { status: 404, type: "about:blank" }).kind, "too-old");
  assert.equal(read(405, { status: 405, title: "Method Not Allowed" }).kind, "too-old");
});
test("a thing that is not there is refused, and the server is not too old", () => {
  assert.equal(read(404, { status: 404, type: "urn:paperlark:problem:no-such-paper", detail: "gone" }).kind, "refused");
});
test("a page where the API should be is no paperlark", () => {
  assert.equal(read(200, "<html>").kind, "not-paperlark");
  assert.equal(read(404, "<html>").kind, "not-paperlark");
});
test("a server that is busy says until when", () => {
  assert.deepEqual([read(429, {}, { "Retry-After": "30" }).kind, read(429, {}, { "Retry-After": "30" }).until], ["busy", NOW + 30_000]);
  assert.equal(read(503, {}, { "Retry-After": "30" }).kind, "busy");
  assert.equal(read(429, {}).until, NOW + 60_000);
});
test("a fault is a fault, also without words", () => assert.equal(read(500, "oops").kind, "fault"));
test("a query that cannot be read comes with the nearest reading", () => {
  const answer = read(422, { detail: "a quote is opened", errors: [{ pointer: "#/text", suggestion: '"a b"' }] });
  assert.deepEqual([answer.kind, answer.said, answer.suggested], ["refused", "a quote is opened", '"a b"']);
});

test("a wait is given in seconds or as a date, and is never longer than a day", () => {
  assert.equal(api.waitUntil("10", NOW), NOW + 10_000);
  assert.equal(api.waitUntil("Wed, 04 Mar 2026 06:01:00 GMT", NOW), NOW + 60_000);
  assert.equal(api.waitUntil("Wed, 04 Mar 2020 06:01:00 GMT", NOW), NOW);
  assert.equal(api.waitUntil("99999999", NOW), NOW + 24 * 3600_000);
  assert.equal(api.waitUntil("soon", NOW), 0);
  assert.equal(api.waitUntil(null, NOW), 0);
});

test("a request carries the token and nothing of the browser's own", async () => {
  const asked = [];
  const fetch = async (url, options) => {
    asked.push([url, options]);
    return new Response('{"data":[]}', { headers: { ETag: '"1"' } });
  };
  const account = { server: "https://x.example/lark", token: "pl_live_t" };
  const answer = await api.speak(fetch, account, api.mute("word", "vision"), { etag: '"0"', now: () => NOW });
  const [[url, options]] = asked;
  assert.equal(url, "https://x.example/lark/api/v1/mutes");
  assert.equal(options.headers.Authorization, "Bearer pl_live_t");
  assert.equal(options.headers["If-None-Match"], '"0"');
  assert.deepEqual(JSON.parse(options.body), { kind: "word", value: "vision" });
  assert.deepEqual([options.credentials, options.redirect, options.cache], ["omit", "error", "no-store"]);
  assert.equal(answer.etag, '"1"');
});

test("without a token none is sent, and a network that fails is an answer", async () => {
  const fetch = async (_, options) => {
    assert.equal("Authorization" in options.headers, false);
    throw new TypeError("Failed to fetch");
  };
  assert.equal((await api.speak(fetch, { server: "https://x.example", token: "" }, api.begin())).kind, "offline");
});
