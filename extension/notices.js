/** What shows outside the popup: the badge, its title, the icon, and notifications where they were asked for. */

import { badge } from "./state.js";
import { legible } from "./tex.js";
import { counted } from "./words.js";

const FLASH = 4000; // milliseconds
const TITLES = 3; // papers that a notification names

/** Badge and title as what is kept has it. Never by colour alone: the title says the same in words. */
export async function paint(browser, say, kept, account, choices, now) {
  const { text, colour, unread, stands } = badge(kept, account, choices, now);
  const papers = unread ? counted(say, "unread", unread) : say("unread_none");
  const trouble = stands === "fresh" || stands === "first" ? "" : say(`standing_${stands.replaceAll("-", "_")}`);
  const signedOut = stands === "signed-out";
  await browser.action.setBadgeBackgroundColor({ color: colour });
  await browser.action.setBadgeTextColor?.({ color: "#ffffff" });
  await browser.action.setBadgeText({ text });
  await browser.action.setTitle({
    title: [say("name"), signedOut ? trouble : [papers, trouble].filter(Boolean).join(" · ")].join(": "),
  });
}

/** A sign on the badge for a moment: something was done where the popup was not open. */
export async function flash(browser, well, repaint) {
  await browser.action.setBadgeText({ text: well ? "✓" : "!" });
  setTimeout(repaint, FLASH);
}

/** The icon that shows on the browser's bar: Chromium does not choose by itself. */
export async function wear(browser, dark) {
  const colours = dark ? "dark" : "light";
  await browser.action.setIcon({ path: { 16: `icons/${colours}-16.png`, 32: `icons/${colours}-32.png` } });
}

/** One notification for all that is new. Clicked, it leads to the popup, or where that cannot be, to the server. */
export async function tell(browser, say, entries) {
  if (!browser.notifications) return;
  const titles = entries.slice(0, TITLES).map((each) => legible(each.paper.title));
  const more = entries.length - titles.length;
  await browser.notifications.create("news", {
    type: "basic",
    iconUrl: browser.runtime.getURL("icons/light-128.png"),
    title: counted(say, "news", entries.length),
    message: [...titles, ...(more ? [say("and_more", more)] : [])].join("\n"),
  });
}

/** Say in a notification, where they are allowed, what became of a wish. */
export async function sayAloud(browser, say, message) {
  await browser.notifications?.create("done", {
    type: "basic",
    iconUrl: browser.runtime.getURL("icons/light-128.png"),
    title: say("name"),
    message,
  });
}
