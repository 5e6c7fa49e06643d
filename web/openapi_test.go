package web_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cho40/printing"
	"cho40/qrgen"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/fieldwork"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/labstack/echo/v4"
)

// outside are the routes beside /api/v1 that programs may rely on too.
var outside = []string{"/healthz", "/readyz", "/v/:serial"}

// apiRoutes are the routes that the document has to describe, as "GET /api/v1/markets/{market}".
func apiRoutes(e *echo.Echo) []string {
	var out []string
	param := regexp.MustCompile(`:(\w+)`)
	for _, r := range e.Routes() {
		if strings.HasPrefix(r.Path, "/api/") || slices.Contains(outside, r.Path) {
			out = append(out, r.Method+" "+param.ReplaceAllString(r.Path, "{$1}"))
		}
	}
	slices.Sort(out)
	return out
}

// endings are those of one route's parameter.
var endings = regexp.MustCompile(`\}(\.slips?)?\.(pdf|zip|png)$`)

func TestDocumentAndRoutes(t *testing.T) {
	t.Parallel()
	d := document(t)
	if err := d.Validate(t.Context()); err != nil {
		t.Fatalf("openapi.yaml: %v", err)
	}
	var described []string
	for path, item := range d.Paths.Map() {
		for method := range item.Operations() {
			path := endings.ReplaceAllString(path, "}")
			described = append(described, method+" "+path)
		}
	}
	slices.Sort(described)
	described = slices.Compact(described)
	w := newWorld(t)
	routes := apiRoutes(w.h.(*echo.Echo))
	for _, r := range routes {
		if !slices.Contains(described, r) {
			t.Errorf("%s is served, and not in the document", r)
		}
	}
	for _, r := range described {
		if !slices.Contains(routes, r) {
			t.Errorf("%s is in the document, and not served", r)
		}
	}
}

// secretive are the operations whose answer holds a secret, and so is kept under no key.
var secretive = []string{"signIn", "signInByPIN", "stepUp", "enrolPhone", "beginSecondFactor", "confirmSecondFactor", "makeRecoveryCodes", "addPerson", "makeLink", "addKey", "addWebhook", "rotateKey", "revealNumber", "copyOfPerson"}

// TestDocumentOperations holds every operation to the same habits.
func TestDocumentOperations(t *testing.T) {
	t.Parallel()
	d := document(t)
	seen := map[string]bool{}
	for path, item := range d.Paths.Map() {
		for method, op := range item.Operations() {
			name := method + " " + path
			if op.OperationID == "" || seen[op.OperationID] {
				t.Errorf("%s: operationId %q is empty or used twice", name, op.OperationID)
			}
			seen[op.OperationID] = true
			if op.Summary == "" || len(op.Tags) != 1 || d.Tags.Get(op.Tags[0]) == nil {
				t.Errorf("%s: needs a summary and one tag of the list", name)
			}
			if !strings.HasPrefix(path, "/api/") {
				continue
			}
			if key := has(op, "Idempotency-Key"); key != (method == http.MethodPost && !slices.Contains(secretive, op.OperationID)) {
				t.Errorf("%s: takes an Idempotency-Key: %v", name, key)
			}
			want := []string{"400", "401", "403", "422", "429", "500", "503"}
			if op.RequestBody != nil {
				want = append(want, "413", "415")
			}
			if has(op, "If-Match") {
				want = append(want, "412", "428")
			}
			for _, status := range want {
				if op.Responses.Value(status) == nil {
					t.Errorf("%s: does not say when it answers %s", name, status)
				}
			}
		}
	}
	for name, s := range d.Components.Schemas {
		// What is invented by the reader's own fields would go unnoticed.
		if s.Value.Type.Is("object") && s.Value.AdditionalProperties.Has == nil {
			t.Errorf("schema %s lets unknown fields through", name)
		}
	}
}

func has(op *openapi3.Operation, parameter string) bool {
	return slices.ContainsFunc(op.Parameters, func(p *openapi3.ParameterRef) bool { return p.Value.Name == parameter })
}

// TestDocumentWords ties the document's lists of words to those of the program.
func TestDocumentWords(t *testing.T) {
	t.Parallel()
	d := document(t)
	enum := func(schema string, property ...string) []string {
		s := d.Components.Schemas[schema].Value
		for _, p := range property {
			s = s.Properties[p].Value
		}
		var out []string
		for _, v := range s.Enum {
			if v != nil {
				out = append(out, v.(string))
			}
		}
		return out
	}
	var sheets []string
	for _, s := range printing.Sheets() {
		sheets = append(sheets, s.Name())
	}
	states := []registry.State{registry.StateProposed, registry.StateApproved, registry.StateSuperseded, registry.StateRejected,
		registry.StateWithdrawn, registry.StateExpired}
	for _, tt := range []struct {
		name      string
		got, want []string
	}{
		{"stages", enum("Stage"), registry.StageNames},
		{"barriers", enum("BarrierCode"), barrierCodes()},
		{"what there is to do", enum("TodoKind"), fieldCodes(fieldwork.TaskKinds)},
		{"outcomes", enum("Outcome"), fieldCodes(fieldwork.Outcomes)},
		{"checklist", enum("ChecklistItem"), fieldCodes(fieldwork.Checklist)},
		{"what a phone sends", enum("ItemKind"), fieldwork.ItemKinds},
		{"wordings of a consent", enum("Wording"), registry.ConsentWordings},
		{"wordings of a consent to sharing", enum("NewSharing", "version"), registry.SharingWordings},
		{"sheets", enum("Sheet"), sheets},
		{"states of an account", enum("AccountState"), words(states)},
		{"roles", enum("Grant", "role"), words([]registry.Role{registry.Clerk, registry.Manager, registry.Volunteer, registry.Leader,
			registry.Officer, registry.Partner, registry.Auditor, registry.Admin})},
		{"scopes", enum("Grant", "scope"), words([]registry.ScopeKind{registry.OverMarket, registry.OverArea, registry.OverTeam,
			registry.OverProvider, registry.OverAll})},
	} {
		if !slices.Equal(tt.got, tt.want) {
			t.Errorf("%s: the document has %q, the program %q", tt.name, tt.got, tt.want)
		}
	}
}

func fieldCodes(words []fieldwork.Word) (out []string) {
	for _, w := range words {
		out = append(out, w.Code)
	}
	return out
}

func barrierCodes() (out []string) {
	for _, b := range registry.Barriers {
		out = append(out, b.Code)
	}
	return out
}

func words[T ~string](in []T) []string {
	out := make([]string, len(in))
	for i, w := range in {
		out[i] = string(w)
	}
	return out
}

// TestDocumentExamples: a payload that is shown is one that a phone would take.
func TestDocumentExamples(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal(document(t))
	if err != nil {
		t.Fatal(err)
	}
	payloads := regexp.MustCompile(`"000201[^"]+"`).FindAllString(string(b), -1)
	if len(payloads) == 0 {
		t.Fatal("no payload is shown")
	}
	for _, p := range payloads {
		if _, err := qrgen.Decode(strings.Trim(p, `"`), qrgen.Strict); err != nil {
			t.Errorf("%s: %v", p, err)
		}
	}
}

// TestDocumentRefuses: the checks that every other test relies on do find what is wrong.
func TestDocumentRefuses(t *testing.T) {
	t.Parallel()
	d := document(t)
	get := func(path, body string) func() error {
		return func() error {
			return d.differs(httptest.NewRequest(http.MethodGet, path, nil), &answer{http.StatusOK,
				http.Header{"Content-Type": {"application/json"}, "Etag": {`"01a2b3c4-d5e6-7f80-9123-456789abcdef.1"`}}, []byte(body)})
		}
	}
	const market = `{"code":"VT","name":"Chợ","demo":false,"created_at":"2026-11-22T02:00:00Z"`
	for _, tt := range []struct {
		name  string
		check func() error
		right bool
	}{
		{"as described", get("/api/v1/markets/VT", market+`}`), true},
		{"a field more", get("/api/v1/markets/VT", market+`,"rich":true}`), false},
		{"a field less", get("/api/v1/markets/VT", `{"code":"VT"}`), false},
		{"a text for a number", get("/api/v1/markets/VT", market+`,"planned_stalls":"500"}`), false},
		{"a time of another zone", get("/api/v1/markets/VT", strings.Replace(market, "00Z", "00+07:00", 1)+`}`), false},
		{"a field more inside a list", get("/api/v1/markets", `{"items":[`+market+`,"rich":true}],"next_cursor":null}`), false},
		{"null where a text may be null", get("/api/v1/markets", `{"items":[`+market+`}],"next_cursor":null}`), true},
		{"a list without its cursor", get("/api/v1/markets", `{"items":[]}`), false},
		{"a stage that is none", get("/api/v1/markets/VT/stalls", `{"items":[{"code":"A","section":"","goods":"","status":"vacant","stage":"rich","suspended":false,"overdue":false,"vendor":null,"phone":null,"provider":null}],"next_cursor":null}`), false},
		{"no version", func() error {
			return d.differs(httptest.NewRequest(http.MethodGet, "/api/v1/markets/VT", nil), &answer{http.StatusOK,
				http.Header{"Content-Type": {"application/json"}}, []byte(market + `}`)})
		}, false},
		{"a status that is not listed", func() error {
			return d.differs(httptest.NewRequest(http.MethodGet, "/api/v1/markets/VT", nil), &answer{http.StatusTeapot, http.Header{}, nil})
		}, false},
		{"another content type", func() error {
			return d.differs(httptest.NewRequest(http.MethodGet, "/api/v1/markets", nil), &answer{http.StatusOK, http.Header{"Content-Type": {"text/csv"}}, nil})
		}, false},
	} {
		if err := tt.check(); (err == nil) != tt.right {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestDocsPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/docs", nil))
	page := rec.Body.String()
	if rec.Code != http.StatusOK || !strings.HasPrefix(rec.Header().Get("Content-Type"), "text/html") {
		t.Fatalf("status %d, %s", rec.Code, rec.Header().Get("Content-Type"))
	}
	d := document(t)
	for path, item := range d.Paths.Map() {
		for _, op := range item.Operations() {
			if !strings.Contains(page, `id="`+op.OperationID+`"`) || !strings.Contains(page, path) {
				t.Errorf("%s (%s) is not on the page", op.OperationID, path)
			}
		}
	}
	for name := range d.Components.Schemas {
		if !strings.Contains(page, `id="schema-`+name+`"`) {
			t.Errorf("schema %s is not on the page", name)
		}
	}
	for _, ref := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if !strings.Contains(page, `id="`+ref[1]+`"`) {
			t.Errorf("the page points to #%s, which is not there", ref[1])
		}
	}
	for _, no := range []string{"<script", " style=", "<style", " onclick", "http://", "&lt;nil&gt;", "<no value>"} {
		if strings.Contains(page, no) {
			t.Errorf("the page holds %q", no)
		}
	}
}
