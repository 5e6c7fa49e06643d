package web

import (
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/ledger"
	"cho40/web/lang"

	"github.com/labstack/echo/v4"
)

// maxUpload is a ledger and what multipart puts around it.
const maxUpload = 10<<20 + 64<<10

// Report is an import report as the file and the API give it.
type Report struct {
	File      string        `json:"file"`
	Rows      int           `json:"rows"`
	Good      int           `json:"good"`
	Vacant    int           `json:"vacant"`
	Faulty    int           `json:"faulty"`
	Unchanged int           `json:"unchanged"`
	Changed   int           `json:"changed"`
	Faults    []reportEntry `json:"faults"`
	Warnings  []reportEntry `json:"warnings"`
}

// reportEntry is one fault or warning of a ledger; detail is in the reader's language, and in English beside it.
type reportEntry struct {
	Row      int    `json:"row"` // as a spreadsheet counts; 0: the file as a whole
	Column   string `json:"column"`
	Code     string `json:"code"`
	Value    string `json:"value"`
	Detail   string `json:"detail"`
	DetailEn string `json:"detail_en"`
}

// NewReport says a report in a language.
func NewReport(l lang.Lang, r registry.Report) Report {
	entries := func(fields []fault.Field) []reportEntry {
		out := make([]reportEntry, len(fields))
		for i, f := range fields {
			out[i] = reportEntry{f.Row, f.Column, f.Code, f.Value, l.Text(f.Detail), lang.En.Text(f.Detail)}
		}
		return out
	}
	return Report{r.File, r.Rows, r.Good, r.Vacant, r.Faulty, r.Unchanged, r.Changed, entries(r.Faults), entries(r.Warnings)}
}

// importPreview is an import as the API shows it.
type importPreview struct {
	ID        registry.ImportRef `json:"id"`
	State     string             `json:"state"`
	ExpiresAt string             `json:"expires_at"`
	Report    Report             `json:"report"`
	Rows      []importRow        `json:"rows"`
}

type importRow struct {
	Row      int              `json:"row"`
	Fate     string           `json:"fate"` // new, changed, unchanged, faulty
	Code     string           `json:"code"`
	Section  string           `json:"section,omitempty"`
	Goods    string           `json:"goods,omitempty"`
	Vendor   string           `json:"vendor,omitempty"`
	Phone    string           `json:"phone,omitempty"`
	Accounts []ledger.Account `json:"accounts,omitempty"`
	Errors   []problemError   `json:"errors,omitempty"`
}

func newImportPreview(l lang.Lang, im registry.Import) importPreview {
	p := importPreview{ID: im.Ref, State: im.State, ExpiresAt: im.ExpiresAt.Format("2006-01-02T15:04:05Z"), Report: NewReport(l, im.Report), Rows: make([]importRow, len(im.Rows))}
	for i, r := range im.Rows {
		p.Rows[i] = importRow{r.Row.Row, r.Fate, r.Code, r.Section, r.Goods, r.Vendor, r.Phone, r.Accounts, toErrors(l, r.Faults)}
	}
	return p
}

// uploaded is the file of a multipart form. Faults: Unsupported; TooLarge; Invalid file-missing.
func uploaded(c echo.Context) (*multipart.Part, error) {
	media, args, err := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType))
	if err != nil || media != echo.MIMEMultipartForm || args["boundary"] == "" {
		return nil, fault.New(fault.Unsupported, "content-type", "Send the ledger as a form: multipart/form-data with the field file.")
	}
	r := multipart.NewReader(http.MaxBytesReader(c.Response(), c.Request().Body, maxUpload), args["boundary"])
	for {
		part, err := r.NextPart()
		if err == io.EOF {
			return nil, fault.New(fault.Invalid, "file-missing", "Choose the ledger first.").With(fault.At("file", "required", "This must be filled in."))
		}
		if err != nil {
			return nil, fault.New(fault.Malformed, "request-malformed", "The request cannot be read.").Because(err)
		}
		if part.FormName() == "file" && part.FileName() != "" {
			return part, nil
		}
	}
}

// postImport answers POST /api/v1/markets/{market}/imports: a preview.
func (s *Server) postImport(c echo.Context) error {
	file, err := uploaded(c)
	if err != nil {
		return err
	}
	im, err := s.reg(c).PreviewImport(c.Request().Context(), actor(c), c.Param("market"), file.FileName(), file, true)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderLocation, "/api/v1/imports/"+im.Ref.String())
	return c.JSON(http.StatusCreated, newImportPreview(language(c), im))
}

func importRef(c echo.Context) (registry.ImportRef, error) {
	return registry.ParseRef[registry.Import](c.Param("import"))
}

// getImport answers GET /api/v1/imports/{import}.
func (s *Server) getImport(c echo.Context) error {
	ref, err := importRef(c)
	if err != nil {
		return err
	}
	im, err := s.reg(c).Import(c.Request().Context(), actor(c), ref)
	if err != nil {
		return err
	}
	return hashed(c, http.StatusOK, newImportPreview(language(c), im))
}

// chosenRows is "good", or the numbers of rows.
type chosenRows []int

func (r *chosenRows) UnmarshalJSON(b []byte) error {
	if string(b) == `"good"` {
		*r = nil
		return nil
	}
	var rows []int
	if err := json.Unmarshal(b, &rows); err != nil || rows == nil {
		return fault.New(fault.Invalid, "import-invalid", "Some fields need mending.").
			With(fault.At("rows", "form", "Either good, or a list of row numbers."))
	}
	*r = rows
	return nil
}

// postImportCommit answers POST /api/v1/imports/{import}/commit.
func (s *Server) postImportCommit(c echo.Context) error {
	in, err := bindJSON[struct {
		Rows     chosenRows `json:"rows"`
		Attested string     `json:"attested"`
	}](c)
	if err != nil {
		return err
	}
	ref, err := importRef(c)
	if err != nil {
		return err
	}
	r, err := s.reg(c).CommitImport(c.Request().Context(), actor(c), ref, registry.CommitImport{Rows: in.Rows, Attested: in.Attested})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, NewReport(language(c), r))
}

// deleteImport answers DELETE /api/v1/imports/{import}: a preview is thrown away, a committed import is taken back.
func (s *Server) deleteImport(c echo.Context) error {
	ref, err := importRef(c)
	if err != nil {
		return err
	}
	if err := s.reg(c).DiscardImport(c.Request().Context(), actor(c), ref); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
