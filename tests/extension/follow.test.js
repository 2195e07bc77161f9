import assert from "node:assert/strict";
import { test } from "node:test";

import { author, authorOfLink, organisation, wish, words } from "../../extension/follow.js";

for (const [selection, text] of [
  ["test-time scaling", '"test-time scaling"'],
  ["  “test-time\n scaling”, ", '"test-time scaling"'],
  ["LLM", "LLM"],
  ["diffusion.", "diffusion"],
  ["test-time", '"test-time"'],
  ["OR", '"OR"'],
  ["cats AND dogs", '"cats AND dogs"'],
  ["title:x", '"title:x"'],
  ["-vision", "vision"],
  ["agent*", "agent"],
  ['say "hi" \\" there', '"say hi there"'],
  ["(mixture of experts)", '"mixture of experts"'],
  ["C++", '"C++"'],
  ["cs.CL", "cat:cs.CL"],
  ["physics.bio-ph", "cat:physics.bio-ph"],
  ["a\u202eb c", '"a b c"'],
  ["深度学习", "深度学习"],
]) {
  test(`who selects ${JSON.stringify(selection)} follows ${text}`, () => assert.equal(words(selection).text, text));
}

test("signs alone are nothing to follow", () => {
  for (const selection of ["", "  ", "—", '"', "()*", "\u202e"]) assert.deepEqual(words(selection), { problem: "nothing" });
});

test("a paragraph is too long to follow", () => {
  assert.deepEqual(words("word ".repeat(13)), { problem: "too-long" });
  assert.deepEqual(words(`a ${"x".repeat(300)}`), { problem: "too-long" });
});

test("a profile is named by its words, at most eighty letters", () => {
  assert.equal(words("“test-time scaling”").name, "test-time scaling");
  const { name } = words(`${"abcdefghijklmno ".repeat(7)}`);
  assert.equal(Array.from(name).length, 80);
});

for (const [selection, text] of [
  ["Yang Song", 'author:"Yang Song"'],
  ["Song, Yang", 'author:"Song, Yang"'],
  ["Yang Song1,2∗†", 'author:"Yang Song"'],
  ["Yang Song, Wei Chen", 'author:"Yang Song", author:"Wei Chen"'],
  ["Yang Song and Wei Chen", 'author:"Yang Song", author:"Wei Chen"'],
  ["Yang Song, Wei Chen, and Ann Lee", 'author:"Yang Song", author:"Wei Chen", author:"Ann Lee"'],
  ["Jürgen Schmidhuber", 'author:"Jürgen Schmidhuber"'],
  ["O'Neil, Cathy", `author:"O'Neil, Cathy"`],
]) {
  test(`the author ${selection} is followed as ${text}`, () => assert.equal(author(selection).text, text));
}

test("no letter is no author", () => assert.deepEqual(author("12, 3*"), { problem: "nothing" }));

test("an organisation is one phrase in its field", () => {
  assert.equal(organisation("Google DeepMind (London)").text, 'org:"Google DeepMind (London"');
});

for (const [address, name] of [
  ["https://arxiv.org/search/cs?searchtype=author&query=Song,+Y", "Song, Y"],
  ["https://arxiv.org/search/?query=%22Song%2C+Yang%22&searchtype=author", "Song, Yang"],
  ["https://arxiv.org/a/song_y_2", "Song, Y"],
  ["https://arxiv.org/search/?query=larks&searchtype=all", null],
  ["https://arxiv.org/abs/2603.00001", null],
  ["https://evil.example/search/?searchtype=author&query=Song", null],
  ["not an address", null],
]) {
  test(`the link ${address} is of ${name}`, () => assert.equal(authorOfLink(address), name));
}

test("what a page asks for is text, or nothing", () => {
  assert.deepEqual(wish("author", { toString: () => "x" }), { problem: "nothing" });
  assert.equal(wish("anything", "larks").text, "larks");
});
