// The slip for the vendor: how to be sure of one's money, what to look at each morning, whom to call, the account's tail, who helped.
import { app, refresh } from "./state.js";
import { call, Problem, record } from "./sync.js";
import { button, fill, give, h, icon, toast, wrong } from "./ui.js";
import { t } from "./words.js";

// slipOf is the part of a stall's screen that gets a placard's slip, which only the service can print, and records that one was handed over
// where the vendor is to be told of a change.
export function slipOf(p, s, cards, done) {
  const said = h("div", { role: "status" });
  const told = new Set(done.filter(i => i.kind === "notice").map(i => i.about)), waits = (s.notices ?? []).filter(n => !told.has(n));
  const get = async c => {
    fill(said, h("p", {}, t("One moment.")));
    let pdf;
    try { pdf = await (await call("GET", `/placards/${encodeURIComponent(c.serial)}.slip.pdf`)).blob(); } catch (e) {
      return fill(said, wrong(e instanceof Problem ? e.message : t("The slip comes from the service, and there is no signal just now. Get it before you go, or where there is one.")));
    }
    fill(said);
    await give(new File([pdf], c.serial + "-slip.pdf", { type: "application/pdf" }));
  };
  const hand = async () => {
    const at = location.hash;
    await record(app.profile.name, ...waits.map(n => ({ kind: "notice", about: n, market: p.market, at_market: p.market, stall: s.code, at_stall: s.code, body: { notice: n } })));
    await refresh();
    app.draw(at);
    app.kept();
    toast(t("Saved. It goes out when there is signal."));
  };
  return (cards.length > 0 || waits.length > 0) && h("section", { class: "stack" },
    waits.length > 0 && h("p", { class: "note" }, t("The vendor is to be told of a change at this stall. Leave a slip and say so here.")),
    h("div", { class: "do" },
      cards.map(c => button([icon("download"), h("span", {}, cards.length > 1 ? t("Slip of placard %s", c.serial) : t("Slip for the vendor"))], () => get(c), "big second", { "data-slip": c.serial })),
      waits.length > 0 && button([icon("check"), h("span", {}, t("The slip was handed over"))], hand, "big second", { "data-save": "notice" })), said);
}
