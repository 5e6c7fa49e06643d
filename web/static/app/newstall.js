// A stall that the ledger forgot.
import { app } from "./state.js";
import { record } from "./sync.js";
import { back, field, fill, h, toast, wrong } from "./ui.js";
import { t } from "./words.js";

// newStallScreen registers it.
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
