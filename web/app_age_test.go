package web_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// newer are what Chrome learned after its version 100, by the version that has it. A phone in the market is often years behind: what the app
// cannot do without may use none of it.
var newer = map[string]map[string]string{
	".js": {
		`AbortSignal\.(timeout|any)\b`: "103, 116", `\.(toSorted|toReversed|toSpliced)\(|[\w\])]\.with\(`: "110", `Array\.fromAsync`: "121", `(Object|Map)\.groupBy`: "117",
		`Promise\.(withResolvers|try)`: "119, 128", `\.(union|intersection|difference|symmetricDifference|isSubsetOf|isSupersetOf|isDisjointFrom)\(`: "122",
		`\.(values|keys|entries)\(\)\.\w|\bIterator\.`: "122", `\.(isWellFormed|toWellFormed)\(`: "111", `\.(fromBase64|toBase64|setFromBase64)\(|Uint8Array\.fromHex`: "140",
		`URL\.(canParse|parse)\b`: "120, 126", `Response\.json\(`: "105", `\.bytes\(\)`: "132", `"deflate-raw"`: "103", `imageOrientation`: "112, as from-image",
		`\.(showPopover|hidePopover|togglePopover|requestClose|checkVisibility|setHTMLUnsafe|getHTML|moveBefore)\(|\bpopover\b`:   "105 to 134",
		`startViewTransition|\bCloseWatcher\b|\bfetchLater\b|\bTemporal\.|\bFloat16Array\b|scheduler\.yield|Intl\.DurationFormat`: "111 and later", `\binert\b`: "102",
		`import\.meta\.resolve`: "105", `^\s*(await )?using \w+ =`: "134", `\bwith \{ ?type:`: "123", `\(\?[ims]*(-[ims]+)?:.*\(\?[ims]+:`: "125", `/[dgimsy]*v[dgimsy]*\.(test|exec)\(`: "112",
		`window\.navigation|\bnavigation\.navigate`: "102", `"Ed25519"`: "137",
	},
	".css": {
		`@container|@scope|@starting-style|@view-transition`: "105 and later", `\b(color-mix|oklch|oklab|lab|lch|color|light-dark)\(`: "111, 123", `\d(dvh|svh|lvh|dvw|svw|lvw|lh|rlh|cqw|cqi)\b`: "108, 109, 105",
		`[;{]\s*(translate|rotate|scale)\s*:`: "104", `subgrid`: "117", `\((width|height|inline-size)\s*[<>]`: "104", `[{};]\s*&`: "112", `[;{]\s*mask(-image)?\s*:`: "120",
		`field-sizing|interpolate-size|anchor\(|position-area|animation-timeline|:popover-open|:user-(in)?valid|:modal|:dir\(`: "105 and later", `\b(round|mod|rem|sin|cos|linear)\(`: "111 to 125", `-child\([^)]* of `: "111",
	},
}

// guarded is what the app tries and does without: Chrome before 137 has signatures checked by a library.
var guarded = map[string][]string{`"Ed25519"`: {"static/app/vault.js"}}

func TestAppAsksNothingNewerThanChrome100(t *testing.T) {
	t.Parallel()
	var files []string
	for _, glob := range []string{"static/app/*.js", "static/app/*/*.js", "static/app/*/*/*.js", "static/app/phone.css", "static/app.css", "static/tokens.css"} {
		found, err := filepath.Glob(glob)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) < 22 {
		t.Fatalf("only %d files", len(files))
	}
	comment := regexp.MustCompile(`(?s:/\*.*?\*/)|(^|\s)// [^\n]*`)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := comment.ReplaceAllString(string(data), "")
		for pattern, version := range newer[filepath.Ext(file)] {
			if strings.Contains(strings.Join(guarded[pattern], " "), filepath.ToSlash(file)) {
				continue
			}
			asked := regexp.MustCompile(`(?m)^@supports [^{]*(` + pattern + `)[^{]*\{.*\}$`) // a line for whoever knows just this
			for _, found := range regexp.MustCompile(`(?m)`+pattern).FindAllString(asked.ReplaceAllString(text, ""), 3) {
				t.Errorf("%s has %q, which came with Chrome %s", file, found, version)
			}
		}
		if filepath.Ext(file) != ".css" {
			continue
		}
		// A selector that is not understood takes its whole rule with it. So :has, which came with 105, stands in rules of its own, and the app
		// can do without them.
		for _, rule := range regexp.MustCompile(`[^{}]*:has\([^{}]*\{`).FindAllString(text, -1) {
			depth, parts, from := 0, []string{}, 0
			for i, c := range rule {
				switch {
				case c == '(':
					depth++
				case c == ')':
					depth--
				case c == ',' && depth == 0:
					parts, from = append(parts, rule[from:i]), i+1
				}
			}
			for _, part := range append(parts, rule[from:]) {
				if !strings.Contains(part, ":has(") || strings.HasSuffix(file, "phone.css") {
					t.Errorf("%s: %q goes with :has on a Chrome before 105", file, strings.TrimSpace(part))
				}
			}
		}
	}
}
