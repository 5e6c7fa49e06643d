// What waits on the phone, what became of what was sent, and the way out as a file.
import * as store from "./store.js";
import { app, open, refresh, when } from "./state.js";
import { stateWords, told } from "./stall.js";
import { alone, batchOf, call, go, now, Problem, spoilt, status, wire } from "./sync.js";
import { back, button, field, fill, give, h, icon, tile, toast, wrong } from "./ui.js";
import { age, clock, many, number, onDay, day, t } from "./words.js";

export function outboxScreen() {
  const left = app.items.filter(open), sent = app.items.filter(i => !open(i));
  return h("div", { class: "stack outbox" }, back("/"), h("h1", {}, t("Waiting: %s", number(left.length))),
    h("p", { class: "quiet" }, status.synced ? t("Last synced %s", age(status.synced, now())) : t("Never synced on this phone")),
    status.wrong === "pack-signature" && wrong(t("The list that came is not signed by the service. The one from before stays.")),
    status.without.filter(x => x.why !== "pack-signature").map(x => wrong(t("The list of %s did not come.", x.market), " ", x.said)),
    h("div", { class: "actions" }, button(t("Send now"), () => go(true), "big", { disabled: status.busy }), left.length > 0 && button([icon("download"), t("Hand over as a file")], handOver, "big second")),
    left.length === 0 && h("div", { class: "empty" }, tile("t5"), h("p", {}, t("Nothing waits. Everything is with the service."))),
    h("ol", { class: "items" }, left.map(row)),
    sent.length > 0 && h("details", {}, h("summary", {}, many(sent.length, "1 thing was sent from this phone", "%s things were sent from this phone")), h("ol", { class: "items" }, sent.slice(-100).reverse().map(row))),
    h("p", { class: "links" }, h("a", { href: "#/file" }, t("Send in a file from another phone"))));
}

function row(i) {
  const bad = open(i) && (i.state === "refused" || i.state === "clash");
  const note = i.state === "refused" && i.kind === "visit" && i.body?.note;
  return h("li", { class: bad ? "bad" : "" }, h("div", {}, h("b", {}, i.at_stall), " ", told(i)),
    h("p", { class: "quiet" }, onDay(day(when(i))), " ", clock(when(i)), " · ", i.noted ? t("the board knows") : stateWords(i.state), i.handed && " · " + t("handed over as a file")),
    bad && wrong(i.problem?.detail ?? "", (i.problem?.errors ?? []).map(e => " " + e)),
    bad && i.state === "clash" && h("p", {}, t("Both versions are kept for whoever leads the team. Nothing was overwritten.")),
    note && field(t("Note"), { name: "note-" + i.id, rows: 3, value: i.body.note }),
    bad && h("div", { class: "actions" }, button(t("Send again"), async () => {
      const at = location.hash, written = document.getElementById("f-note-" + i.id)?.value;
      await store.changeItem(i.id, x => {
        if (x.state !== "refused" && x.state !== "clash") return; // another tab sent it meanwhile
        x.state = "waiting";
        if (written !== undefined) x.body.note = written;
      });
      await refresh();
      app.draw(at);
      go();
    }, "second")));
}

// handOver writes what waits into a file that a leader can send in. It stays here until the service has it.
async function handOver() {
  const at = location.hash, left = app.items.filter(open);
  const file = new File([JSON.stringify({ cho40: "outbox", version: 1, device: await store.device(), by: app.profile.name, made_at: new Date().toISOString(), items: left.map(i => ({ ...wire(i), by: i.profile })) }, null, 1)],
    `cho40-${day(now())}-${left.length}.json`, { type: "application/json" });
  if (!await give(file)) return;
  for (const i of left) await store.changeItem(i.id, x => { x.handed = true; });
  await refresh();
  app.draw(at);
  toast(t("The file holds %s things. They also stay here until the service has them.", number(left.length)));
}

// kinds of things that may come by file: what is done at stalls. What changes the record otherwise is not taken from somebody else's phone.
const kinds = ["visit", "placard_event", "stall", "account", "stand", "consent", "status", "notice"];

async function sendIn(device, list, said) {
  try {
    const results = [];
    let left = list, most;
    while (left.length > 0) {
      const items = batchOf(left, undefined, most);
      try {
        const answer = await alone(async () => (await call("POST", "/sync", { device, sent_at: new Date().toISOString(), items })).json());
        results.push(...answer.items);
      } catch (e) {
        if (!spoilt(e)) throw e;
        if (items.length > 1) { most = 1; continue; }
        results.push({ status: e.status, problem: e.problem });
      }
      left = left.slice(items.length);
    }
    const bad = results.filter(r => r.status > 201);
    fill(said, h("p", { class: "ok" }, icon("check"), h("span", {}, t("%s of %s are with the service.", number(results.length - bad.length), number(results.length)))),
      bad.map(r => wrong(r.problem?.detail ?? String(r.status))));
  } catch (e) {
    fill(said, wrong(e instanceof Problem ? e.message : t("No signal just now. Try again where there is one.")));
  }
}

// fileScreen sends in another phone's outbox, under the name of who is signed in here.
export function fileScreen() {
  const said = h("div", { role: "status" });
  return h("div", { class: "stack" }, back("/outbox"), h("h1", {}, t("Send in a file from another phone")),
    h("p", {}, t("The file comes from a phone that could not send. It is recorded under your name; what the phone sent itself meanwhile is not recorded twice.")),
    h("div", { class: "field" }, h("label", { for: "file" }, t("File")), h("input", {
      id: "file", type: "file", accept: ".json,application/json", onchange: async e => {
        const f = e.target.files[0];
        if (!f) return;
        let given;
        try {
          given = JSON.parse(await f.text());
          if (given.cho40 !== "outbox" || !Array.isArray(given.items) || typeof given.by !== "string" || !given.by) throw new Error();
        } catch { return fill(said, wrong(t("This is no file of waiting things."))); }
        const list = given.items.filter(i => kinds.includes(i?.kind)).map(i => ({ ...wire(i), clock_ahead: i.clock_ahead ?? null, by: i.by || given.by })), makers = new Set(given.items.map(i => i?.by ?? given.by).filter(Boolean));
        fill(said, h("p", {}, h("b", {}, many(list.length, "1 thing from the phone of %s", "%s things from the phone of %s", [...makers].join(", ")))),
          h("ul", { class: "dots" }, list.slice(0, 200).map(i => h("li", {}, [i.stall ?? i.serial ?? i.body?.code, told({ kind: i.kind, about: i.body?.outcome ?? i.body?.result ?? i.body?.kind })].filter(Boolean).join(" · ")))),
          list.length > 0 && h("div", { class: "actions" }, button(t("Send them in under my name"), () => sendIn(given.device, list, said), "big", { "data-save": "file" })));
      },
    })), said);
}
