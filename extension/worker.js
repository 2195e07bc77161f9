/**
 * The background: woken by alarms, by the popup, by menus. It holds nothing between two awakenings; what it knows is in
 * storage. Every listener is set at the first turn, or the browser would not wake it.
 */

import { wish } from "./follow.js";
import { lock } from "./kept.js";
import { makeMenus, wished } from "./menus.js";
import { flash, sayAloud, wear } from "./notices.js";
import { ROUND, makeRounds } from "./rounds.js";
import { agree, isPage } from "./sites.js";
import { sayer } from "./words.js";

const browser = globalThis.browser ?? globalThis.chrome;
const say = sayer(browser);
const rounds = makeRounds({ browser, fetch: (...asked) => fetch(...asked), now: Date.now, say });

/** What the extension's own pages may ask for. Each answers with what the page shows. */
const ERRANDS = {
  refresh: () => rounds.refresh({ deep: true }),
  mark: ({ paper, kind, on }) => rounds.mark(paper, kind, on),
  mute: ({ kind, value, on }) => rounds.mute(kind, value, on).then(thenRefresh),
  choose: ({ profile }) => rounds.choose(profile),
  search: ({ query, meaning }) => rounds.search(query, meaning),
  similar: ({ paper }) => rounds.similar(paper),
  follow: ({ text, name }) => rounds.follow({ text, name }),
  unfollow: ({ id }) => rounds.unfollow(id),
  pair: ({ server, code }) => rounds.pair(server, code),
  begin: ({ server }) => rounds.pair(server, null),
  code: () => rounds.code(),
  leave: () => rounds.leave(),
  prefer: ({ choices }) => rounds.prefer(choices),
  read: () => rounds.note(null),
  theme: ({ dark }) => wear(browser, dark),
};

/** What is muted is no longer among what matched. */
function thenRefresh(answer) {
  if (answer.kind === "given") rounds.refresh({ deep: true, anew: true });
  return answer;
}

browser.runtime.onMessage.addListener((message, sender, respond) => {
  if (sender.id !== browser.runtime.id) return false;
  const own = (sender.url ?? "").startsWith(browser.runtime.getURL(""));
  let done = null;
  if (own && Object.hasOwn(ERRANDS, message?.do)) done = ERRANDS[message.do](message);
  else if (isPage(sender) && message?.do === "follow-here") done = followHere(message);
  if (done === null) return false;
  // A fault of ours must not leave a page waiting.
  done.then(respond, (fault) => {
    console.error(fault);
    respond({ kind: "fault", said: "", until: 0, suggested: "" });
  });
  return true;
});

/** A click on a site's page: no more goes back to it than a sentence. */
async function followHere({ kind, value }) {
  const answer = await rounds.follow(wish(kind, value));
  return { well: answer.kind === "given", said: outcome(answer) };
}

browser.contextMenus.onClicked.addListener(async (info) => {
  const answer = await rounds.follow(wished(info));
  const well = answer.kind === "given";
  await rounds.note({ well, said: outcome(answer) });
  await sayAloud(browser, say, outcome(answer));
  await flash(browser, well, () => rounds.change((kept) => kept));
});

function outcome(answer) {
  if (answer.kind === "given") return say("followed", answer.profile.name);
  return answer.said || say(`standing_${answer.kind.replaceAll("-", "_")}`);
}

browser.alarms.onAlarm.addListener(({ name }) => {
  if (name === ROUND) rounds.refresh();
});

browser.runtime.onInstalled.addListener(async ({ reason }) => {
  await makeMenus(browser, say);
  if (reason === "install") await browser.runtime.openOptionsPage();
});

browser.runtime.onStartup.addListener(async () => {
  await makeMenus(browser, say);
  await rounds.refresh();
});

browser.permissions.onAdded.addListener(() => {
  listenToNotifications();
  agree(browser);
});
browser.permissions.onRemoved.addListener(() => agree(browser));

/** Only where notifications are allowed is there anything to listen to. */
function listenToNotifications() {
  if (!browser.notifications || browser.notifications.onClicked.hasListener(openPopup)) return;
  browser.notifications.onClicked.addListener(openPopup);
}

async function openPopup(id) {
  await browser.notifications.clear(id);
  try {
    await browser.action.openPopup();
  } catch {
    await browser.tabs.create({ url: browser.runtime.getURL("popup.html?page") });
  }
}

// At every start: alarms do not outlive the browser everywhere, and what is allowed may have changed meanwhile.
listenToNotifications();
Promise.all([lock(browser), agree(browser), rounds.change((kept) => kept).then(rounds.wake)]).catch(console.error);
