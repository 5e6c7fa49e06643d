// The camera over the whole screen, and a photo where the camera does not do.
import { inPicture, watch } from "./scan.js";
import { button, fill, h, icon, wrong } from "./ui.js";
import { t } from "./words.js";

// lacking: the code reader is not on this phone, rather than that it read nothing.
const lacking = e => e.name === "TypeError" && /import|fetch|load/i.test(e.message);

// ask shows the camera until a code is found, or nobody wants one any more: then it answers undefined.
export function ask(title, hint) {
  return new Promise(done => {
    let stop = () => {}, over = false;
    const close = text => {
      if (over) return;
      over = true;
      stop();
      removeEventListener("popstate", leave);
      removeEventListener("keydown", key);
      box.remove();
      document.body.classList.remove("scanning");
      done(text);
    };
    const leave = () => close();
    const key = e => { if (e.key === "Escape") close(); };
    const video = h("video", { playsinline: true, muted: true, "aria-label": t("What the camera sees") });
    const said = h("div", { class: "scan-said", role: "status" });
    const file = h("input", {
      type: "file", accept: "image/*", capture: "environment", class: "hide", id: "scan-photo", onchange: async () => {
        if (!file.files[0]) return;
        fill(said, h("p", {}, t("Reading the photo.")));
        try {
          const found = await inPicture(file.files[0]);
          if (found.length) return close(found[0]);
          fill(said, wrong(t("No code can be read in this photo. Take it nearer, straight and without glare.")));
        } catch (e) {
          fill(said, wrong(lacking(e) ? t("The code reader is not on this phone yet. Open the app once where there is a signal.") :
            t("No code can be read in this photo. Take it nearer, straight and without glare.")));
        }
        file.value = "";
      },
    });
    const box = h("div", { class: "scan", role: "dialog", "aria-modal": "true", "aria-label": title },
      h("h2", {}, title), hint && h("p", {}, hint), h("div", { class: "scan-view" }, video), said,
      h("div", { class: "actions" }, h("label", { class: "btn second", for: "scan-photo", tabindex: "0", onkeydown: e => { if (e.key === "Enter") file.click(); } }, icon("camera"), t("Take a photo instead")), file, button(t("Stop"), leave, "second")));
    document.body.append(box);
    document.body.classList.add("scanning"); // what lies behind can neither be seen nor reached by keys
    addEventListener("popstate", leave);
    addEventListener("keydown", key);
    box.querySelector(".actions button").focus();
    watch(video, close).then(s => { stop = s; if (over) s(); }, e => {
      video.remove();
      fill(said, wrong(e.name === "NotAllowedError" ? t("The camera is not allowed here. Allow it in the browser's settings, or take a photo.") :
        lacking(e) ? t("The code reader is not on this phone yet. Open the app once where there is a signal.") :
          t("The camera cannot be opened here. Take a photo instead.")));
    });
  });
}
