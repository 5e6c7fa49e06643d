package web

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"
	"gopkg.in/yaml.v3"
)

// The API's document. It is written as YAML, with anchors for what repeats, and served as JSON.
//
//go:embed openapi.yaml
var openapiYAML []byte

// openapiJSON is the document as it is served. It is embedded, so what is wrong with it shows in the tests.
var openapiJSON = sync.OnceValue(func() []byte {
	var doc map[string]any
	if err := yaml.Unmarshal(openapiYAML, &doc); err != nil {
		panic("web/openapi.yaml: " + err.Error())
	}
	for key := range doc {
		if strings.HasPrefix(key, "x-") { // only there to hold anchors
			delete(doc, key)
		}
	}
	b, err := json.Marshal(doc)
	if err != nil {
		panic("web/openapi.yaml: " + err.Error())
	}
	return b
})

// openAPI answers GET /openapi.json.
func (s *Server) openAPI(c echo.Context) error { return c.JSONBlob(http.StatusOK, openapiJSON()) }

// docsPage is the document for people.
type docsPage struct {
	frame
	docsView
}

// docsPage answers GET /docs. The document is in English, as its names are.
func (s *Server) docsPage(c echo.Context) error {
	f := s.frame(c, "API", nil, "")
	f.Hidden = false
	return s.show(c, http.StatusOK, "docs.html", docsPage{f, docs()})
}

var docs = sync.OnceValue(func() docsView {
	v, err := newDocs(openapiYAML)
	if err != nil {
		panic("web/openapi.yaml: " + err.Error())
	}
	return v
})

// docsView is what the page shows.
type docsView struct {
	Summary string
	About   []string // paragraphs
	Tags    []docsTag
	Errors  []docsAnswer // what an operation lists of them is said here, once
	Schemas []docsSchema
}

type docsTag struct {
	Name, About string
	Operations  []docsOperation
}

type docsOperation struct {
	ID, Method, Path, Summary, About string
	Open                             bool // needs no sign-in
	Parameters                       []docsField
	Body                             []docsBody
	Answers                          []docsAnswer
	Errors                           []string // statuses
}

type docsBody struct {
	Media    string
	Type     docsType
	Examples []string
}

type docsAnswer struct {
	Status, About string
	Type          docsType
}

type docsSchema struct {
	Name, About string
	Type        docsType
	Fields      []docsField
}

type docsField struct {
	Name, In, About string
	Required        bool
	Type            docsType
}

// docsType says a schema in words; Ref is the one of the page's schemas that it points to.
type docsType struct{ Words, Ref string }

// spec is what the page reads of the document. Lists keep their order, which JSON objects would lose.
type spec struct {
	Info struct{ Summary, Description string }
	Tags []struct{ Name, Description string }

	Paths      ordered[map[string]yaml.Node]
	Components struct {
		Parameters map[string]parameter
		Responses  map[string]response
		Schemas    ordered[schema]
	}
}

type parameter struct {
	Ref                   string `yaml:"$ref"`
	Name, In, Description string
	Required              bool
	Schema                schema
}

type operation struct {
	ID                   string `yaml:"operationId"`
	Tags                 []string
	Summary, Description string
	Security             *[]any
	Parameters           []parameter
	Body                 struct{ Content ordered[media] } `yaml:"requestBody"`
	Responses            map[string]response
}

type response struct {
	Ref         string `yaml:"$ref"`
	Description string
	Content     ordered[media]
}

type media struct {
	Schema   schema
	Example  any
	Examples ordered[struct{ Value any }]
}

type schema struct {
	Ref         string `yaml:"$ref"`
	Description string
	Type        any
	Const       any
	Format      string
	Enum        []any
	OneOf       []schema `yaml:"oneOf"`
	Items       *schema
	Properties  ordered[schema]
	Required    []string
	MaxLength   int `yaml:"maxLength"`
}

// ordered is an object whose members keep their order.
type ordered[T any] struct {
	keys []string
	by   map[string]T
}

func (o *ordered[T]) UnmarshalYAML(n *yaml.Node) error {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if o.by == nil {
		o.by = map[string]T{}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Value == "<<" {
			if err := o.UnmarshalYAML(value); err != nil {
				return err
			}
			continue
		}
		var v T
		if err := value.Decode(&v); err != nil {
			return err
		}
		if _, there := o.by[key.Value]; !there {
			o.keys = append(o.keys, key.Value)
		}
		o.by[key.Value] = v
	}
	return nil
}

// name is the last part of a reference.
func name(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

func newDocs(source []byte) (docsView, error) {
	var d spec
	if err := yaml.Unmarshal(source, &d); err != nil {
		return docsView{}, err
	}
	v := docsView{Summary: d.Info.Summary}
	for part := range strings.SplitSeq(strings.TrimSpace(d.Info.Description), "\n\n") {
		v.About = append(v.About, plain(strings.ReplaceAll(part, "\n", " ")))
	}
	for _, t := range d.Tags {
		v.Tags = append(v.Tags, docsTag{Name: t.Name, About: t.Description})
	}
	errors := map[string]string{}
	for _, path := range d.Paths.keys {
		item := d.Paths.by[path]
		var shared []parameter
		if n, ok := item["parameters"]; ok {
			if err := n.Decode(&shared); err != nil {
				return v, err
			}
		}
		for _, method := range []string{"get", "post", "put", "patch", "delete"} {
			n, ok := item[method]
			if !ok {
				continue
			}
			var op operation
			if err := n.Decode(&op); err != nil {
				return v, err
			}
			op.Parameters = append(slices.Clone(shared), op.Parameters...)
			for status, r := range op.Responses {
				if r.Ref != "" {
					errors[status] = plain(d.Components.Responses[name(r.Ref)].Description)
				}
			}
			at := slices.IndexFunc(v.Tags, func(t docsTag) bool { return len(op.Tags) == 1 && t.Name == op.Tags[0] })
			if at >= 0 {
				v.Tags[at].Operations = append(v.Tags[at].Operations, d.operation(method, path, op))
			}
		}
	}
	for _, status := range slices.Sorted(maps.Keys(errors)) {
		v.Errors = append(v.Errors, docsAnswer{Status: status, About: errors[status]})
	}
	for _, key := range d.Components.Schemas.keys {
		s := d.Components.Schemas.by[key]
		v.Schemas = append(v.Schemas, docsSchema{Name: key, About: plain(s.Description), Type: s.words(), Fields: s.fields()})
	}
	return v, nil
}

func (d spec) operation(method, path string, op operation) docsOperation {
	o := docsOperation{ID: op.ID, Method: strings.ToUpper(method), Path: path, Summary: op.Summary, About: plain(op.Description),
		Open: op.Security != nil && len(*op.Security) == 0}
	for _, p := range op.Parameters {
		if p.Ref != "" {
			p = d.Components.Parameters[name(p.Ref)]
		}
		o.Parameters = append(o.Parameters, docsField{p.Name, p.In, plain(p.Description), p.Required, p.Schema.words()})
	}
	for _, kind := range op.Body.Content.keys {
		m := op.Body.Content.by[kind]
		o.Body = append(o.Body, docsBody{kind, m.Schema.words(), m.examples()})
	}
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		r := op.Responses[status]
		if r.Ref != "" {
			o.Errors = append(o.Errors, status)
			continue
		}
		a := docsAnswer{Status: status, About: plain(r.Description)}
		for _, kind := range r.Content.keys {
			a.Type = r.Content.by[kind].Schema.words()
			if a.Type.Words == "" && a.Type.Ref == "" {
				a.Type.Words = kind
			}
		}
		o.Answers = append(o.Answers, a)
	}
	return o
}

func (m media) examples() []string {
	values := []any{}
	if m.Example != nil {
		values = append(values, m.Example)
	}
	for _, key := range m.Examples.keys {
		values = append(values, m.Examples.by[key].Value)
	}
	var out []string
	for _, v := range values {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if e.Encode(v) == nil {
			out = append(out, strings.TrimSpace(b.String()))
		}
	}
	return out
}

// fields lists the members of an object.
func (s schema) fields() []docsField {
	var out []docsField
	for _, key := range s.Properties.keys {
		p := s.Properties.by[key]
		out = append(out, docsField{Name: key, About: plain(p.Description), Required: slices.Contains(s.Required, key), Type: p.words()})
		inner := p
		mark := "."
		if p.Items != nil {
			inner, mark = *p.Items, "[]."
		}
		for _, f := range inner.fields() { // written out in place, not a schema of its own
			f.Name = key + mark + f.Name
			out = append(out, f)
		}
	}
	return out
}

// words says a type as briefly as it can be said.
func (s schema) words() docsType {
	switch {
	case s.Ref != "":
		return docsType{Ref: name(s.Ref)}
	case s.Const != nil:
		b, _ := json.Marshal(s.Const)
		return docsType{Words: string(b)}
	case len(s.OneOf) > 0:
		var t docsType
		var words []string
		for _, one := range s.OneOf {
			w := one.words()
			if w.Ref != "" {
				t.Ref = w.Ref
				continue
			}
			words = append(words, w.Words)
		}
		t.Words = strings.Join(words, " or ")
		if t.Ref != "" {
			t.Words = "or " + t.Words
		}
		return t
	case s.Items != nil:
		t := s.Items.words()
		t.Words = strings.TrimSpace("list of " + t.Words)
		return t
	case len(s.Enum) > 0:
		var words []string
		for _, e := range s.Enum {
			if e == nil {
				e = "null"
			}
			if w, ok := e.(string); ok {
				words = append(words, w)
			}
		}
		return docsType{Words: strings.Join(words, " | ")}
	}
	var t string
	switch typ := s.Type.(type) {
	case string:
		t = typ
	case []any:
		for i, one := range typ {
			if i > 0 {
				t += " or "
			}
			t += one.(string)
		}
	}
	if s.Format != "" {
		t += ", " + s.Format
	}
	if s.MaxLength > 0 {
		t += ", at most " + strconv.Itoa(s.MaxLength) + " characters"
	}
	return docsType{Words: t}
}

// plain drops the marks of code, which the page shows as words.
func plain(s string) string { return strings.ReplaceAll(strings.TrimSpace(s), "`", "") }
