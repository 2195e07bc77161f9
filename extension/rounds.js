/**
 * What the worker does: ask the server what is new, tell it what the reader did, keep what it said.
 *
 * A reader's deed counts at once in what is kept, waits in `unsent`, and goes out in order; a server that is gone for a
 * while loses nothing. Each change reads, changes and writes in one turn, so that no two overlap.
 */

import * as api from "./api.js";
import { credentials, load } from "./kept.js";
import { paint, tell } from "./notices.js";
import * as state from "./state.js";

export const ROUND = "round"; // the alarm's name
const TRIES = 3; // of a list that the reader changes while it is on its way
const LASTING = new Set(["offline", "busy", "fault", "signed-out", "not-paperlark"]); // a request waits until it is over

/** browser: the extension's API. fetch, now (ms) and say (see `words`) come in, too. */
export function makeRounds({ browser, fetch, now, say }) {
  let turn = Promise.resolve();
  let sending = Promise.resolve();
  let asking = null;
  let deeds = 0;
  let wishes = 0; // changes of what is followed

  /** One change of what is kept. step: kept => kept. */
  function change(step) {
    const changed = turn.then(async () => {
      const { account, choices, kept } = await load(browser);
      const next = step(kept);
      if (next !== kept) await browser.storage.local.set({ kept: next });
      await paint(browser, say, next, account, choices, now());
      return next;
    });
    turn = changed.catch(() => undefined);
    return changed;
  }

  async function ask(request, etag = "") {
    return api.speak(fetch, await credentials(browser), request, { etag, now });
  }

  // ── what is new ───────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Send what waits, ask what is new, keep it. Several at once are one. deep: also what only the popup shows. anew: a
   * round that is under way does not do, as it began before what now counts.
   */
  function refresh({ deep = false, anew = false } = {}) {
    if (asking && !anew && (asking.deep || !deep)) return asking.done;
    const before = asking?.done ?? Promise.resolve();
    const done = before.then(() => round(deep)).finally(() => {
      if (asking?.done === done) asking = null;
    });
    asking = { deep, done };
    return done;
  }

  async function round(deep) {
    const { account, choices, kept } = await load(browser);
    const refused = kept.problem?.kind === "signed-out" && !deep; // until the reader looks, or pairs anew
    if (account.paired && state.mayAsk(kept, now()) && !refused) {
      await send();
      const well = await list("", "unread", {});
      if (well) {
        const after = await change((each) => each);
        const fresh = state.news(kept, after);
        if (choices.notify && fresh.length) await tell(browser, say, fresh);
        await rest(after.chosen, deep);
      }
    }
    const after = await change((each) => each);
    await wake(after);
  }

  async function rest(chosen, deep) {
    if (deep) await profiles();
    if (chosen) await list(chosen, "unread", {});
    if (!deep) return;
    const { kept } = await load(browser);
    if (state.listOf(kept, chosen).unread.length < state.FEW) {
      await list(chosen, "earlier", { state: "any", limit: 20 });
    }
  }

  /** Ask for the profiles. An answer that may not know yet what was followed or ended meanwhile is asked for anew. */
  async function profiles() {
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const counted = wishes;
      const answer = await ask(api.profiles());
      if (counted !== wishes) continue;
      if (answer.kind === "given" && Array.isArray(answer.value?.data)) {
        await change((kept) => state.withProfiles(kept, answer.value.data));
      }
      return;
    }
  }

  /** Ask for one list; whether the server answered. */
  async function list(profile, part, more) {
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      await sending.catch(() => undefined);
      const counted = deeds;
      const { kept } = await load(browser);
      const answer = await ask(api.matches({ profile, ...more }), state.listOf(kept, profile).tags[part]);
      if (counted !== deeds) continue; // it may not know yet what the reader did meanwhile
      const strange = answer.kind === "given" && !state.isList(answer.value);
      const problem = strange ? api.problem("too-old") : api.isProblem(answer) ? answer : null;
      await change((each) => {
        if (problem) return state.failed(each, problem, now());
        if (answer.kind === "unchanged") return state.answered(each, answer, now());
        return state.given(each, profile, part, answer, now());
      });
      return problem === null;
    }
    return true; // a reader as busy as that is shown their own marks, and the next round's list
  }

  /** See that the next round comes. An alarm that is as it should be stays, else it would never ring. */
  async function wake(kept) {
    const periodInMinutes = state.pause(kept, now()) / 60;
    const alarm = await browser.alarms.get(ROUND);
    if (alarm?.periodInMinutes !== periodInMinutes) await browser.alarms.create(ROUND, { periodInMinutes });
  }

  // ── what the reader does ──────────────────────────────────────────────────────────────────────────────────────────

  /** Mark a paper, or take a mark off it. */
  async function mark(paper, kind, on) {
    deeds += 1;
    const at = new Date(now()).toISOString();
    const request = api.mark(paper, kind, on);
    await change((kept) => {
      const others = kept.unsent.filter((each) => each.path !== request.path);
      return state.waiting({ ...state.marked(kept, paper, kind, on, at), unsent: others }, request);
    });
    await send();
  }

  /** Send what waits, oldest first, until something is in the way. One at a time. */
  function send() {
    sending = sending.catch(() => undefined).then(async () => {
      for (;;) {
        const { account, kept } = await load(browser);
        const request = kept.unsent[0];
        if (!request || !account.paired || !state.mayAsk(kept, now())) return;
        const answer = await ask(request);
        if (LASTING.has(answer.kind)) {
          await change((each) => state.failed(each, answer, now()));
          return;
        }
        // What the server refuses it would refuse for ever.
        await change((each) => state.sent(each, request));
      }
    });
    return sending;
  }

  /** Hear no more of something, or hear of it again; the server's answer. */
  async function mute(kind, value, on) {
    return ask(on ? api.mute(kind, value) : api.unmute(kind, value));
  }

  /** Follow what was wished for (see `follow.wish`); {profile} or a problem. */
  async function follow(wished) {
    if (wished.problem) return api.problem("refused", say(`wish_${wished.problem.replace("-", "_")}`));
    const { account } = await load(browser);
    if (!account.paired) return api.problem("signed-out", say("wish_signed_out"));
    wishes += 1;
    const answer = await ask(api.follow(wished.text, wished.name));
    if (answer.kind !== "given") return answer;
    const { id, name } = answer.value;
    wishes += 1; // first: what is asked from here on knows it, and while it is kept an older answer may come
    await change((kept) => state.withProfiles(kept, [...kept.profiles, { id, name }]));
    return { kind: "given", profile: { id, name } };
  }

  /** End a profile; the server's answer. */
  async function unfollow(id) {
    wishes += 1;
    const answer = await ask(api.unfollow(id));
    if (answer.kind === "given") {
      wishes += 1;
      await change((kept) => state.withProfiles(kept, kept.profiles.filter((each) => each.id !== id)));
    }
    return answer;
  }

  /** Show another profile's list. */
  async function choose(profile) {
    await change((kept) => ({ ...kept, chosen: profile }));
    await refresh({ deep: true, anew: true });
  }

  /** Search the archive; the server's answer. */
  async function search(query, meaning) {
    return ask(api.search(query, { meaning }));
  }

  /** The papers most like one; the server's answer. */
  async function similar(paper) {
    return ask(api.similar(paper));
  }

  // ── the account ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** Pair with an account by a code, or with a new one where there is none. {server} or a problem. */
  async function pair(server, code) {
    const { os } = await browser.runtime.getPlatformInfo();
    const request = code === null ? api.begin() : api.pair(code, say("token_name", os));
    const answer = await api.speak(fetch, { server, token: "" }, request, { now });
    if (answer.kind !== "given") return answer;
    if (typeof answer.value?.token !== "string") return api.problem("not-paperlark");
    await turn;
    await browser.storage.local.set({
      account: { server, paired: true },
      token: answer.value.token,
      kept: state.NOTHING,
    });
    await refresh({ deep: true, anew: true });
    return { kind: "given", server };
  }

  /** A code to be typed in another place; the server's answer. */
  async function code() {
    return ask(api.code());
  }

  /** Forget the account here. The server's side of it stays. */
  async function leave() {
    await turn;
    const { account } = await load(browser);
    await browser.storage.local.remove(["token", "kept"]);
    await browser.storage.local.set({ account: { server: account.server, paired: false } });
    await change((kept) => kept);
  }

  /** Keep what the reader chose. */
  async function prefer(choices) {
    await turn;
    const before = await load(browser);
    await browser.storage.local.set({ choices: { ...before.choices, ...choices } });
    await change((kept) => kept);
  }

  /** Leave a word for the popup to say when it next opens, or take it away. */
  async function note(notice) {
    await change((kept) => ({ ...kept, notice }));
  }

  return { change, refresh, mark, mute, follow, unfollow, choose, search, similar, pair, code, leave, prefer, note, wake };
}
