/**
 * Where the extension keeps what it knows: `storage.local`, under four names.
 *
 *   account   {server, paired}: which server, and whether this browser is paired with an account there
 *   token     what the server knows the account by; only the worker reads it
 *   choices   see `state.CHOICES`
 *   kept      see `state.NOTHING`
 *
 * The worker alone writes. Pages read, and are told by `storage.onChanged`. Content scripts reach none of it.
 */

import { CHOICES, NOTHING } from "./state.js";

/** What pages may know: {account, choices, kept}. */
export async function load(browser) {
  const { account, choices, kept } = await browser.storage.local.get(["account", "choices", "kept"]);
  return whole({ account, choices, kept });
}

/** The same with whatever an older version left out. */
export function whole({ account, choices, kept }) {
  return {
    account: account ?? { server: "", paired: false },
    choices: { ...CHOICES, ...choices },
    kept: { ...NOTHING, ...kept },
  };
}

/** For the worker: the server and the token to speak with. */
export async function credentials(browser) {
  const { account, token } = await browser.storage.local.get(["account", "token"]);
  return { server: account?.server ?? "", token: account?.paired ? (token ?? "") : "" };
}

/** Keep content scripts out, where the browser can: Chromium; in Firefox ours does not ask. */
export async function lock(browser) {
  await browser.storage.local.setAccessLevel?.({ accessLevel: "TRUSTED_CONTEXTS" });
}
