// The volunteer's app: what is to do at the stalls, with or without a signal.
import * as store from "./store.js";
import { door, me } from "./door.js";
import { fileScreen, outboxScreen } from "./outbox.js";
import { app, open, pack, refresh, stallOf } from "./state.js";
import { accountScreen, checkScreen, hangScreen, stallScreen, stopScreen } from "./stall.js";
import { after, routeScreen } from "./route.js";
import { cardsScreen } from "./cards.js";
import { marketsScreen } from "./markets.js";
import { newStallScreen } from "./newstall.js";
import { prepare } from "./scan.js";
import { go, leave as leaveService, loadClock, now, serve, status } from "./sync.js";
import { button, fill, h, link, wrong } from "./ui.js";
import { age, loadWords, lang, number, speak, t } from "./words.js";

const main = document.getElementById("main"), line = document.getElementById("line"), person = document.getElementById("person");
let busy = 0, atDoor = false, update; // update: a new version that waits

// screens by their address. A screen that somebody fills in is not drawn anew by what comes in behind it.
const screens = [
  [/^\/$/, () => routeScreen(), true],
  [/^\/outbox$/, () => outboxScreen(), true],
  [/^\/file$/, () => fileScreen()],
  [/^\/cards$/, () => cardsScreen()],
  [/^\/markets$/, () => marketsScreen()],
  [/^\/new$/, () => newStallScreen()],
  [/^\/me$/, () => me(app.profile, app.items, leave, leave), true],
  [/^\/s\/([^/]+)\/([^/]+)$/, at((p, s) => stallScreen(p, s, after(p, s)))],
  [/^\/s\/([^/]+)\/([^/]+)\/check$/, at(checkScreen)],
  [/^\/s\/([^/]+)\/([^/]+)\/hang\/([^/]+)$/, at(hangScreen)],
  [/^\/s\/([^/]+)\/([^/]+)\/stop\/([^/]+)$/, at(stopScreen)],
  [/^\/s\/([^/]+)\/([^/]+)\/account$/, at(accountScreen)],
];

function at(screen) {
  return (market, code, ...more) => {
    const p = pack(market), s = stallOf(market, code);
    return s ? screen(p, s, ...more) : h("div", { class: "stack" }, link(t("Back"), "/", "go"), h("p", {}, t("This stall is not on the list of this phone.")));
  };
}

function where() {
  const path = location.hash.slice(1) || "/";
  for (const [pattern, screen, live] of screens) {
    const m = pattern.exec(path);
    if (m) return { draw: () => screen(...m.slice(1).map(decodeURIComponent)), live };
  }
  return { draw: () => routeScreen(), live: true };
}

function draw(fresh) {
  if (!app.profile || !app.key) return;
  const w = where(), typing = main.contains(document.activeElement) && /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
  if (!fresh && (!w.live || typing || atDoor)) return;
  atDoor = false;
  const focused = document.activeElement?.id;
  fill(main, w.draw());
  if (fresh) { scrollTo(0, 0); main.focus({ preventScroll: true }); } else if (focused) document.getElementById(focused)?.focus();
  if (update && w.live && location.hash.length < 3) update.postMessage("take over");
}

// bar says how things stand: always when the phone was last in touch with the service.
function bar() {
  const waits = app.items.filter(open).length, bad = app.items.filter(i => open(i) && (i.state === "refused" || i.state === "clash")).length;
  fill(person, app.profile ? h("a", { href: "#/me" }, app.profile.name) : h("button", { type: "button", onclick: other }, lang === "vi" ? "English" : "Tiếng Việt"));
  if (!app.profile) return line.replaceChildren();
  const without = status.without.map(x => x.market).join(", ");
  const synced = !status.synced ? t("never synced") : without ? t("synced %s, without %s", age(status.synced, now()), without) : t("synced %s", age(status.synced, now()));
  const left = status.signIn ? t("Sign in to send") : status.offline ? t("No signal") : status.wrong === "unkept" ? t("The phone's storage is full") : status.busy ? t("Syncing") : bad > 0 ? t("To look at: %s", number(bad)) : waits > 0 ? t("To send") : without ? t("A list did not come") : t("All sent");
  line.className = status.signIn || status.offline || waits > 0 || status.wrong || without ? "offline" : "offline calm";
  fill(line, h("a", { class: "wrap", href: "#/outbox" }, h("b", {}, left), " ", h("span", {}, waits > 0 ? t("%s waiting", number(waits)) + " · " : "", synced)),
    ...(status.signIn ? [h("div", { class: "wrap" }, button(t("Sign in to send"), () => enterAgain(), "big"))] : []));
}

async function other() {
  speak(lang === "vi" ? "en" : "vi");
  await store.put("meta", lang, "lang");
  bar();
  shut();
}

const changed = async () => {
  if (busy++) return;
  try {
    do {
      busy = 1;
      await refresh();
      bar();
      draw();
    } while (busy-- > 1);
  } finally { busy = 0; } // else one that failed would be the last
};

// draw draws the screen anew, if it is still the one at this address: who went on meanwhile may be filling in another.
app.draw = (at = location.hash) => { bar(); if (at === location.hash) draw(true); };
app.kept = () => { changed(); go(); };

async function entered(profile, key, pin) {
  Object.assign(app, { profile, key });
  atDoor = false;
  await tidy();
  await refresh();
  await serve(profile, key, changed, pin);
  bar();
  draw(true);
}

async function enterAgain() {
  atDoor = true;
  fill(main, await door(entered, app.profile));
  scrollTo(0, 0);
}

async function shut() { fill(main, await door(entered)); }

// leave shuts the app: names go off the screen at once, and where there is a signal the session is over before the door is shown.
async function leave() {
  Object.assign(app, { profile: undefined, key: undefined, packs: [], items: [] });
  fill(main, h("p", { class: "quiet" }, t("One moment.")));
  location.hash = "/";
  bar();
  await Promise.race([leaveService(), new Promise(r => setTimeout(r, 1500))]);
  if (!app.profile) await shut();
}

// tidy deletes what was sent more than three days ago.
async function tidy() {
  for (const i of await store.itemsOf(app.profile.name)) if (i.state === "done" && Date.now() - i.answered > 3 * 86400_000) await store.drop("outbox", i.id);
}

async function keepShell() {
  if (!("serviceWorker" in navigator)) return;
  const had = navigator.serviceWorker.controller;
  navigator.serviceWorker.addEventListener("controllerchange", () => { if (had) location.reload(); });
  const r = await navigator.serviceWorker.register("/app/worker.js", { scope: "/app" });
  const watch = w => w?.addEventListener("statechange", () => { if (w.state === "installed" && navigator.serviceWorker.controller) update = w; });
  update = r.waiting ?? undefined;
  watch(r.installing);
  r.addEventListener("updatefound", () => watch(r.installing));
  await navigator.serviceWorker.ready;
  prepare().catch(() => {}); // so that the first scan in the hall finds the scanner
}

addEventListener("hashchange", () => { if (app.profile && app.key) draw(true); });
// Left alone for half an hour, the app shuts itself, as a session of the service does.
// Two clocks count: one stands still while the phone sleeps, the other can be set back.
let hidden;
document.addEventListener("visibilitychange", () => {
  if (document.hidden) hidden = { by: Date.now(), since: performance.now() };
  else if (app.profile && hidden && Math.max(Date.now() - hidden.by, performance.now() - hidden.since) > 30 * 60_000) leave();
});
setInterval(() => { if (!document.hidden) bar(); }, 30_000);

try {
  await loadWords(await store.get("meta", "lang"));
  await loadClock();
  bar();
  if (!globalThis.isSecureContext || !crypto.subtle) fill(main, wrong(t("The app works only over HTTPS. Open the address that begins with https.")));
  else await shut();
  go(); // somebody may have shut it without a signal
  keepShell().catch(() => {});
} catch (e) {
  fill(main, h("p", {}, lang === "vi" ? "Ứng dụng chưa mở được. Đóng rồi mở lại. / " : "", "The app could not be opened. Close it and open it again."), h("p", { class: "quiet small" }, String(e)));
}
