// Which markets are on the phone.
import * as store from "./store.js";
import { app } from "./state.js";
import { call, go } from "./sync.js";
import { back, button, fill, h } from "./ui.js";
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
