// A stall: what is to do, a visit in three taps, scanning the vendor's code, hanging and checking a placard.
import { ask } from "./scanner.js";
import { app, look, open, refresh, stale, today, todo } from "./state.js";
import { decode, describe, Refused } from "./emv.js";
import { hash } from "./vault.js";
import { record } from "./sync.js";
import { slipOf } from "./slip.js";
import { back, button, choose, field, fill, h, icon, link, step, tile, toast, wrong } from "./ui.js";
import { many, named, onDay, provider, providerOfBIN, say, t, words } from "./words.js";

export const path = (p, s, more = "") => `/s/${encodeURIComponent(p.market)}/${encodeURIComponent(s.code)}${more}`;

// keep stores what was done at a stall and says that it is safe.
async function keep(p, s, ...items) {
  const kept = await record(app.profile.name, ...items.map(i => ({ at_market: p.market, at_stall: s.code, ...(i.serial ? {} : { market: p.market, stall: s.code }), ...i })));
  app.kept();
  return kept;
}

const saved = () => toast(t("Saved. It goes out when there is signal."));

// missing says what a stall lacks for a placard.
function missing(s) {
  const said = { vendor: t("no vendor is in the record"), consent: t("the vendor's own consent"), account: t("an account"), approval: t("the approval of the account") };
  return (s.missing ?? []).map(m => said[m] ?? m);
}

function sentence(kind) {
  switch (kind) {
    case "hang": case "hang_replacement": return t("“Let me hang this code for you. Please read the name on my phone; when it is yours, we hang it.”");
    case "check": case "first_check": case "check_neighbour": return t("“I am here to look at your code, so that nobody pastes another one over it.”");
    case "take_down": return t("“This old code pays an account that is no longer used. May I take it down?”");
    case "stop_closed": return t("“Your wallet or bank says that this account is closed, so buyers' money may not reach you. Which account do you use now? I stop this code meanwhile.”");
    case "ask_again": return t("“Last time you asked me to come back. Is it a good moment now?”");
    case "get_account": return t("“Do you take money on your phone yet? I can help you open the page that shows your code.”");
  }
  return "";
}

const hangable = c => ["issued", "printed", "handed_over"].includes(c.state) && !c.closed;
const stoppable = c => c.closed && !c.former && ["printed", "handed_over", "installed"].includes(c.state);
const hanging = c => ["installed", "suspended"].includes(c.state);

// stallScreen is one stall; next is the stall after it on the route.
export function stallScreen(p, s, next) {
  const l = look(p, s), first = l.due[0] ?? l.tasks[0];
  const accounts = s.accounts ?? [];
  const about = [s.goods, ...accounts.map(a => t("%s, last digits %s", provider(a.provider), a.last_digits))].filter(Boolean).join(" · ");
  const lack = missing(s);
  const speech = first && sentence(first.kind);
  const cards = l.cards;
  const toHang = cards.filter(hangable), up = cards.filter(hanging), toStop = cards.filter(stoppable);
  return h("div", { class: "stack stall" }, back("/"),
    h("div", { class: "stall-head" }, tile(l.tile, l.overdue), h("div", {}, h("h1", {}, s.code), h("p", {}, s.vendor || t("No vendor here")))),
    h("div", { class: "quiet" }, about && h("p", {}, about),
      l.tasks.map(x => h("p", {}, todo(x), x.due < today() ? " · " + many(Math.round((Date.parse(today()) - Date.parse(x.due)) / 86400_000), "overdue by 1 day", "overdue by %s days") : x.due > today() ? " · " + onDay(x.due) : "")),
      lack.length > 0 && h("p", {}, t("Missing for a placard: %s.", lack.join(", "))),
      s.outcome && h("p", {}, t("Last visit %s: %s", onDay(s.visited_on), [named(words.outcomes, s.outcome), s.barrier && named(words.barriers, s.barrier)].filter(Boolean).join(", ")), s.again_on && " · " + t("again from %s", onDay(s.again_on)))),
    l.done.length > 0 && h("ul", { class: "done-list" }, l.done.map(i => h("li", {}, icon(open(i) && (i.state === "refused" || i.state === "clash") ? "warn" : "check"), h("span", {}, told(i), open(i) && " · " + stateWords(i.state))))),
    speech && h("section", { class: "say" }, h("h2", {}, t("Say to the vendor")), h("blockquote", {}, speech)),
    h("div", { class: "do" },
      toStop.map(c => link([icon("warn"), h("span", {}, toStop.length > 1 ? t("Stop placard %s", c.serial) : t("Stop the placard"))], path(p, s, "/stop/" + c.serial), "btn stop big")),
      toHang.map(c => link([icon("camera"), h("span", {}, toHang.length > 1 ? t("Hang placard %s", c.serial) : t("Scan and hang the placard"))], path(p, s, "/hang/" + c.serial), "btn big")),
      up.length > 0 && link([icon("camera"), h("span", {}, t("Check the placard"))], path(p, s, "/check"), "btn big" + (toHang.length > 0 ? " second" : "")),
      s.vendor && link([icon("camera"), h("span", {}, t("Scan the vendor's code"))], path(p, s, "/account"), "btn big" + (toHang.length + up.length > 0 ? " second" : ""))),
    s.vendor && slipOf(p, s, [...toHang, ...up].filter(c => c.kind !== "provider" && !c.former && !c.closed), l.done),
    s.vendor && visit(p, s, next));
}

// visit is three taps: what came of it, why not, and on to the next stall.
function visit(p, s, next) {
  const v = { outcome: "", barrier: "", note: "", again: "", checklist: {} };
  let all = false;
  const usual = ["no_account", "needs_practice", "relative_handles", "scam_fear", "buyers_pay_cash", "no_signal"];
  const box = h("div", { class: "stack" });
  const said = h("div", {});
  const save = async () => {
    const form = new FormData(more);
    v.note = String(form.get("note") ?? "").trim();
    if (!v.outcome) return fill(said, wrong(t("First tap what came of the visit.")));
    if (v.barrier === "other" && !v.note) { more.querySelector("details").open = true; return fill(said, wrong(t("Write a few words about the other reason."))); }
    const body = { outcome: v.outcome };
    if (v.barrier) body.barrier = v.barrier;
    if (v.note) body.note = v.note;
    if (form.get("again")) body.again_on = form.get("again");
    const list = Object.fromEntries(words.checklist.map(c => [c.code, form.get("c-" + c.code)]).filter(([, a]) => a));
    if (Object.keys(list).length) body.checklist = list;
    await keep(p, s, { kind: "visit", about: v.outcome, body });
    saved();
    location.hash = next ? path(p, next) : "/";
  };
  const more = h("form", { class: "stack", onsubmit: e => e.preventDefault() },
    h("details", {}, h("summary", {}, t("Again on, note, what was helped with")), h("div", { class: "stack" },
      field(t("Come again on"), { name: "again", type: "date", min: today() }),
      field(t("Note"), { name: "note", rows: 3, maxlength: 500 }, t("No PIN, no OTP, no number of an identity card.")),
      words.checklist.map(c => h("div", { class: "field" }, h("label", { for: "c-" + c.code }, say(c.name)),
        h("select", { id: "c-" + c.code, name: "c-" + c.code }, h("option", { value: "" }, t("Not asked")), words.answers.filter(a => a.code !== "not_asked").map(a => h("option", { value: a.code }, say(a.name)))))))));
  const draw = () => {
    const why = v.outcome && v.outcome !== "done";
    const list = words.barriers.filter(b => all || usual.includes(b.code) || b.code === v.barrier);
    fill(box,
      step("1", t("What came of it"), choose(words.outcomes.map(o => [o.code, say(o.name)]), v.outcome, o => {
        v.outcome = o;
        v.barrier = o === "absent" ? "absent" : o === "refused" ? "refused" : v.barrier === "absent" || v.barrier === "refused" || o === "done" ? "" : v.barrier;
        draw();
      })),
      why ? step("2", t("Why not yet"), choose(list.map(b => [b.code, say(b.name)]), v.barrier, b => { v.barrier = v.barrier === b ? "" : b; draw(); }),
        !all && button(t("Other reasons"), () => { all = true; draw(); }, "more")) : h("section", { class: "tap-step later-step" }, h("h2", {}, h("b", { class: "nr" }, "2"), t("Why not yet"))),
      step("3", t("Record"), said, h("div", { class: "do" }, button([h("span", {}, next ? t("Record, on to %s", next.code) : t("Record, back to the list")), icon("arrow")], save, "big go-on", { "data-save": "visit" })), more));
  };
  draw();
  return box;
}

// told is an item of the outbox in words.
export function told(i) {
  switch (i.kind) {
    case "visit": return t("Visit: %s", named(words.outcomes, i.about));
    case "account": return t("Account brought in");
    case "consent": return t("The vendor agreed");
    case "stall": return t("New stall");
    case "stand": return t("Stand registered");
    case "status": return t("How the stall trades");
    case "notice": return t("The slip was handed over");
    case "placard_event": return i.about === "suspended" ? t("Placard stopped") : i.about === "checked" ? t("Placard checked") : i.about === "installed" ? t("Placard hung") : i.about === "heard" ? t("Another name was heard, not hung") : result(i.about)[1];
  }
  return i.kind;
}

export function stateWords(state) {
  return { waiting: t("waits"), sending: t("is being sent"), done: t("sent"), refused: t("refused"), clash: t("differs from what is there") }[state] ?? state;
}

// result is a check's outcome: how it is shown, its heading, and what to do.
function result(code) {
  switch (code) {
    case "match": return ["good", t("It matches"), t("The code pays the vendor's account.")];
    case "other_account": return ["bad", t("The code pays another account"), t("Cover it, do not tear it off, and accuse nobody. The placard is stopped and the stalls beside it are looked at next.")];
    case "not_ours": return ["bad", t("The code is not ours"), t("Cover it, do not tear it off, and accuse nobody. The placard is stopped and the stalls beside it are looked at next.")];
    case "damaged": return ["wait", t("The placard is damaged"), t("A new one is printed.")];
    case "missing": return ["wait", t("The placard is not there"), t("Look around the stall once more. A new one is printed.")];
  }
  return ["wait", code, ""];
}

// compare says offline what the service will say again: whose account a scanned code pays, of the placards given.
export async function compare(p, cards, text) {
  let d;
  try { d = decode(text); } catch (e) { if (e instanceof Refused) return { result: "not_ours" }; throw e; }
  if (!d.decoded.bin) return { result: "not_ours" };
  const own = await hash(p.key, d.decoded.bin, d.decoded.account);
  const card = cards.find(c => c.hash === own && !c.former) ?? cards.find(c => c.hash === own);
  for (const x of d.payees) { // a second account beside the right one: some app would pay it
    if (card && x.scheme === "vietqr" && (x.bin !== d.decoded.bin || x.account !== d.decoded.account)) return { result: "other_account" };
  }
  if (card?.former) return { result: "other_account", card }; // of a vendor who went
  return card ? { result: "match", card } : { result: "other_account" };
}

// paid is the account of a placard, as far as the list says.
function paid(s, card) {
  const a = (s.accounts ?? []).find(a => a.hash === card.hash);
  return a ? t("%s, last digits %s", provider(a.provider), a.last_digits) : t("an account from before");
}

// checkScreen compares what hangs at a stall with what should.
export function checkScreen(p, s) {
  const cards = look(p, s).cards.filter(hanging);
  const box = h("div", { class: "stack stall" });
  // which asks of several what it is that is not as it should be; one is not asked about.
  const now = cards.some(c => !c.former) ? cards.filter(c => !c.former) : cards;
  const which = (code, payload) => now.length === 1 ? finish(code, now[0], payload) : fill(box, back(path(p, s)), h("h1", {}, t("Which placard is it?")), h("p", {}, t("Several of ours should hang here. Compare the number printed on it.")),
    h("div", { class: "do" }, now.map(c => button(h("span", {}, c.serial, " · ", paid(s, c)), () => finish(code, c, payload), "big second", { "data-card": c.serial }))));
  const finish = async (code, c, payload) => {
    await keep(p, s, { kind: "placard_event", serial: c.serial, about: code, body: payload ? { kind: "checked", payload } : { kind: "checked", result: code } });
    const [kind, head, what] = result(code);
    fill(box, back(path(p, s)), h("section", { class: "result " + kind, role: "status", "data-result": code },
      kind === "good" ? icon("check") : icon("warn"), h("h1", {}, head), h("p", {}, what), stale(p) && h("p", {}, t("The list on this phone is older than 3 days. The service compares again.")), h("p", { class: "small" }, t("Saved. It goes out when there is signal."))),
      h("div", { class: "do" }, link(t("Back to the list"), "/", "btn big")));
  };
  const scan = async () => {
    const text = await ask(t("Scan what hangs there"), t("Hold the phone straight in front of the code."));
    if (text === undefined) return;
    const { result: code, card } = await compare(p, cards, text);
    await (card ? finish(code, card, text) : which(code, text));
  };
  fill(box, back(path(p, s)), h("h1", {}, t("Check the placard at %s", s.code)), h("p", { class: "quiet" }, s.vendor),
    stale(p) && h("p", { class: "note" }, t("The list on this phone is older than 3 days. The service compares again.")),
    cards.length === 0 ? h("p", {}, t("No placard of ours hangs here.")) : h("div", { class: "do" },
      button([icon("camera"), h("span", {}, t("Scan what hangs there"))], scan, "big", { "data-scan": "check" }),
      button(t("It is damaged"), () => which("damaged"), "big second"), button(t("It is not there"), () => which("missing"), "big second")));
  return box;
}

// agreement asks for the vendor's own consent. It is never ticked beforehand.
const agreement = s => (s.missing ?? []).includes("consent") && h("fieldset", { class: "card" }, h("legend", { class: "hide" }, t("The vendor's consent")),
  h("blockquote", {}, t("“The market keeps your name, phone and account number, to print this code and to check it. Nobody else gets them. You may take this back whenever you like. Do you agree?”")),
  h("label", { class: "check" }, h("input", { type: "checkbox", name: "agreed" }), h("span", {}, t("The vendor agreed, here, to me"))));

const consent = { version: "vi-1", given: "face_to_face" };

// hangScreen hangs a placard: the right one at the right stall, and the right name on the phone that scans it.
export function hangScreen(p, s, serial) {
  const card = look(p, s).cards.find(c => c.serial === serial);
  const v = { name: "", scanned: "" };
  const said = h("div", {}), box = h("div", { class: "stack stall" });
  if (!card) return h("div", { class: "stack" }, back(path(p, s)), h("p", {}, t("This placard is not on the list of this phone.")));
  const asks = agreement(s);
  const heard = field(t("The name that was read aloud"), { name: "heard", autocomplete: "off", autocapitalize: "characters" });
  const save = async () => {
    const agreed = asks && asks.querySelector("[name=agreed]").checked;
    const name = heard.querySelector("input").value.trim();
    if (v.scanned !== "match") return fill(said, wrong(t("First scan the placard, so that the right one hangs here.")));
    if (!v.name) return fill(said, wrong(t("First say which name the phone showed.")));
    if (v.name === "other" && !name) return fill(said, wrong(t("Write down the name that was read aloud.")));
    if (asks && !agreed) return fill(said, wrong(t("A placard hangs only when the vendor agreed. Ask, and tick the box.")));
    const body = { kind: "installed" };
    if (name) body.heard_name = name;
    if (agreed) body.consent = consent;
    await keep(p, s, { kind: "placard_event", serial, about: v.name === "other" ? "heard" : "installed", body });
    if (v.name === "other") {
      fill(box, back(path(p, s)), h("section", { class: "result bad", role: "status" }, icon("warn"), h("h1", {}, t("Do not hang this placard yet")), h("p", {}, t("The name heard differs from the one printed. The board looks at it."))), h("div", { class: "do" }, link(t("Back to the list"), "/", "btn big")));
    } else {
      saved();
      location.hash = path(p, s);
    }
  };
  const draw = () => fill(box, back(path(p, s)),
    h("div", { class: "stall-head" }, tile("t3"), h("div", {}, h("h1", {}, s.code), h("p", {}, s.vendor))),
    h("p", { class: "quiet" }, t("Placard number"), " ", h("span", { class: "code" }, serial)),
    step("1", t("Is it the right placard?"), v.scanned === "match" ? h("p", { class: "ok" }, icon("check"), h("span", {}, t("It pays this vendor's account."))) : [
      v.scanned && wrong(v.scanned === "not_ours" ? t("This is not a code for receiving money. Scan the code on the placard.") : t("This placard pays somebody else. Look for the one of this stall.")),
      h("div", { class: "do" }, button([icon("camera"), h("span", {}, t("Scan the placard"))], async () => {
        const text = await ask(t("Scan the placard"), t("Hold the phone straight in front of the code."));
        if (text === undefined) return;
        v.scanned = (await compare(p, [card], text)).result;
        draw();
      }, "big", { "data-scan": "hang" }))]),
    step("2", t("Scan it with a bank's app. Which name does it show?"), choose([["right", t("The vendor's, as printed")], ["other", t("Another name")]], v.name, x => { v.name = x; draw(); }), heard),
    asks,
    step("3", t("Record"), said, h("div", { class: "do" }, button([h("span", {}, v.name === "other" ? t("Record, do not hang") : t("Record: it hangs")), icon("arrow")], save, "big go-on", { "data-save": "hang" }))));
  draw();
  return box;
}

// stopScreen stops a placard whose account is closed, as its provider says. A person does that, who was there.
export function stopScreen(p, s, serial) {
  const card = look(p, s).cards.find(c => c.serial === serial);
  if (!card || !stoppable(card)) return h("div", { class: "stack" }, back(path(p, s)), h("p", {}, t("This placard is not to be stopped any more.")));
  const save = async () => {
    await keep(p, s, { kind: "placard_event", serial, about: "suspended", body: { kind: "suspended", reason: "account closed" } });
    await refresh(); // so that the stall's screen shows it as stopped
    saved();
    location.hash = path(p, s);
  };
  return h("div", { class: "stack stall" }, back(path(p, s)),
    h("div", { class: "stall-head" }, tile("stop"), h("div", {}, h("h1", {}, s.code), h("p", {}, s.vendor))),
    h("p", { class: "quiet" }, t("Placard number"), " ", h("span", { class: "code" }, serial), " · ", paid(s, card)),
    h("p", {}, t("The wallet or bank says that this account is closed: what buyers pay there may not arrive.")),
    step("1", t("Ask the vendor which account they use now"), h("div", { class: "do" }, link([icon("camera"), h("span", {}, t("Scan the vendor's code"))], path(p, s, "/account"), "btn big second"))),
    step("2", t("Stop the placard, and take it down or turn it round"), h("div", { class: "do" }, button([h("span", {}, t("Stop the placard")), icon("arrow")], save, "stop big go-on", { "data-save": "stop" }))));
}

// accountScreen takes a code from the vendor's own app.
export function accountScreen(p, s) {
  const box = h("div", { class: "stack stall" });
  const scan = async () => {
    const text = await ask(t("Scan the vendor's code"), t("Ask the vendor to open “Receive money” in their app."));
    if (text === undefined) return;
    let d;
    try {
      d = decode(text);
      if (d.decoded.scheme !== "vietqr") throw new Refused("not_vietqr");
    } catch (e) {
      if (!(e instanceof Refused)) throw e;
      return draw(wrong(t("This is not a code for receiving money. Open “Receive” in the app and scan again."), " ", refusal(text, e.code)));
    }
    const why = unfit(d);
    if (why) return draw(wrong(why));
    await found(d);
  };
  const found = async ({ decoded: d, text }) => {
    const own = await hash(p.key, d.bin, d.account), same = (s.accounts ?? []).some(a => a.hash === own);
    const who = providerOfBIN(d.bin);
    const asks = agreement(s), said = h("div", {});
    fill(box, back(path(p, s)), h("h1", {}, t("What the code says")),
      h("dl", { class: "facts card" }, ...[[t("Wallet or bank"), who ? who.name : d.bin], [t("Account number"), d.account], d.merchant_name && [t("Name in the code"), d.merchant_name]].filter(Boolean).map(([k, x]) => h("div", {}, h("dt", {}, k), h("dd", {}, x)))),
      !who && h("p", { class: "note" }, t("This bank number is not on the list of this phone. The service looks it up.")),
      same ? h("p", { class: "ok" }, icon("check"), h("span", {}, t("This account is in the record already."))) : [
        h("form", { class: "stack form", onsubmit: e => e.preventDefault() }, field(t("Holder, as the app shows"), { name: "holder", value: d.merchant_name ?? "", autocapitalize: "characters", autocomplete: "off" })),
        asks, said,
        h("div", { class: "do" }, button(t("Bring in this account"), async () => {
          const agreed = asks && asks.querySelector("[name=agreed]").checked;
          if (asks && !agreed) return fill(said, wrong(t("No account is kept without the vendor's consent. Ask, and tick the box.")));
          const body = { payload: text }, holder = box.querySelector("[name=holder]").value.trim();
          if (holder) body.holder = holder;
          await keep(p, s, ...(agreed ? [{ kind: "consent", body: consent }] : []), { kind: "account", body });
          saved();
          location.hash = path(p, s);
        }, "big", { "data-save": "account" }), button(t("Scan again"), scan, "big second"))]);
  };
  const draw = problem => fill(box, back(path(p, s)), h("h1", {}, t("Scan the vendor's code")), h("p", { class: "quiet" }, [s.code, s.vendor].join(" · ")), problem ?? "",
    h("p", {}, t("Ask the vendor to open “Receive money” in their app.")), h("p", { class: "quiet" }, t("Nobody from the team ever asks for a PIN or OTP.")),
    h("div", { class: "do" }, button([icon("camera"), h("span", {}, t("Scan the code"))], scan, "big", { "data-scan": "account" })));
  draw();
  return box;
}

// unfit is why the service does not take a payee's code as an account, in its own words, said while the vendor is there; empty: it does.
export function unfit({ decoded: d, payees }) {
  if (d.service === "QRIBFTTC") return t("This code holds a card number. Open “Receive” in the app and scan the account's code.");
  if (d.service === "QRCASH") return t("This is not a code for receiving money. Open “Receive” in the app and scan again.");
  if (d.amount) return t("This code asks for one fixed amount. Scan the code without an amount.");
  const other = payees.find(x => (x.bin !== d.bin || x.account !== d.account) && !["momo", "zalopay", "card"].includes(x.scheme));
  return other ? t("This code also pays somebody we do not know (tag %s), so it is not taken.", other.tag) : "";
}

// refusal says what a scanned text is instead, or what is wrong with it.
export function refusal(text, code) {
  switch (describe(text)) {
    case "url": return t("It is a web address.");
    case "wifi": return t("It is a Wi-Fi network.");
    case "vnpay": return t("It is a VNPAY code, which cannot become a transfer code.");
    case "momo": return t("It is an older MoMo code. The page “Receive money” shows a newer one.");
    case "text": case "empty": return "";
  }
  return words.errors[code] ? say(words.errors[code]) : "";
}
