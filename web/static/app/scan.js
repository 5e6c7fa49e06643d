// Finds the text of a QR code: by the phone's own reader where it has one that works, else by ZXing, which is loaded for the first scan
// and kept from then on.

let reader, zxing;

async function native() {
  if (reader !== undefined) return reader;
  try {
    reader = "BarcodeDetector" in globalThis && (await BarcodeDetector.getSupportedFormats()).includes("qr_code") ? new BarcodeDetector({ formats: ["qr_code"] }) : null;
  } catch { reader = null; }
  return reader;
}

function library() {
  return zxing ??= import("/static/app/zxing/reader/index.js").then(async m => {
    await m.prepareZXingModule({ overrides: { locateFile: name => "/static/app/zxing/reader/" + name }, fireImmediately: true });
    return m;
  }).catch(e => { zxing = undefined; throw e; });
}

// prepare has the scanner at hand before it is needed: without a signal it cannot be fetched.
export async function prepare() { if (!await native()) await library(); }

// canvasOf draws a picture no larger than most pixels a side.
function canvasOf(source, width, height, most) {
  const by = Math.min(1, most / Math.max(width, height));
  const c = document.createElement("canvas");
  c.width = Math.max(1, Math.round(width * by));
  c.height = Math.max(1, Math.round(height * by));
  c.getContext("2d", { willReadFrequently: true }).drawImage(source, 0, 0, c.width, c.height);
  return c;
}

// textsIn lists the texts of the QR codes in a canvas.
async function textsIn(canvas, hard) {
  const own = await native();
  if (own) {
    try {
      const found = (await own.detect(canvas)).map(b => b.rawValue).filter(Boolean);
      if (found.length || !hard) return found;
    } catch { reader = null; } // it is there and does not work, as without Play services
  }
  const m = await library();
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return (await m.readBarcodes(data, { formats: ["QRCode"], tryHarder: hard, maxNumberOfSymbols: 4 })).filter(r => r.isValid).map(r => r.text);
}

// inPicture lists the texts of the codes in a photo.
export async function inPicture(file) {
  const picture = await createImageBitmap(file); // upright by itself; Chrome before 112 refuses to be told so
  try {
    for (const most of [1600, 3000]) {
      const found = await textsIn(canvasOf(picture, picture.width, picture.height, most), true);
      if (found.length) return found;
    }
    return [];
  } finally { picture.close(); }
}

// watch shows the camera in a video and calls seen with each text that it finds, until the returned function is called.
// It throws what getUserMedia throws when there is no camera or nobody allows it.
export async function watch(video, seen) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 720 } } });
  let on = true;
  const stop = () => {
    on = false;
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  };
  try {
    video.srcObject = stream;
    await video.play();
    await prepare();
  } catch (e) {
    stop();
    throw e;
  }
  (async () => {
    while (on) {
      if (video.videoWidth && !document.hidden) {
        try {
          for (const text of await textsIn(canvasOf(video, video.videoWidth, video.videoHeight, 960), false)) if (on) seen(text);
        } catch { /* the next frame may do */ }
      }
      await new Promise(r => setTimeout(r, 120));
    }
  })();
  return stop;
}
