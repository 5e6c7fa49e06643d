package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"cho40/qrgen"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/fieldwork"
	"cho40/web/lang"

	"github.com/labstack/echo/v4"
)

// The volunteer's app lives at /app: a shell that the phone keeps, and modules in static/app. Everything that it says to the service
// goes through the API; what it says to a person stands in the catalogue.

const (
	appPath      = "/app"
	workerPath   = "/app/worker.js"
	wordsPath    = "/app/words.json"
	manifestPath = "/app/manifest.webmanifest"
	scanner      = "app/zxing/" // below static/: loaded by the first scan, on a phone that has no reader of its own
)

// appCSP is what the app may do beyond a page: talk to the service, run the worker that keeps it, and compile the code reader.
var appCSP = strings.Replace(csp, "script-src 'self'", "script-src 'self' 'wasm-unsafe-eval'", 1) + "; connect-src 'self'; worker-src 'self'; manifest-src 'self'"

// shell is all that the app is made of, but the scanner.
type shell struct {
	page, worker, words, manifest []byte
}

// shellFiles are the files below static/ that a phone keeps from the first visit on.
func shellFiles() (files []string) {
	for name := range assets {
		inApp := strings.HasPrefix(name, "app/") && !strings.HasPrefix(name, scanner) && name != "app/worker.js"
		font := strings.HasPrefix(name, "fonts/") && strings.HasSuffix(name, ".woff2")
		if (inApp || font || slices.Contains([]string{"tokens.css", "app.css", "tiles.svg", "icons.svg", "favicon.svg", "petal-strip.svg"}, name)) && !strings.Contains(name, "LICENSE") && !strings.HasSuffix(name, ".png") {
			files = append(files, name)
		}
	}
	slices.Sort(files)
	return files
}

// shelled is the shell, made once: no part of it changes while the program runs.
var shelled = sync.OnceValue(func() shell {
	var s shell
	must := func(b []byte, err error) []byte {
		if err != nil {
			panic("web/app: " + err.Error()) // our own template, and values that are JSON
		}
		return b
	}
	var page bytes.Buffer
	must(nil, parsed().in[lang.Vi]["app.html"].ExecuteTemplate(&page, "app.html", nil))
	s.page = page.Bytes()
	s.words = must(json.Marshal(appWords()))
	s.manifest = must(json.Marshal(map[string]any{
		"id": appPath, "start_url": appPath, "scope": appPath, "name": "cho40", "short_name": "cho40", "lang": "vi", "display": "standalone",
		"background_color": "#f4f5ee", "theme_color": "#0b5d43",
		"icons": []map[string]string{
			{"src": "/static/app/icon-192.png", "sizes": "192x192", "type": "image/png"}, {"src": "/static/app/icon-512.png", "sizes": "512x512", "type": "image/png"}},
	}))
	worker := assets["app/worker.js"].plain
	paths := []string{appPath, wordsPath, manifestPath}
	sum, scan := sha256.New(), sha256.New()
	for _, part := range [][]byte{s.page, s.words, s.manifest, worker} {
		h := sha256.Sum256(part)
		sum.Write(h[:])
	}
	for _, name := range shellFiles() {
		paths = append(paths, staticPath(name))
		sum.Write([]byte(name + assets[name].etag))
	}
	for _, name := range scannerFiles() {
		scan.Write([]byte(name + assets[name].etag))
	}
	about := must(json.Marshal(map[string]any{"version": hex.EncodeToString(sum.Sum(nil)[:8]), "scanner": hex.EncodeToString(scan.Sum(nil)[:8]), "paths": paths}))
	s.worker = slices.Concat([]byte("const SHELL = "), about, []byte(";\n"), worker)
	return s
})

func scannerFiles() (files []string) {
	for name := range assets {
		if strings.HasPrefix(name, scanner) && !strings.Contains(name, "LICENSE") {
			files = append(files, name)
		}
	}
	slices.Sort(files)
	return files
}

// inModule finds what a module of the app says: t("…") and many(n, "…", "…").
var inModule = regexp.MustCompile(`\b(?:t\((` + jsQuoted + `)|many\([^",]+, (` + jsQuoted + `), (` + jsQuoted + `))`)

const jsQuoted = `"(?:[^"\\]|\\.)+"`

// appSentences are the sentences of the app's modules.
func appSentences() (list []string) {
	for name, a := range assets {
		if !strings.HasPrefix(name, "app/") || strings.HasPrefix(name, scanner) || !strings.HasSuffix(name, ".js") {
			continue
		}
		for _, m := range inModule.FindAllSubmatch(a.plain, -1) {
			for _, quoted := range m[1:] {
				if s, err := strconv.Unquote(string(quoted)); err == nil {
					list = append(list, s)
				}
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// words is what the app says: the Vietnamese of each of its sentences, and the codes of the record with their English.
type words struct {
	Vi        map[string]string `json:"vi"`
	Outcomes  []spoken          `json:"outcomes"`
	Barriers  []spoken          `json:"barriers"`
	Checklist []spoken          `json:"checklist"`
	Answers   []spoken          `json:"answers"`
	Tasks     []spoken          `json:"tasks"`
	Cards     []appCard         `json:"cards"`
	Providers []appProvider     `json:"providers"`
	Errors    map[string]string `json:"errors"` // what is wrong with a code, in English
}

type appCard struct {
	Code  string   `json:"code"`
	Head  string   `json:"head"`
	Words []string `json:"words"`
}

type appProvider struct {
	BIN  string `json:"bin"`
	Code string `json:"code"`
	Name string `json:"name"`
}

func appWords() words {
	w := words{Vi: map[string]string{}, Errors: map[string]string{}}
	keep := func(english string) string {
		w.Vi[english] = lang.Vietnamese()[english]
		return english
	}
	for _, s := range appSentences() {
		keep(s)
	}
	all := func(list []fieldwork.Word) []spoken {
		out := make([]spoken, len(list))
		for i, word := range list {
			out[i] = spoken{Code: word.Code, Name: keep(word.Words)}
		}
		return out
	}
	w.Outcomes, w.Checklist, w.Answers = all(fieldwork.Outcomes), all(fieldwork.Checklist), all(fieldwork.Answers)
	w.Tasks = all(fieldwork.TaskKinds)
	for _, b := range registry.Barriers {
		w.Barriers = append(w.Barriers, spoken{Code: b.Code, Name: keep(b.Words), ClearsIt: b.ClearsIt, Days: int(b.Again.Hours() / 24)})
	}
	for _, c := range fieldwork.Cards {
		card := appCard{Code: c.Code, Head: keep(c.Head)}
		for _, p := range c.Words {
			card.Words = append(card.Words, keep(p))
		}
		w.Cards = append(w.Cards, card)
	}
	for _, p := range qrgen.Providers() {
		w.Providers = append(w.Providers, appProvider{p.BIN, p.Code, p.Name})
	}
	for _, code := range payeeFaults {
		w.Errors[code] = keep(qrgen.Message(code))
	}
	return w
}

// payeeFaults are what the app may find wrong with a code, see static/app/emv.js.
var payeeFaults = []string{"empty", "too_long", "control_character", "crc_missing", "bad_crc", "crc_not_last", "truncated_tlv", "length_overrun", "bad_tag", "bad_length",
	"duplicate_tag", "missing_version", "version_not_first", "unsupported_version", "bad_poi", "missing_merchant_account", "not_vietqr", "missing_guid", "bad_guid",
	"missing_beneficiary", "missing_bin", "bad_bin", "missing_account", "account_too_long", "bad_account", "bad_service", "bad_mcc", "missing_currency", "bad_currency",
	"wrong_currency", "bad_amount", "amount_zero", "amount_too_long", "bad_tip_indicator", "missing_country", "wrong_country"}

// appFile answers with a part of the shell. A phone keeps it in a cache of its own, which asks again when the version changes.
func (s *Server) appFile(media string, body func(shell) []byte) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Content-Security-Policy", appCSP)
		if media == mediaOf[".js"] {
			h.Set("Service-Worker-Allowed", appPath)
		}
		b := body(s.shell)
		h.Set("Vary", "Accept-Encoding")
		if takesGzip(c) {
			h.Set(echo.HeaderContentEncoding, "gzip")
			b = gzipped(b)
		}
		return c.Blob(http.StatusOK, media, b)
	}
}
