/**
 * The button on arXiv's and Hugging Face's pages: there where the reader allowed that site, and nowhere else.
 *
 * The script on such a page is told nothing and can ask for one thing: to follow what the reader clicked.
 */

export const SITES = [
  { id: "arxiv", origins: ["https://arxiv.org/*"], pages: ["https://arxiv.org/abs/*"] },
  { id: "huggingface", origins: ["https://huggingface.co/*"], pages: ["https://huggingface.co/papers/*"] },
];

/** Register the script on the sites that are allowed now, and on no other. */
export async function agree(browser) {
  if (!browser.scripting) return;
  const known = new Set((await browser.scripting.getRegisteredContentScripts()).map((each) => each.id));
  for (const { id, origins, pages } of SITES) {
    const allowed = await browser.permissions.contains({ origins });
    if (allowed && !known.has(id)) {
      await browser.scripting.registerContentScripts([
        { id, matches: pages, js: ["pages.js"], css: ["pages.css"], runAt: "document_idle" },
      ]);
    } else if (!allowed && known.has(id)) {
      await browser.scripting.unregisterContentScripts({ ids: [id] });
    }
  }
}

/** Whether a message comes from our script on a site's page, or claims to: all that such a page may ask is `follow`. */
export function isPage(sender) {
  let url;
  try {
    url = new URL(sender.url ?? "");
  } catch {
    return false;
  }
  const on = SITES.some(({ pages }) => pages.some((page) => url.href.startsWith(page.slice(0, -1))));
  return Boolean(sender.tab) && on && (sender.frameId ?? 0) === 0;
}
