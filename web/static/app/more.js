// The rest: which markets are on the phone, and a stall that is not in the record yet.
import * as store from "./store.js";
import { app } from "./state.js";
import { call, go, record } from "./sync.js";
import { back, button, field, fill, h, toast, wrong } from "./ui.js";
import { age, number, t } from "./words.js";

// marketsScreen chooses the markets whose lists the phone carries.
export function marketsScreen() {
  const box = h("div", { class: "stack" }, back("/"), h("h1", {}, t("Which markets")));
  const list = h("div", { class: "stack" }, app.packs.map(p => h("p", {}, h("b", {}, p.name), " · ", t("%s stalls", number(p.stalls.length)), " · ", t("list of %s", age(p.asked, Date.now())))));
  box.append(list);
  call("GET", "/markets?limit=200").then(r => r.json()).then(({ items }) => {
    const chosen = new Set(app.profile.markets ?? app.packs.map(p => p.market));
    fill(list, ...items.map(m => h("label", { class: "check" }, h("input", { type: "checkbox", value: m.code, checked: chosen.has(m.code), onchange: e => { e.target.checked ? chosen.add(m.code) : chosen.delete(m.code); } }), h("span", {}, m.name))),
      h("div", { class: "actions" }, button(t("Keep these lists on the phone"), async () => {
        const kept = await store.changeProfile(app.profile.name, p => { p.markets = [...chosen]; });
        app.profile.markets = kept?.markets;
        go(true);
        location.hash = "/";
      }, "big")));
  }, () => box.append(h("p", { class: "quiet" }, t("No signal just now. Try again where there is one."))));
  return box;
}

// newStallScreen registers a stall that the ledger forgot.
export function newStallScreen() {
  const said = h("div", {});
  const f = h("form", {
    class: "stack form", onsubmit: async e => {
      e.preventDefault();
      const v = Object.fromEntries([...new FormData(f)].map(([k, x]) => [k, String(x).trim()]));
      if (!v.code) return fill(said, wrong(t("Write the stall's code, as it is painted there.")));
      const body = { code: v.code };
      for (const k of ["section", "goods"]) if (v[k]) body[k] = v[k];
      if (v.vendor) body.vendor = { name: v.vendor, ...(v.phone ? { phone: v.phone } : {}) };
      await record(app.profile.name, { kind: "stall", market: app.market, at_market: app.market, at_stall: v.code, about: v.code, body });
      app.kept();
      toast(t("Saved. It goes out when there is signal."));
      location.hash = "/";
    },
  }, field(t("Stall"), { name: "code", autocomplete: "off", required: true }), field(t("Section"), { name: "section", autocomplete: "off" }), field(t("Goods"), { name: "goods", autocomplete: "off" }),
    field(t("Vendor"), { name: "vendor", autocomplete: "off" }), field(t("Phone"), { name: "phone", type: "tel", autocomplete: "off" }), said, h("div", { class: "actions" }, h("button", { class: "btn big" }, t("Record the stall"))));
  return h("div", { class: "stack" }, back("/"), h("h1", {}, t("New stall")), f);
}
