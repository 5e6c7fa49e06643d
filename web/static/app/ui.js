// Building blocks of the screens.
import { Unkept } from "./store.js";
import { t } from "./words.js";

// h makes an element: h("p", {class: "quiet"}, "text", child, [more], false). Properties that begin with on are listeners.
export function h(name, given = {}, ...inside) {
  const e = document.createElement(name);
  for (const [k, v] of Object.entries(given)) {
    if (v === undefined || v === false || v === null) continue;
    if (k.startsWith("on")) e.addEventListener(k.slice(2), minded(v));
    else if (k === "value" || k === "checked") e[k] = v;
    else e.setAttribute(k, v === true ? "" : v);
  }
  e.append(...shown(inside));
  return e;
}

// minded runs what was pressed or sent off, and says beside it when it came to nothing: nobody goes on believing that it is kept.
function minded(press) {
  return async e => {
    const at = e.currentTarget;
    document.getElementById("unkept")?.remove();
    try { await press(e); } catch (problem) {
      const said = problem instanceof Unkept ? t("The phone could not keep this, so it is not recorded. Free some space on the phone, then press again.") : t("That did not work, and nothing was recorded. Press again.");
      const alert = h("div", { id: "unkept" }, wrong(said, !(problem instanceof Unkept) && h("span", { class: "small" }, " (" + problem.message + ")"))); // what a browser says of its storage helps nobody
      const beside = at.isConnected && at.closest(".do, .actions, .taps, form, details");
      if (beside) beside.before(alert); else document.getElementById("main").prepend(alert);
      alert.scrollIntoView({ block: "center" });
    }
  };
}

// shown leaves out what is not there: a condition && an element reads well.
const shown = inside => inside.flat(9).filter(x => x !== false && x !== undefined && x !== null && x !== "");

// fill puts new contents into an element.
export function fill(e, ...inside) { e.replaceChildren(...shown(inside)); }

function drawn(kind, file, ...names) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", kind);
  svg.setAttribute("aria-hidden", "true");
  for (const n of names) {
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    use.setAttribute("href", document.body.dataset[file] + "#" + n);
    svg.append(use);
  }
  return svg;
}

export const icon = name => drawn("i", "icons", name);
export const tile = (name, late) => drawn("tile", "tiles", name, ...(late ? ["late"] : []));

// boxes draws how far one is: a box for each up to 24, else a bar.
export function boxes(done, all) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("aria-hidden", "true");
  const rect = given => {
    const r = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [k, v] of Object.entries(given)) r.setAttribute(k, v);
    svg.append(r);
  };
  if (all <= 24) {
    svg.setAttribute("class", "boxes");
    svg.setAttribute("viewBox", `0 0 ${all * 14 - 2} 14`);
    for (let i = 0; i < all; i++) rect({ class: i < done ? "done" : i === done ? "now" : "", x: i * 14 + .5, y: .5, width: 11, height: 13, rx: 1.5 });
  } else {
    svg.setAttribute("class", "bar");
    rect({ class: "track", width: "100%", height: "100%" });
    rect({ class: "fill", width: (100 * done / all).toFixed(1) + "%", height: "100%" });
  }
  return svg;
}

// give shares a file, or saves it where the browser shares none; false when somebody thought better of it.
export async function give(file) {
  try {
    if (navigator.canShare?.({ files: [file] })) {
      await navigator.share({ files: [file], title: file.name });
      return true;
    }
  } catch (e) { if (e.name === "AbortError") return false; }
  const a = h("a", { href: URL.createObjectURL(file), download: file.name });
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 60_000);
  return true;
}

let fading;

// toast says one thing for 8 seconds; never an error.
export function toast(sentence) {
  clearTimeout(fading);
  const at = document.getElementById("toast");
  at.replaceChildren(h("p", { class: "toast" }, h("span", {}, sentence)));
  fading = setTimeout(() => at.replaceChildren(), 8000);
}

export const wrong = (sentence, ...more) => h("p", { class: "err", role: "alert" }, icon("warn"), h("span", {}, sentence, ...more));

export const button = (words, press, kind = "", given = {}) => h("button", { type: "button", class: ("btn " + kind).trim(), onclick: press, ...given }, words);

export const link = (words, to, kind) => h("a", { href: "#" + to, class: kind }, words);

// field is a labelled input; read it by its name.
export function field(label, given, hint) {
  const id = "f-" + given.name;
  return h("div", { class: "field" }, h("label", { for: id }, label), hint && h("p", { class: "hint", id: id + "-hint" }, hint), h(given.rows ? "textarea" : "input", { id, ...given, "aria-describedby": hint && id + "-hint" }));
}

// choose is a row of big buttons of which one is pressed; pick gets its code. None is pressed beforehand.
export function choose(list, chosen, pick) {
  return h("div", { class: "taps" }, list.map(([code, words]) => button([code === chosen && icon("check"), h("span", {}, words)], () => pick(code), "tap", { "aria-pressed": String(code === chosen), "data-code": code })));
}

// step is a numbered part of a screen.
export const step = (n, words, ...inside) => h("section", { class: "tap-step" }, h("h2", {}, h("b", { class: "nr", "aria-hidden": "true" }, n), words), inside);

export const back = to => link([icon("back"), t("Back")], to, "go");
