import assert from "node:assert/strict";
import { test } from "node:test";

import { addressOf, byline, excerpt, mutable, reason, runs } from "../../extension/shown.js";
import { hasMath, legible } from "../../extension/tex.js";

const marks = (found) => found.filter((run) => run.marked).map((run) => run.text);
const whole = (found) => found.map((run) => run.text).join("");

test("matched words are marked by code points, not by UTF-16 units", () => {
  const found = runs("𝔸 lark 🐦 sings", [{ start: 2, end: 6 }, { start: 9, end: 14 }]);
  assert.deepEqual(marks(found), ["lark", "sings"]);
  assert.equal(whole(found), "𝔸 lark 🐦 sings");
});

test("matches that overlap or touch are one mark, and those outside of the text are none", () => {
  assert.deepEqual(marks(runs("abcdef", [{ start: 0, end: 2 }, { start: 1, end: 3 }, { start: 3, end: 4 }])), ["abcd"]);
  assert.deepEqual(marks(runs("abc", [{ start: 2, end: 9 }, { start: -1, end: 2 }, { start: 2, end: 2 }, { start: "0", end: 1 }])), []);
});

test("an excerpt begins near the first matched word and ends between words", () => {
  const abstract = `${"so many words stand here ".repeat(20)}until a lark sings ${"and it goes on ".repeat(20)}`;
  const start = abstract.indexOf("lark");
  const found = excerpt(abstract, [{ start, end: start + 4 }]);
  assert.deepEqual(marks(found), ["lark"]);
  assert.match(whole(found), /^…\w+ .*until a lark sings and .*\w…$/u);
  assert.ok(whole(found).length < 230);
});

test("near the end of an abstract the excerpt has its full length", () => {
  const abstract = `${"some words stand here ".repeat(20)}lark`;
  const found = whole(excerpt(abstract, [{ start: abstract.length - 4, end: abstract.length }]));
  assert.ok(found.length > 190 && found.endsWith("lark"), found);
});

test("a short abstract is shown whole, without dots", () => assert.equal(whole(excerpt("All of it.")), "All of it."));

test("a reason names the profile and each matched word once", () => {
  const matched = ["Agents", "agents", "memory", "x", "y", "z"].map((text) => ({ field: "title", text }));
  assert.deepEqual(reason({ profile: "mine", text: "q", matched }), { profile: "mine", words: "“Agents”, “memory”, “x”, “y”, …" });
});

test("a reason that is no word of the paper says which field it is", () => {
  assert.equal(reason({ profile: "p", matched: [{ field: "upvotes", text: "42" }] }).words, "upvotes: 42");
});

test("a reason without words says the alternative", () => assert.equal(reason({ profile: "p", text: "cat:cs.CL" }).words, "cat:cs.CL"));

test("three authors are named and the others counted, also those that nobody lists", () => {
  assert.deepEqual(byline({ authors: ["A", "B", "C", "D", "E"] }), { names: ["A", "B", "C"], more: 2 });
  assert.deepEqual(byline({ authors: ["A", "B", "C", "D"] }), { names: ["A", "B", "C", "D"], more: 0 });
  assert.deepEqual(byline({ authors: [], author_count: 9 }), { names: [], more: 9 });
});

test("a title leads to the paper's page, never to a script", () => {
  assert.equal(addressOf({ url: "https://x.example/1", aliases: [] }), "https://x.example/1");
  assert.equal(addressOf({ url: "javascript:alert(1)", aliases: ["arxiv:hep-th/9901001"] }), "https://arxiv.org/abs/hep-th/9901001");
  assert.equal(addressOf({ url: null, aliases: ["entry:x", "doi:10.1/a<b"] }), "https://doi.org/10.1/a%3Cb");
  assert.equal(addressOf({ aliases: ["constructor:x"] }), "");
});

test("matched words, authors and the source can be muted, each once", () => {
  const why = [{ matched: [{ field: "title", text: "Agents" }, { field: "abstract", text: "agents" }, { field: "author", text: "Song" }, { field: "title", text: "$x$" }] }];
  const found = mutable({ authors: ["A", "B", "C"], sources: ["arxiv:cs.CL"] }, why);
  assert.deepEqual(found.map(({ kind, value }) => `${kind} ${value}`), ["word agents", "author A", "author B", "source arxiv:cs.CL"]);
});

for (const [written, said] of [
  ["A $\\beta$-decay of $10^{-3}$", "A β-decay of 10⁻³"],
  ["$\\mathcal{O}(n^2)$ steps", "O(n²) steps"],
  ["Schr\\\"odinger and G\\'{e}ron", "Schrödinger and Géron"],
  ["CO$_2$ uptake", "CO₂ uptake"],
  ["\\textit{E. coli} at 5\\%", "E. coli at 5%"],
  ["costs $5 a day", "costs $5 a day"],
  ["plain text, {braces} and all", "plain text, {braces} and all"],
  ["\\unknown{x}", "\\unknownx"],
  ["evil \u202etxet\u202c \u200bhere", "evil txet here"],
]) {
  test(`${written} is read as ${said}`, () => assert.equal(legible(written), said));
}

test("dollars in pairs are formulas", () => {
  assert.deepEqual(["$a$", "$5", "a", "$5 and $6"].map(hasMath), [true, false, false, true]);
});
