/** The extension's words in the reader's language (`_locales`), and moments as that language writes them. */

/**
 * A function that says a message: say("unread_many", 3). Where a message is missing its key is said, so that a test sees it.
 */
export function sayer(browser) {
  return (key, ...words) => browser.i18n.getMessage(key, words.map(String)) || key;
}

/** "1 unread paper", "3 unread papers", "1000 or more": the message for a number. */
export function counted(say, key, number) {
  return number === 1 ? say(`${key}_one`) : say(`${key}_many`, number >= 1000 ? "1000+" : number);
}

/** Fill in a page: text for `data-say`, and attributes for `data-say-title`, `-label`, `-placeholder`. */
export function fill(document, say) {
  for (const element of document.querySelectorAll("[data-say]")) element.textContent = say(element.dataset.say);
  for (const [name, attribute] of [["sayTitle", "title"], ["sayLabel", "aria-label"], ["sayPlaceholder", "placeholder"]]) {
    const selector = `[data-${name.replace(/[A-Z]/gu, (letter) => `-${letter.toLowerCase()}`)}]`;
    for (const element of document.querySelectorAll(selector)) element.setAttribute(attribute, say(element.dataset[name]));
  }
  document.documentElement.lang = say("language");
}

/** How long ago, in words: "5 minutes ago", "yesterday". */
export function ago(moment, now, language, say) {
  const minutes = Math.round((moment - now) / 60_000);
  if (minutes >= 0) return say("just_now");
  const words = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" });
  if (Math.abs(minutes) < 60) return words.format(minutes, "minute");
  if (Math.abs(minutes) < 24 * 60) return words.format(Math.round(minutes / 60), "hour");
  return words.format(Math.round(minutes / (24 * 60)), "day");
}

/** The hour of a moment: "14:05". */
export function clock(moment, language) {
  return new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" }).format(moment);
}
