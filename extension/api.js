/**
 * The server's API, as the extension uses it. Requests are plain values and answers are read by pure functions;
 * `speak` alone touches the network.
 *
 * An answer is one of
 *   {kind: "given", value, etag, every}    what was asked for; every: seconds that the server wants between two rounds
 *   {kind: "unchanged", every}             the same as last time (304)
 *   {kind: PROBLEM, said, until}           said: the server's own sentence, or ""; until: a moment (ms), or 0
 */

export const API = "/api/v1";
export const TIMEOUT = 15_000; // milliseconds
const LONGEST_WAIT = 24 * 3600; // seconds: a server that asks for more is asked once a day

/** What can be wrong, in the words that `state.js` and the popup use. */
export const PROBLEMS = ["offline", "signed-out", "forbidden", "too-old", "not-paperlark", "busy", "refused", "fault"];

/**
 * The address of a server as a reader typed it: scheme, host, port and path without a slash at the end; or null.
 * Without a scheme it is https, but http on this very machine.
 */
export function serverAddress(typed) {
  const text = typed.trim();
  if (!text || /\s/u.test(text)) return null;
  const here = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?=[:/]|$)/iu.test(text);
  const given = /^[a-z][a-z0-9+.-]*:\/\//iu.test(text) ? text : `${here ? "http" : "https"}://${text}`;
  let url;
  try {
    url = new URL(given);
  } catch {
    return null;
  }
  if (!["http:", "https:"].includes(url.protocol) || url.username || url.password || !url.hostname) return null;
  const path = url.pathname.replace(/\/+$/u, "").replace(/\/api(?:\/v1)?$/u, "");
  return url.origin + path;
}

/** An http(s) address that may stand in a link, or null. */
export function webAddress(text) {
  try {
    const url = new URL(text);
    return ["http:", "https:"].includes(url.protocol) && !url.username && !url.password ? url.href : null;
  } catch {
    return null;
  }
}

// ── requests ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Papers that met a profile. state: unread, any, …; profile: an id, or "" for all. */
export function matches({ profile = "", state = "unread", limit = 50 } = {}) {
  return get("/matches", { state, limit, why: "true", profile });
}

/** The reader's profiles. */
export function profiles() {
  return get("/profiles");
}

/** Papers of the whole archive that meet a query; by meaning: that are about it, in its words or in others. */
export function search(query, { meaning = false, limit = 20 } = {}) {
  return get("/papers", { q: query, limit, by: meaning ? "meaning" : "" });
}

/** The papers most like one. */
export function similar(paper, limit = 10) {
  return get(`/papers/${encodeURIComponent(paper)}/similar`, { limit });
}

/** Put a mark (read, saved, dismissed) on a paper, or take it off. The same again changes nothing. */
export function mark(paper, kind, on = true) {
  return { method: on ? "PUT" : "DELETE", path: `/papers/${encodeURIComponent(paper)}/marks/${kind}` };
}

/** Hear no more of a word, an author or a source. The same again changes nothing. */
export function mute(kind, value) {
  return { method: "POST", path: "/mutes", body: { kind, value } };
}

/** Hear of it again. */
export function unmute(kind, value) {
  return { method: "DELETE", path: withParameters("/mutes", { kind, value }) };
}

/** Keep a new profile. */
export function follow(text, name) {
  return { method: "POST", path: "/profiles", body: name ? { text, name } : { text } };
}

/** End a profile. */
export function unfollow(profile) {
  return { method: "DELETE", path: `/profiles/${encodeURIComponent(profile)}` };
}

/** A token for the account whose code this is. name: what the token is called in the reader's list of tokens. */
export function pair(code, name) {
  return { method: "POST", path: "/pairing", body: { code: code.trim(), name } };
}

/** A new account, and a token for it. */
export function begin() {
  return { method: "POST", path: "/accounts", body: {} };
}

/** A code that joins another place to this account, where the token may ask for one. */
export function code() {
  return { method: "POST", path: "/account/pairing" };
}

function get(path, parameters = {}) {
  return { method: "GET", path: withParameters(path, parameters) };
}

function withParameters(path, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== "" && value !== undefined);
  const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return query ? `${path}?${query}` : path;
}

// ── answers ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * What an answer says. header: name => value or null. text: the body. now: milliseconds.
 */
export function read(status, header, text, now) {
  const every = seconds(header("X-Poll-Interval"));
  if (status === 304) return { kind: "unchanged", every };
  const body = parsed(text);
  if (status >= 200 && status < 300) {
    if (status !== 204 && body === undefined) return problem("not-paperlark");
    return { kind: "given", value: body ?? null, etag: header("ETag") ?? "", every };
  }
  const said = typeof body?.detail === "string" ? body.detail : "";
  const until = waitUntil(header("Retry-After"), now);
  if (status === 401) return problem("signed-out", said);
  if (status === 403) return problem("forbidden", said);
  if (status === 429 || (status === 503 && until)) return problem("busy", said, until || now + 60_000);
  if (status === 404 || status === 405) {
    if (typeof body?.status !== "number") return problem("not-paperlark");
    // The server knows the path and has no such thing there; or it does not know the path: then it is older than we.
    return typeof body.type === "string" && body.type.startsWith("urn:") ? problem("refused", said) : problem("too-old");
  }
  if (status >= 400 && status < 500) return problem("refused", said, 0, suggestion(body));
  return problem("fault", said);
}

/** A problem without the network's help. */
export function problem(kind, said = "", until = 0, suggested = "") {
  return { kind, said, until, suggested };
}

/** Whether an answer is a problem. */
export function isProblem(answer) {
  return PROBLEMS.includes(answer.kind);
}

/** When a `Retry-After` is over (ms), 0 where there is none: seconds, or an HTTP date (RFC 9110, 10.2.3). */
export function waitUntil(value, now) {
  if (!value) return 0;
  const longest = now + LONGEST_WAIT * 1000;
  if (/^\s*\d+\s*$/u.test(value)) return Math.min(now + Number(value) * 1000, longest);
  const at = Date.parse(value);
  return Number.isNaN(at) ? 0 : Math.min(Math.max(at, now), longest);
}

function seconds(value) {
  return value && /^\s*\d+\s*$/u.test(value) ? Math.min(Number(value), LONGEST_WAIT) : 0;
}

function suggestion(body) {
  const found = Array.isArray(body?.errors) ? body.errors.find((each) => typeof each?.suggestion === "string") : null;
  return found ? found.suggestion : "";
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

// ── the network ─────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Ask the server once. account: {server, token}; token may be absent. Never throws: what the network does is an answer.
 * options: {etag, now}; now: a function that gives milliseconds.
 */
export async function speak(fetch, account, request, { etag = "", now = Date.now } = {}) {
  const headers = { Accept: "application/json" };
  if (account.token) headers.Authorization = `Bearer ${account.token}`;
  if (etag) headers["If-None-Match"] = etag;
  if (request.body !== undefined) headers["Content-Type"] = "application/json";
  try {
    const answer = await fetch(account.server + API + request.path, {
      method: request.method,
      headers,
      body: request.body === undefined ? undefined : JSON.stringify(request.body),
      cache: "no-store", // the tag is kept here, with what it is of
      credentials: "omit",
      redirect: "error", // a token goes nowhere else
      referrerPolicy: "no-referrer",
      signal: AbortSignal.timeout(TIMEOUT),
    });
    return read(answer.status, (name) => answer.headers.get(name), await answer.text(), now());
  } catch {
    return problem("offline");
  }
}
