// What the app knows while it is open, and how it looks at a stall.
import * as store from "./store.js";
import { ahead, now, packs } from "./sync.js";
import { day, named, words } from "./words.js";

export const app = { profile: undefined, key: undefined, packs: [], items: [], market: "" };

// refresh reads the packs and the outbox anew.
export async function refresh() {
  if (!app.profile) return;
  app.items = (await store.itemsOf(app.profile.name)).sort((a, b) => a.seq - b.seq);
  app.packs = app.key ? (await packs(app.profile.name, app.key)).sort((a, b) => a.name < b.name ? -1 : 1) : [];
  if (!app.packs.some(p => p.market === app.market)) app.market = app.packs[0]?.market ?? "";
}

export const pack = (market = app.market) => app.packs.find(p => p.market === market);
export const stallOf = (market, code) => pack(market)?.stalls.find(s => s.code === code);
export const today = () => day(now());

// stale: the pack is too old to be trusted in a check, or nobody knows what time it is.
export const stale = p => now() > p.trusted || ahead() === null;

// open: the service does not have it yet.
export const open = item => item.state !== "done" && !item.noted;

// when is the moment of an item by the service's clock, as well as the phone knew it then.
export const when = item => Date.parse(item.at) - (item.ahead ?? 0) * 1000;

// at lists what this phone recorded at a stall today.
export const at = (p, s) => app.items.filter(i => i.at_market === p.market && i.at_stall === s.code && (i.state !== "done" || day(when(i)) === today()));

// placards are those of a stall with what this phone did to them laid over.
export function placards(p, s) {
  const done = at(p, s);
  return (s.placards ?? []).map(x => {
    const mine = done.filter(i => i.kind === "placard_event" && i.serial === x.serial && i.state !== "refused" && i.state !== "clash");
    let state = x.state;
    for (const i of mine) {
      if (i.about === "installed") state = "installed";
      if (i.about === "other_account" || i.about === "not_ours" || i.about === "suspended") state = "suspended";
    }
    return { ...x, state, checked: mine.some(i => i.about === "match") };
  });
}

const stages = ["registered", "account", "approved", "printed", "installed", "checked"];

// look is a stall as a list shows it: its tile, what is to do there and whether that was done.
export function look(p, s) {
  const done = at(p, s), cards = placards(p, s), on = today();
  let stage = stages.indexOf(s.stage);
  if (cards.some(c => c.state === "installed")) stage = Math.max(stage, 4);
  if (cards.some(c => c.checked)) stage = 5;
  const stopped = cards.some(c => c.state === "suspended");
  // What is done at a placard does what was to be done there; but one whose account is closed is to be stopped, whatever else was seen of it.
  const tasks = (s.tasks ?? []).filter(x => !(x.serial && done.some(i => i.serial === x.serial && (x.kind !== "stop_closed" || i.about === "suspended"))));
  const due = tasks.filter(x => x.due <= on || /^hang|^take_down|^stop_/.test(x.kind)); // what lies ready to hang is hung on the way
  const late = due.reduce((most, x) => Math.max(most, Math.round((Date.parse(on) - Date.parse(x.due)) / 86400_000)), 0);
  return {
    tile: stopped ? "stop" : stage < 0 ? "vacant" : "t" + stage, overdue: late > 0 && due.some(x => /check/.test(x.kind)) && done.length === 0,
    stage, tasks, due, late, done, over: done.length > 0 || s.visited_on === on && due.length === 0, cards,
  };
}

// todo is what is to do, in words.
export const todo = task => named(words.tasks ?? [], task.kind);
