// The first sheet follows the form: a picture asked for anew at each change. Without this file a button does the same.
const form = document.getElementById("print");
const picture = document.getElementById("preview");
const none = document.getElementById("no-preview");

function show() {
  const given = new FormData(form);
  const asked = new URLSearchParams();
  for (const name of ["sheet", "skip", "copies", "provider", "design", "provisional", "back", "no_cut_marks", "reprint"]) {
    if (given.get(name)) asked.set(name, given.get(name));
  }
  const who = given.get("who");
  if (who === "section" || who === "stalls") asked.set(who, given.get(who) || "-");
  picture.src = picture.dataset.of + "?" + asked;
}

let soon;
form.addEventListener("input", () => { clearTimeout(soon); soon = setTimeout(show, 300); });
picture.addEventListener("load", () => { picture.hidden = false; none.hidden = true; });
picture.addEventListener("error", () => { picture.hidden = true; none.hidden = false; });

// A market of 5,000 stalls takes some seconds: say so, and let nobody press twice.
form.addEventListener("submit", (e) => {
  const button = e.submitter;
  if (!button.dataset.busy) return;
  button.textContent = button.dataset.busy;
  setTimeout(() => { button.disabled = true; });
});
addEventListener("pageshow", (e) => { if (e.persisted) location.reload(); });
