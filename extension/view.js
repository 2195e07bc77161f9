/**
 * What the popup shows of what is kept: which panel, which banner, which papers. Pure.
 *
 * panel    {key, actions} in place of papers, or above earlier ones; null where papers speak for themselves
 * banner   {key, words, tone} above papers that may be old; null when all is well
 */

import { shown, standing } from "./state.js";

const PANELS = {
  "signed-out": ["pair"],
  forbidden: ["pair"],
  "too-old": ["again", "settings"],
  "not-paperlark": ["settings", "again"],
  offline: ["again", "settings"],
  busy: [],
  fault: ["again"],
  refused: ["again"],
};

/** `moment` makes words of a moment (ms): of when it was ("ago") or of the hour ("clock"). */
export function view(kept, account, now, moment) {
  const stands = standing(kept, account, now);
  const papers = shown(kept);
  const nothing = papers.unread.length + papers.earlier.length === 0;
  const none = { panel: null, banner: null, unread: [], earlier: [], busy: false };
  if (stands === "signed-out" || stands === "forbidden") return { ...none, panel: panel(stands) };
  if (stands === "first" || (stands === "fresh" && nothing && !complete(kept))) return { ...none, busy: true };
  if (stands !== "fresh" && stands !== "stale" && nothing) {
    return { ...none, panel: panel(stands, stands === "busy" ? [moment.clock(kept.notBefore)] : []) };
  }
  return {
    ...none,
    ...papers,
    panel: papers.unread.length ? null : rest(kept),
    banner: stands === "fresh" ? null : banner(stands, kept, moment),
  };
}

/** Whether enough was asked to say that there is nothing. */
function complete(kept) {
  return kept.listed && Object.hasOwn(kept.lists, kept.chosen);
}

function panel(stands, words = []) {
  return { key: `panel_${stands.replaceAll("-", "_")}`, words, actions: PANELS[stands] };
}

/** Nothing is unread: either nothing is followed, or all is read; then one profile may be asked what else it could bring. */
function rest(kept) {
  if (kept.profiles.length === 0) return { key: "panel_nothing_followed", words: [], actions: ["follow"] };
  return { key: "panel_all_read", words: [], actions: kept.chosen ? ["suggest"] : [] };
}

/** Why what is shown may be old, and of when it is. */
function banner(stands, kept, moment) {
  const words = [moment.ago(kept.answeredAt)];
  if (stands === "busy") words.push(moment.clock(kept.notBefore));
  const waiting = kept.unsent.length;
  return { key: `banner_${stands.replaceAll("-", "_")}`, words, waiting, again: stands !== "busy" };
}
