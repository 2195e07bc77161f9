/**
 * From what a reader points at (selected words, a name, a link) to a query of the profile language. Pure.
 *
 * Whatever is written on a page, the query means those words and nothing else: the language's own signs lose their
 * meaning. Words that stand together become a phrase; one word alone stays free, so that LLM meets LLMs.
 */

export const LONGEST = 200; // characters that are looked at as a wish; more is a paragraph
export const MOST_WORDS = 12;
const NAME_LONGEST = 80; // characters of a profile's name, as the server has it

const CATEGORY = /^[a-z]+(?:-[a-z]+)*\.[A-Z]{2}$|^[a-z]+(?:-[a-z]+)*\.[a-z]{2,4}-[a-z]{2,4}$/u; // cs.CL, physics.bio-ph
const OPERATORS = new Set(["AND", "OR", "NOT"]);
const MARKS_OF_NAMES = /[\p{No}\p{Nd}*†‡§¶#∗⋆✉]+/gu; // what a title page hangs on its authors

/**
 * The query for selected words, and a name for its profile: {text, name}; or {problem: "nothing" | "too-long"}.
 */
export function words(selection) {
  const said = plain(selection);
  if (!/[\p{L}\p{N}]/u.test(said)) return { problem: "nothing" };
  if (CATEGORY.test(said)) return { text: `cat:${said}`, name: said };
  if (said.length > LONGEST || said.split(" ").length > MOST_WORDS) return { problem: "too-long" };
  const free = /^[\p{L}\p{N}]{2,}$/u.test(said) && !OPERATORS.has(said);
  return { text: free ? said : `"${said}"`, name: short(said) };
}

/** The query for one author or several, as a page writes them: "Yang Song", "Song, Yang", "Yang Song, Wei Chen". */
export function author(selection) {
  const names = parted(plain(selection).replace(MARKS_OF_NAMES, " "));
  if (names.length === 0) return { problem: "nothing" };
  if (names.join().length > LONGEST || names.some((each) => each.split(" ").length > 8)) return { problem: "too-long" };
  return { text: names.map((each) => `author:"${each}"`).join(", "), name: short(names.join(", ")) };
}

/** The query for an organisation. */
export function organisation(selection) {
  const said = plain(selection);
  if (!/[\p{L}\p{N}]/u.test(said)) return { problem: "nothing" };
  return said.length > LONGEST ? { problem: "too-long" } : { text: `org:"${said}"`, name: short(said) };
}

/** The author that a link is of, in whatever way arXiv writes it; or null. */
export function authorOfLink(address) {
  let url;
  try {
    url = new URL(address);
  } catch {
    return null;
  }
  if (!/(?:^|\.)arxiv\.org$/u.test(url.hostname)) return null;
  if (url.pathname.startsWith("/search") && url.searchParams.get("searchtype") === "author") {
    return plain((url.searchParams.get("query") ?? "").replace(/"/gu, " ")) || null;
  }
  const id = /^\/a\/([a-z-]+)_([a-z])_\d+$/u.exec(url.pathname); // arXiv's author ids: song_y_2
  return id ? `${capital(id[1])}, ${id[2].toUpperCase()}` : null;
}

/** What is followed: kind is words, author, organisation or category. */
export function wish(kind, value) {
  if (typeof value !== "string") return { problem: "nothing" };
  if (kind === "author") return author(value);
  if (kind === "organisation") return organisation(value);
  return words(value);
}

// White space folded; no control or direction signs; no sign that ends a quote, nor one that ends a prefix or escapes.
function plain(text) {
  return text
    .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Z}\s]+/gu, " ")
    .replace(/["“”„‟«»＂\\]/gu, " ")
    .replace(/^[\s.,;:!?()[\]{}'’‘`*＊=–—-]+|[\s.,;:!?()[\]{}'’‘`*＊=–—-]+$/gu, "")
    .replace(/ {2,}/gu, " ");
}

function parted(text) {
  const pieces = text
    .split(/\s*;\s*|,?\s+(?:and|und|&)\s+/u)
    .flatMap((piece) => {
      const parts = piece.split(/\s*,\s*/u).filter(Boolean);
      // "Song, Yang" is one name; in "Yang Song, Wei Chen" every part is a whole one.
      return parts.length > 1 && parts.every((part) => part.includes(" ")) ? parts : [parts.join(", ")];
    })
    .map(plain)
    .filter((each) => /\p{L}/u.test(each));
  return [...new Set(pieces)];
}

function short(text) {
  const letters = Array.from(text);
  return letters.length <= NAME_LONGEST ? text : `${letters.slice(0, NAME_LONGEST - 1).join("")}…`;
}

function capital(text) {
  return text.replace(/(^|-)([a-z])/gu, (_, before, letter) => before + letter.toUpperCase());
}
