/**
 * A paper in the words of the popup. Pure. Offsets of matched words are code points of the stored text.
 *
 * A run is {text, marked}: text for `textContent`, never mark-up.
 */

import { webAddress } from "./api.js";
import { hasMath, legible } from "./tex.js";

const EXCERPT = 210; // code points
const BEFORE = 60; // of them before the first matched word
const PAGES = { arxiv: "https://arxiv.org/abs/", doi: "https://doi.org/", hf: "https://huggingface.co/papers/" };

/** Words of a text with those marked that spans name. spans: [{start, end}] of this very text. */
export function runs(text, spans = []) {
  const letters = Array.from(text);
  const math = hasMath(text);
  const found = [];
  let at = 0;
  for (const { start, end } of united(spans, letters.length)) {
    if (start > at) found.push({ text: letters.slice(at, start).join(""), marked: false });
    found.push({ text: letters.slice(start, end).join(""), marked: true });
    at = end;
  }
  if (at < letters.length) found.push({ text: letters.slice(at).join(""), marked: false });
  return found.map((run) => ({ ...run, text: legible(run.text, math) })).filter((run) => run.text);
}

function united(spans, length) {
  const sorted = spans
    .filter(({ start, end }) => Number.isInteger(start) && Number.isInteger(end) && 0 <= start && start < end && end <= length)
    .sort((one, other) => one.start - other.start || other.end - one.end);
  const found = [];
  for (const { start, end } of sorted) {
    const last = found.at(-1);
    if (last && start <= last.end) last.end = Math.max(last.end, end);
    else found.push({ start, end });
  }
  return found;
}

/** A stretch of an abstract around its first matched word, cut between words; its beginning where none matched. */
export function excerpt(abstract, spans = []) {
  const letters = Array.from(abstract);
  const first = spans.length ? Math.min(...spans.map((each) => each.start)) : 0;
  let start = first > EXCERPT - BEFORE ? Math.max(Math.min(first - BEFORE, letters.length - EXCERPT), 0) : 0;
  while (start > 0 && start < first && !/\s/u.test(letters[start - 1])) start += 1;
  let end = Math.min(start + EXCERPT, letters.length);
  while (end < letters.length && end > start + EXCERPT / 2 && !/\s/u.test(letters[end])) end -= 1;
  const inside = spans
    .filter((each) => each.start >= start && each.end <= end)
    .map((each) => ({ start: each.start - start, end: each.end - start }));
  const found = runs(letters.slice(start, end).join("").trimEnd(), inside);
  if (start > 0) found.unshift({ text: "…", marked: false });
  if (end < letters.length) found.push({ text: "…", marked: false });
  return found;
}

/** All spans of a field, over every reason. */
export function spansOf(why, field) {
  return why.flatMap((each) => each.matched ?? []).filter((span) => span.field === field);
}

/** Reasons, each profile once, with all that met it. */
export function reasons(why) {
  const profiles = new Map();
  for (const each of why) {
    const before = profiles.get(each.profile);
    const matched = [...(before?.matched ?? []), ...(each.matched ?? [])];
    profiles.set(each.profile, { profile: each.profile, text: before ? `${before.text}, ${each.text}` : each.text, matched });
  }
  return [...profiles.values()].map(reason).filter((each) => each.profile || each.words);
}

/** A reason in two parts: the profile's name, and the words that met it, each once and at most four; or its text. */
export function reason(why) {
  const seen = new Map();
  for (const span of why.matched ?? []) {
    const said = legible(String(span.text ?? "")).trim();
    const isWord = ["title", "abstract", "author", "org"].includes(span.field);
    const shown = isWord ? `“${said}”` : `${span.field}: ${said}`;
    if (said && !seen.has(said.toLowerCase())) seen.set(said.toLowerCase(), shown);
  }
  const words = [...seen.values()];
  const told = words.slice(0, 4).join(", ") + (words.length > 4 ? ", …" : "");
  return { profile: legible(why.profile ?? ""), words: told || legible(why.text ?? "") };
}

/** The first three authors and how many more: {names: [], more}. */
export function byline(paper) {
  const names = (paper.authors ?? []).map((each) => legible(each)).filter(Boolean);
  const all = Math.max(paper.author_count ?? 0, names.length);
  const some = names.length > 4 || all > 4 ? names.slice(0, 3) : names;
  return { names: some, more: all - some.length };
}

/** Where the title leads: the paper's own page, then those its names have; http(s) only. "" where it has none. */
export function addressOf(paper) {
  const named = (paper.aliases ?? []).map((alias) => {
    const [scheme, ...rest] = alias.split(":");
    return Object.hasOwn(PAGES, scheme) ? PAGES[scheme] + encodeURI(rest.join(":")) : "";
  });
  return [paper.url, ...named].map((each) => (each ? webAddress(each) : null)).find(Boolean) ?? "";
}

/** What of a paper can be muted: [{kind, value, shown}]: matched words first, then authors. Each once, at most six. */
export function mutable(paper, why) {
  const words = why
    .flatMap((each) => each.matched ?? [])
    .filter((span) => ["title", "abstract"].includes(span.field))
    .map((span) => String(span.text).trim().toLowerCase())
    .filter((each) => /^[\p{L}\p{N}][\p{L}\p{N} -]*$/u.test(each));
  const found = [
    ...[...new Set(words)].slice(0, 3).map((value) => ({ kind: "word", value })),
    ...(paper.authors ?? []).slice(0, 2).map((value) => ({ kind: "author", value })),
    ...(paper.sources ?? []).slice(0, 1).map((value) => ({ kind: "source", value })),
  ];
  return found.map((each) => ({ ...each, shown: legible(each.value) }));
}
