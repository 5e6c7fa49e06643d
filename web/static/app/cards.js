// The training cards, which every member reads before they go to the stalls.
import { readCard } from "./sync.js";
import { back, h } from "./ui.js";
import { say, t, words } from "./words.js";

// cardsScreen shows them. That one was opened is told to the service, once there is a signal.
export function cardsScreen() {
  return h("div", { class: "stack" }, back("/"), h("h1", {}, t("Training cards")),
    words.cards.map(c => h("details", { class: "card", ontoggle: e => e.target.open && readCard(c.code) }, h("summary", {}, h("b", {}, say(c.head))), h("ul", { class: "dots" }, c.words.map(x => h("li", {}, say(x)))))));
}
