// Today's stalls in walking order.
import { ask } from "./scanner.js";
import { app, look, open, pack, stale, today, todo } from "./state.js";
import { compare, path, told } from "./stall.js";
import { boxes, button, fill, h, icon, link, tile, toast, wrong } from "./ui.js";
import { many, named, number, onDay, say, t, words } from "./words.js";

// fold makes a text findable without accents.
const fold = s => s.normalize("NFD").replace(/[\u0300-\u036f]/g, "").replace(/[đĐ]/g, "d").toLowerCase();

// route lists whom to see today: what is due, in the reader's own rows where the pack knows them, and what was done.
export function route(p) {
  const mine = new Set(p.mine ?? []);
  return p.stalls.map(s => ({ s, l: look(p, s) })).filter(({ s, l }) => l.done.length > 0 || l.due.length > 0 && (mine.size === 0 || mine.has(s.code)));
}

// after is the stall to go on to.
export function after(p, s) {
  const list = route(p), from = p.stalls.indexOf(s);
  const next = list.filter(x => x.l.done.length === 0 && x.s !== s);
  return (next.find(x => p.stalls.indexOf(x.s) > from) ?? next[0] ?? { s: p.stalls[from + 1] }).s;
}

const view = { all: false, opened: new Set(), q: "" };

export function routeScreen() {
  const p = pack();
  if (!p) {
    return h("div", { class: "empty" }, tile("vacant"), h("p", {}, app.packs.length === 0 ? t("No market is on this phone yet. It comes by itself when there is a signal.") : ""), link(t("Which markets"), "/markets", "btn second"));
  }
  const box = h("div", { class: "stack route" });
  const draw = () => {
    const list = view.all ? p.stalls.map(s => ({ s, l: look(p, s) })).filter(({ s }) => fold(s.code + " " + (s.vendor ?? "") + " " + (s.section ?? "")).includes(fold(view.q))) : route(p);
    const done = list.filter(x => x.l.done.length > 0), left = list.filter(x => x.l.done.length === 0), next = left[0];
    const hang = list.reduce((n, x) => n + x.l.cards.filter(c => ["issued", "printed", "handed_over"].includes(c.state)).length, 0);
    const sections = [];
    for (const x of list) {
      if (sections.at(-1)?.name !== (x.s.section ?? "")) sections.push({ name: x.s.section ?? "", rows: [] });
      sections.at(-1).rows.push(x);
    }
    fill(box,
      h("div", {}, h("h1", {}, t("%s, today", p.name)), h("p", { class: "quiet" }, onDay(today()), !p.daily && p.market_days?.length > 0 && p.market_days[0] !== today() && " · " + t("next market day %s", onDay(p.market_days[0])))),
      app.packs.length > 1 && h("div", { class: "field" }, h("label", { for: "market" }, t("Market")), h("select", { id: "market", onchange: e => { app.market = e.target.value; app.draw(); } }, app.packs.map(x => h("option", { value: x.market, selected: x.market === p.market }, x.name)))),
      !("serviceWorker" in navigator) && h("p", { class: "note" }, t("This browser opens the app only with a signal. Open the link in Chrome and put it on the home screen.")),
      stale(p) && h("p", { class: "note" }, t("The list on this phone is older than 3 days. Open the app where there is a signal.")),
      !view.all && h("div", {}, boxes(done.length, Math.max(1, list.length)), h("p", { class: "so-far" }, h("b", {}, t("%s / %s stalls done", number(done.length), number(list.length))), hang > 0 && " · " + many(hang, "1 placard left to hang", "%s placards left to hang"))),
      h("ul", { class: "filters" }, [[false, t("Today's")], [true, t("All stalls")]].map(([all, said]) => h("li", {}, h("a", { href: "#/", "aria-current": view.all === all ? "true" : undefined, onclick: e => { e.preventDefault(); view.all = all; draw(); } }, said)))),
      view.all && h("div", { class: "field" }, h("label", { for: "q" }, t("Find a stall or a name")), h("input", { id: "q", type: "search", value: view.q, oninput: e => { view.q = e.target.value; draw(); box.querySelector("#q").focus(); } })),
      list.length === 0 && h("div", { class: "empty" }, tile("t5"), h("p", {}, view.all ? t("No stall is called so.") : t("Nothing is due here today."))),
      sections.map(sec => {
        const shown = view.all || view.opened.has(sec.name) ? sec.rows : sec.rows.filter(x => x.l.done.length === 0 || sec.rows.indexOf(x) >= sec.rows.findLastIndex?.(y => y.l.done.length > 0) - 1);
        const hidden = sec.rows.length - shown.length;
        return h("section", {}, sec.name && h("h2", { class: "row-head" }, h("span", {}, sec.name)),
          hidden > 0 && button(many(hidden, "1 stall before is done, open", "%s stalls before are done, open"), () => { view.opened.add(sec.name); draw(); }, "more"),
          h("ol", { class: "stops" }, shown.map(x => stop(p, x, x === next && !view.all))));
      }),
      h("div", { class: "foot-do" }, button([icon("camera"), h("span", {}, t("Scan a code"))], scanAny, "big"), link(t("Waiting: %s", number(app.items.filter(open).length)), "/outbox", "btn big second")),
      h("p", { class: "links" }, link(t("Training cards"), "/cards"), link(t("Which markets"), "/markets"), link(t("New stall"), "/new")),
      h("p", { class: "quiet small" }, t("Nobody from the team ever asks for a PIN or OTP.")));
  };
  const scanAny = async () => {
    const text = await ask(t("Scan a code"), t("A placard of this market. It says whose it is."));
    if (text === undefined) return;
    for (const s of p.stalls) {
      const cards = look(p, s).cards;
      if (cards.length === 0) continue;
      const { result, card } = await compare(p, cards, text);
      if (result === "not_ours") break;
      if (card) { location.hash = path(p, s); return toast(t("This placard belongs to stall %s.", s.code)); }
    }
    box.prepend(wrong(t("This code is of no placard on the list of this phone.")));
    scrollTo(0, 0);
  };
  draw();
  return box;
}

function stop(p, { s, l }, now) {
  const last = l.done.at(-1);
  const what = last ? told(last) : l.due[0] ? todo(l.due[0]) : l.tasks[0] ? `${todo(l.tasks[0])} · ${onDay(l.tasks[0].due)}` : s.outcome ? named(words.outcomes, s.outcome) : s.status === "vacant" ? t("Vacant") : "";
  const late = !last && l.late > 0 && " · " + many(l.late, "overdue by 1 day", "overdue by %s days");
  return h("li", { class: last ? "over" : now ? "now" : "" }, h("a", { href: "#" + path(p, s) }, tile(l.tile, l.overdue),
    h("span", { class: "stop-words" }, h("span", {}, h("b", {}, s.code), " ", s.vendor ?? ""), h("span", { class: "quiet" }, what, late)),
    last ? icon(open(last) && (last.state === "refused" || last.state === "clash") ? "warn" : "check") : now && h("b", { class: "open-it" }, t("Open"))));
}
