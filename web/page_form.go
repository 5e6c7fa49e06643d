package web

import (
	"cmp"
	"net/url"

	registry "cho40/vendor_registry"

	"github.com/labstack/echo/v4"
)

// pageForm is a form of a page, folded until it is wanted.
type pageForm struct {
	ID, Head   string
	Action     string
	Means      []string // what happens when it is sent
	Fields     []formField
	Button     string
	Stops      bool // it takes something away
	Upload     bool
	Version    string // of what it changes; empty: it adds
	Wrong      wrong
	Warnings   []string // what may be in the record already
	Open, Sure bool     // unfolded; the warnings were shown, and can be confirmed
}

// formField is a field of a form: a line of text, unless Type or Options say another.
type formField struct {
	ID, Name, Label, Hint, Value string
	Type, Mode                   string // date, checkbox, file, lines (of text); its keyboard
	Options                      []choice
	Required, Whole              bool // must be filled in; takes the whole width
	Said                         said
}

// DescribedBy are the ids of what stands below the field.
func (f formField) DescribedBy() string {
	return paperField{ID: f.ID, Hint: f.Hint, Said: f.Said}.DescribedBy()
}

// filledForm is what was sent of a page's form, and what is wrong with it.
type filledForm struct {
	id       string // empty: none was sent
	values   url.Values
	wrong    wrong
	warnings []registry.Duplicate

	number  revealed // what was asked to be seen in full
	sharing wrong    // what was wrong with a consent to share
}

// made fills a form with what was sent, or with what it begins with.
func (f pageForm) made(c echo.Context, sent filledForm, begins url.Values) pageForm {
	l := language(c)
	if sent.id == f.ID {
		begins, f.Wrong, f.Open = sent.values, sent.wrong, true
		for _, w := range sent.warnings {
			f.Warnings = append(f.Warnings, l.Text(w.Text))
		}
		f.Sure = len(f.Warnings) > 0
	}
	for i := range f.Fields {
		field := &f.Fields[i]
		field.ID, field.Value = f.ID+"-"+field.Name, begins.Get(field.Name)
		field.Said = said{ID: field.ID + "-err"}
		for _, pointer := range append([]string{field.Name}, pointers[field.Name]...) {
			field.Said.Text = cmp.Or(field.Said.Text, f.Wrong.At(pointer))
		}
		for n := range field.Options {
			field.Options[n].Chosen = field.Options[n].Value == field.Value
		}
	}
	return f
}

// pointers are the parts of a body that a form's fields fill, where they are called otherwise.
var pointers = map[string][]string{"name": {"vendor/name", "vendor"}, "phone": {"vendor/phone"}, "provider": {"accounts/0/provider"}, "number": {"accounts/0/number"},
	"holder": {"accounts/0/holder"}, "relation": {"accounts/0/holder_relation"}, "months_from": {"season"}, "given": {"consent/given", "consent"}}
