/** "Follow this" in the context menu: a selection, an author's name, an author's link on arXiv. */

import { authorOfLink, wish } from "./follow.js";

export const MENUS = [
  { id: "words", contexts: ["selection"], say: "menu_words" },
  { id: "author", contexts: ["selection"], say: "menu_author" },
  {
    id: "author-link",
    contexts: ["link"],
    say: "menu_author_link",
    targetUrlPatterns: ["https://arxiv.org/search/*searchtype=author*", "https://arxiv.org/a/*", "https://*.arxiv.org/a/*"],
  },
];

/** Make the menus anew: when the extension is installed or updated, and when the browser starts. */
export async function makeMenus(browser, say) {
  await browser.contextMenus.removeAll();
  for (const { say: key, ...menu } of MENUS) browser.contextMenus.create({ ...menu, title: say(key) });
}

/** What is wished for by a click: as `follow.wish` has it. */
export function wished(info) {
  if (info.menuItemId === "author-link") {
    return wish("author", authorOfLink(info.linkUrl ?? "") ?? info.linkText ?? "");
  }
  return wish(info.menuItemId === "author" ? "author" : "words", info.selectionText ?? "");
}
