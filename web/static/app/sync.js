// Brings the outbox to the service, item by item answered, and the packs of the markets to the phone. Nothing leaves the outbox before
// the service has said 200 or 201 of it. Whatever happens to a request, it is sent again with the same ids: the service takes each once.
import * as store from "./store.js";
import * as vault from "./vault.js";
import { lang } from "./words.js";

const BATCH = 50; // items; the service takes 100
const BYTES = 150_000; // of a batch; the service takes 256 KiB
const PATIENCE = 60_000;
const FRESH = 10 * 60_000; // after which a pack is asked for again

// Problem is what the service answered instead.
export class Problem extends Error {
  constructor(status, problem, after) {
    super(problem?.detail ?? String(status));
    this.status = status;
    this.code = (problem?.type ?? "").split("/").pop();
    this.problem = problem;
    this.after = after;
  }
}

// call asks the service. It throws a Problem, or whatever fetch throws when there is no signal.
export async function call(method, path, body, headers = {}) {
  const given = { method, headers: { "Accept-Language": lang, ...headers }, credentials: "same-origin", cache: "no-store", redirect: "error", signal: timeout(PATIENCE) };
  if (body !== undefined) {
    given.headers["Content-Type"] = "application/json";
    given.body = JSON.stringify(body);
  }
  const answer = await fetch("/api/v1" + path, given);
  if (answer.ok || answer.status === 304) return answer;
  let problem;
  try { problem = await answer.json(); } catch { /* no answer of the service's own */ }
  throw new Problem(answer.status, problem, Number(answer.headers.get("Retry-After")) || 0);
}

function timeout(ms) {
  const c = new AbortController();
  setTimeout(() => c.abort(), ms);
  return c.signal;
}

// alone runs one task at a time over all tabs. A browser without locks relies on the service, which takes nothing twice.
export function alone(task) { return navigator.locks ? navigator.locks.request("cho40-service", task) : task(); }

// --- The clock. The service's decides; the phone says by how much its own is ahead, as far as it knows.

let known; // {ahead: seconds, at: what the phone's clock said when that was found out}

export async function loadClock() { known = await store.get("meta", "clock"); }

async function setClock(theirs) {
  const at = Date.now();
  known = { ahead: Math.round((at - Date.parse(theirs)) / 1000), at };
  await store.put("meta", known, "clock");
}

// Somebody may have set the clock since: back, or so far on that nobody was away for that long.
const setBack = () => Date.now() < known.at - 60_000, setOn = () => Date.now() > known.at + 60 * 86400_000;

// ahead is by how many seconds the phone's clock is ahead; null when nobody knows: it was never told, or was set since.
export function ahead() { return known && !setBack() && !setOn() ? known.ahead : null; }

// now is the service's time as well as the phone can tell. It does not run back when somebody sets the clock back.
export function now() { return !known || setOn() ? Date.now() : Math.max(Date.now(), known.at) - known.ahead * 1000; }

// --- The outbox.

// record keeps what was done: items {kind, market, stall, serial, body} with what the app shows of them (label).
export async function record(profile, ...items) {
  const at = new Date().toISOString(), a = ahead(), kept = items.map(i => ({ id: store.uuid(), profile, state: "waiting", at, ahead: a, tries: 0, ...i }));
  await store.keepItems(kept);
  return kept;
}

// wire is an item as the service takes it.
export function wire(i) {
  const w = { id: i.id, kind: i.kind, seq: i.seq, at: i.at, clock_ahead: i.ahead, body: i.body };
  for (const k of ["market", "stall", "serial", "match"]) if (i[k]) w[k] = i[k];
  return w;
}

// waitsFor are what an item is refused for when another that was done before it has not come in yet; the service knows the same ones.
const waitsFor = ["stall-not-found", "placard-not-found", "stall-vacant", "placard-state", "consent-missing", "holder-consent-missing", "visit-not-found"];

// passes: the service, or who is signed in, was not ready for it; nothing is wrong with the item.
const passes = status => status >= 500 || status === 429 || status === 401;

const clashes = ["record-differs", "visit-differs", "event-differs"];

// settle keeps what the service said of an item. behind: one that was done before it at the same stall still waits.
function settle(item, r, behind = false) {
  if (item.state === "done") return; // another tab was told so
  item.answered = Date.now();
  item.noted = item.about === "heard" && (r.problem?.type ?? "").endsWith("/name-differs"); // the service keeps the name and lets it not hang: as it should be
  item.problem = r.problem ? { code: r.problem.type.split("/").pop(), title: r.problem.title, detail: r.problem.detail, errors: (r.problem.errors ?? []).map(e => e.detail) } : undefined;
  if (r.status === 200 || r.status === 201) {
    item.state = "done";
    delete item.body; // the service has it now
  } else if (r.status === 409 && clashes.includes(item.problem?.code)) item.state = "clash";
  else if (passes(r.status) || behind && waitsFor.includes(item.problem?.code)) item.state = "waiting";
  else item.state = "refused";
}

// batchOf are the first of a list that go in one request.
export function batchOf(list, wired = i => i, most = BATCH) {
  let n = 0, size = 0;
  for (; n < Math.min(list.length, most); n++) {
    size += JSON.stringify(wired(list[n])).length * 2;
    if (n > 0 && size > BYTES) break;
  }
  return list.slice(0, n);
}

// spoilt: one item made the service refuse the whole request. It must not hold the others up: they are sent one by one.
export const spoilt = e => e instanceof Problem && [400, 413, 422].includes(e.status);

// upload sends what waits, in the order in which it was kept. It throws at the first request that came to nothing.
async function upload(profile, changed) {
  const device = await store.device();
  for (const i of await store.itemsOf(profile)) { // a tab that was shut while it sent
    if (i.state === "sending") await store.changeItem(i.id, x => { if (x.state === "sending") x.state = "waiting"; });
    if (i.state !== "done" && i.body === undefined) await store.changeItem(i.id, x => { x.state = "done"; }); // the contents go when the service has it, and not before
  }
  const tried = new Set();
  let most = BATCH;
  for (;;) {
    const waiting = (await store.itemsOf(profile)).filter(i => i.state === "waiting" && !tried.has(i.id)).sort((a, b) => a.seq - b.seq);
    if (waiting.length === 0) return;
    const batch = batchOf(waiting, wire, most);
    for (const i of batch) {
      tried.add(i.id);
      await store.changeItem(i.id, x => { x.state = "sending"; x.tries++; });
    }
    changed();
    try {
      const answer = await (await call("POST", "/sync", { device, sent_at: new Date().toISOString(), items: batch.map(wire) })).json();
      await setClock(answer.server_time);
      const passed = answer.items.filter(r => passes(r.status)), late = batch.filter(i => passed.some(r => r.id === i.id));
      for (const r of answer.items) await store.changeItem(r.id, x => settle(x, r, late.some(i => i.seq < x.seq && i.at_market === x.at_market && i.at_stall === x.at_stall)));
      for (const i of batch) await store.changeItem(i.id, x => { if (x.state === "sending") x.state = "waiting"; });
      if (passed.length > 0) throw new Problem(passed.some(r => r.status === 401) ? 401 : 503);
    } catch (e) {
      const whole = spoilt(e);
      for (const i of batch) {
        if (whole && batch.length > 1) tried.delete(i.id);
        await store.changeItem(i.id, x => {
          if (whole && batch.length === 1) settle(x, { status: e.status, problem: e.problem ?? { type: "", detail: "" } });
          else if (x.state === "sending") x.state = "waiting";
        });
      }
      if (!whole) throw e;
      most = 1;
    } finally { changed(); }
  }
}

// --- The training cards. That one was read is told apart from the outbox: a hand-over file does not carry it.

// readCard keeps that a card was opened and tells the service when it can.
export async function readCard(code) {
  if (!current) return;
  await store.changeProfile(current.profile.name, p => { p.read = [...new Set(p.read).add(code)]; });
  go();
}

async function tellCards(profile) {
  for (const code of (await store.get("profiles", profile))?.read ?? []) {
    try { await call("POST", `/cards/${encodeURIComponent(code)}/read`, {}); } catch (e) { if (!(e instanceof Problem) || passes(e.status)) throw e; } // a card that is no more
    await store.changeProfile(profile, p => { p.read = p.read.filter(c => c !== code); });
  }
}

// --- The packs.

// fetchPacks brings the chosen markets up to date. A pack whose signature is wrong is not taken; the one from before stays. One that does not
// come holds no other up; status.without says which.
async function fetchPacks(profile, key, force) {
  const device = await store.device();
  const markets = (await (await call("GET", "/markets?limit=200")).json()).items.map(m => m.code);
  const chosen = profile.markets?.filter(m => markets.includes(m)) ?? (markets.length <= 5 ? markets : []);
  const without = [];
  let first;
  for (const code of chosen) {
    try { await fetchPack(profile, key, device, code, force); } catch (e) {
      if (!(e instanceof Problem) || e.status === 401 || e.status === 429) throw e; // nor would the others come
      without.push({ market: code, why: e.code, said: e.message });
      if (e.status >= 500) first ??= e;
      else if (e.status === 403 || e.status === 404) await store.drop("packs", [profile.name, code]); // not theirs any more
    }
  }
  status.without = without;
  for (const p of await store.all("packs")) {
    if (p.profile === profile.name && !chosen.includes(p.market)) await store.drop("packs", [p.profile, p.market]); // nor is this
  }
  if (first) throw first;
  return { markets, chosen };
}

async function fetchPack(profile, key, device, code, force) {
  const kept = await store.get("packs", [profile.name, code]);
  const old = kept && await opened(key, kept);
  if (old && !force && Date.now() - old.asked < FRESH && Date.now() >= old.asked) return;
  const since = old ? "&since=" + encodeURIComponent(old.cursor) : "";
  const answer = await call("GET", `/markets/${encodeURIComponent(code)}/pack?device=${device}${since}`);
  const bytes = await answer.arrayBuffer();
  const fresh = JSON.parse(new TextDecoder().decode(bytes));
  const trusted = !profile.signer || profile.signer === fresh.public_key; // the first one after signing in is kept
  if (!trusted || !await vault.signed(fresh.public_key, answer.headers.get("Pack-Signature") ?? "", bytes)) throw new Problem(502, { type: "/problems/pack-signature" });
  if (!profile.signer) profile.signer = (await store.changeProfile(profile.name, p => { p.signer ??= fresh.public_key; }))?.signer;
  await setClock(fresh.made_at);
  const pack = merge(old, fresh);
  pack.asked = Date.now();
  pack.trusted = Date.parse(fresh.trust_until);
  await store.put("packs", { profile: profile.name, market: code, sealed: await vault.seal(key, pack) });
}

// opened is a pack; undefined when the key does not open it, as when another PIN sealed it.
const opened = (key, kept) => vault.open(key, kept.sealed).catch(() => undefined);

// merge lays what changed over what the phone has.
export function merge(old, fresh) {
  const by = new Map(fresh.full || !old ? [] : old.stalls.map(s => [s.id, s]));
  for (const s of fresh.stalls) by.set(s.id, s);
  for (const id of fresh.gone ?? []) by.delete(id);
  return { ...fresh, stalls: [...by.values()].sort((a, b) => a.position - b.position || (a.code < b.code ? -1 : 1)) };
}

// packs are a profile's, opened. One that cannot be is left out; the next time it comes whole.
export async function packs(profile, key) {
  const mine = (await store.all("packs")).filter(p => p.profile === profile);
  return (await Promise.all(mine.map(p => opened(key, p)))).filter(Boolean);
}

// relocked reports whether somebody chose another PIN, or five wrong ones shut this one, since the app was opened here.
const relocked = async mine => {
  const now = await store.get("profiles", mine.profile.name);
  return String(now?.lock?.iv) !== String(mine.profile.lock?.iv);
};

// --- Going about it.

export const status = { busy: false, offline: !navigator.onLine, signIn: false, wrong: "", without: [], synced: 0 };
let wait = 0, timer, current, again = false;

// serve names for whom the outbox is sent from now on; nobody, when the app is locked. changed is called whenever something did. The PIN
// that opened the app begins a session once, when there is none; then it is forgotten.
export async function serve(profile, key, changed, pin) {
  current = profile && { profile, key, changed, pin };
  status.signIn = false;
  status.wrong = "";
  status.without = [];
  status.synced = profile ? await store.get("meta", "synced " + profile.name) ?? 0 : 0;
  if (current) go();
}

// leave ends the session on the service too, for the app is shut; and the phone's enrolment, when who was enrolled is taken off it (see
// store.forget). Without a signal that is done as soon as there is one, before anything else is said to the service.
export async function leave() {
  await store.put("meta", true, "left").catch(() => { left = true; });
  current = undefined;
  Object.assign(status, { signIn: false, wrong: "", synced: 0 });
  await go();
}

let left = false; // where the phone is too full to remember it

async function partLeft() {
  if (await store.get("meta", "left the PIN")) {
    await call("DELETE", "/session/pin");
    await store.drop("meta", "left the PIN");
  }
  if (!left && !await store.get("meta", "left")) return;
  try { await call("DELETE", "/session"); } catch (e) { if (!(e instanceof Problem) || e.status !== 401) throw e; } // it ended by itself
  left = false;
  await store.drop("meta", "left");
}

// enter begins a session with what somebody typed. A session that is still to end, ends first.
export const enter = credentials => alone(async () => {
  await partLeft();
  return (await call("POST", "/session", credentials)).json();
});

// whoIsIn is the session's owner.
async function whoIsIn(mine) {
  const pin = mine.pin;
  try {
    const me = await (await call("GET", "/session")).json();
    mine.pin = "";
    if (me.name === mine.profile.name || !pin) return me;
  } catch (e) { if (!(e instanceof Problem) || e.status !== 401 || !pin) throw e; }
  mine.pin = "";
  return (await call("POST", "/session/pin", { pin })).json();
}

// go sends now, and goes on trying while something waits and nobody has to sign in first.
export async function go(force = false) {
  clearTimeout(timer);
  const mine = current;
  if (status.busy) { again = true; return; }
  status.busy = true;
  mine?.changed();
  let later = true;
  try {
    await alone(async () => {
      await partLeft();
      if (!mine) return;
      const me = await whoIsIn(mine);
      if (me.name !== mine.profile.name) throw new Problem(401); // somebody else is signed in on this phone
      status.signIn = false;
      await upload(mine.profile.name, mine.changed);
      await tellCards(mine.profile.name);
      if (mine.key && !await relocked(mine)) Object.assign(mine, await fetchPacks(mine.profile, mine.key, force));
    });
    if (mine) {
      Object.assign(status, { offline: false, wrong: "", synced: now() });
      await store.put("meta", status.synced, "synced " + mine.profile.name);
    }
    wait = 0;
    later = false;
  } catch (e) {
    status.offline = !(e instanceof Problem) && !(e instanceof store.Unkept);
    status.wrong = e instanceof Problem ? e.code : e instanceof store.Unkept ? "unkept" : "";
    if (e instanceof Problem && e.status === 401) {
      status.signIn = true;
      later = false;
    }
    wait = Math.max(e.after ? e.after * 1000 : 0, Math.min(300_000, Math.max(2000, wait * 2)));
  } finally {
    status.busy = false;
    mine?.changed();
  }
  if (current !== mine) return go();
  if (again) { again = false; return later ? soon() : go(); }
  if (later) soon();
}

function soon() { timer = setTimeout(go, wait * (0.75 + Math.random() / 2)); }

// kick is for whatever may have changed the chances: the browser says that there is a signal, or the app is looked at again.
export function kick() { wait = 0; go(); }

if (typeof document !== "undefined") {
  addEventListener("online", kick);
  addEventListener("offline", () => { status.offline = true; current?.changed(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) kick(); });
}
