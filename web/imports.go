package web

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

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
	Columns   []importColumn     `json:"columns"` // of a preview
	Rows      []importRow        `json:"rows"`
	Done      int                `json:"done,omitempty"` // of a commit that runs: symbols made
	Total     int                `json:"total,omitempty"`
	Problem   string             `json:"problem,omitempty"` // why the last commit failed
}

// importColumn is a column of a ledger and what it was taken for.
type importColumn struct {
	Column  string `json:"column"` // its letter
	Heading string `json:"heading"`
	Role    string `json:"role"` // empty: it is not read
	Guessed bool   `json:"guessed"`
}

type importRow struct {
	Row      int              `json:"row"`
	Fate     string           `json:"fate"`         // new, changed, unchanged, faulty
	ID       string           `json:"id,omitempty"` // of the stall in the record, where the file says it
	Code     string           `json:"code"`
	Section  string           `json:"section,omitempty"`
	Goods    string           `json:"goods,omitempty"`
	Vendor   string           `json:"vendor,omitempty"`
	Phone    string           `json:"phone,omitempty"`
	Holder   string           `json:"holder,omitempty"`
	Accounts []ledger.Account `json:"accounts,omitempty"`
	Proposed []ledger.Account `json:"proposed,omitempty"` // what a faulty cell may have meant: for a person to confirm
	Changes  []fieldChange    `json:"changes,omitempty"`
	Errors   []problemError   `json:"errors,omitempty"`
}

// fieldChange is what a row changes of a stall in the record; phones and accounts are masked.
type fieldChange = registry.FieldChange

func newImportPreview(l lang.Lang, im registry.Import) importPreview {
	p := importPreview{ID: im.Ref, State: im.State, ExpiresAt: im.ExpiresAt.Format("2006-01-02T15:04:05Z"), Report: NewReport(l, im.Report),
		Columns: make([]importColumn, len(im.Columns)), Rows: make([]importRow, len(im.Rows)), Done: im.Done, Total: im.Total}
	if im.Problem != nil {
		p.Problem = l.Text(*im.Problem)
	}
	for i, c := range im.Columns {
		p.Columns[i] = importColumn{c.Letter(), c.Heading, roleOf(c), c.Role != ledger.Unread && !c.Told}
	}
	for i, r := range im.Rows {
		p.Rows[i] = importRow{Row: r.Row.Row, Fate: r.Fate, ID: r.ID, Code: r.Code, Section: r.Section, Goods: r.Goods, Vendor: r.Vendor, Phone: r.Phone,
			Holder: r.Holder, Accounts: r.Accounts, Changes: r.Changes, Errors: toErrors(l, r.Faults)}
		for _, a := range r.Proposed {
			p.Rows[i].Proposed = append(p.Rows[i].Proposed, a.Account)
		}
	}
	return p
}

// roleOf is a column's role as a mapping says it: the code of a wallet or bank for the column of its numbers.
func roleOf(c ledger.Column) string {
	if c.Role == ledger.Number && c.Provider != "" {
		return c.Provider
	}
	return string(c.Role)
}

// uploaded is the file of a multipart form. Faults: Unsupported; TooLarge; Invalid file-missing.
func uploaded(c echo.Context) (*multipart.Part, error) {
	r, err := parts(c)
	if err != nil {
		return nil, err
	}
	for {
		part, err := r.NextPart()
		if err == io.EOF {
			return nil, fileMissing()
		}
		if err != nil {
			return nil, unreadable(err)
		}
		if part.FormName() == "file" && part.FileName() != "" {
			return part, nil
		}
	}
}

// parts are those of a multipart form. Faults: Unsupported.
func parts(c echo.Context) (*multipart.Reader, error) {
	media, args, err := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType))
	if err != nil || media != echo.MIMEMultipartForm || args["boundary"] == "" {
		return nil, fault.New(fault.Unsupported, "content-type", "Send the ledger as a form: multipart/form-data with the field file.")
	}
	return multipart.NewReader(http.MaxBytesReader(c.Response(), c.Request().Body, maxUpload), args["boundary"]), nil
}

func fileMissing() error {
	return fault.New(fault.Invalid, "file-missing", "Choose the ledger first.").With(fault.At("file", "required", "This must be filled in."))
}

// maxMapping bounds what is said of the columns beside a file.
const maxMapping = 64 << 10

// uploadedLedger is a form with a ledger, and what is said of its columns. Faults: Unsupported; TooLarge; Invalid file-missing,
// mapping-invalid.
func uploadedLedger(c echo.Context) (registry.Upload, error) {
	up := registry.Upload{Keep: true}
	r, err := parts(c)
	if err != nil {
		return up, err
	}
	for {
		part, err := r.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return up, unreadable(err)
		}
		if part.FormName() == "file" && part.FileName() != "" && up.Content == nil {
			file, err := io.ReadAll(part) // the mapping may stand behind it
			if err != nil {
				return up, unreadable(err)
			}
			up.File, up.Content = part.FileName(), bytes.NewReader(file)
			continue
		}
		value, err := io.ReadAll(io.LimitReader(part, maxMapping+1))
		if err != nil {
			return up, unreadable(err)
		}
		switch part.FormName() {
		case "mapping":
			if len(value) > maxMapping || !utf8.Valid(value) || json.Unmarshal(value, &up.Mapping) != nil {
				return up, mappingInvalid()
			}
		case "remember":
			up.Remember = string(value) == "true" || string(value) == "1"
		}
	}
	if up.Content == nil {
		return up, fileMissing()
	}
	return up, nil
}

func mappingInvalid() error {
	return fault.New(fault.Invalid, "mapping-invalid", "Some fields need mending.").
		With(fault.At("mapping", "form", "A JSON object: a column's heading or letter to what it holds."))
}

func unreadable(err error) error {
	if f := asFault(err); f.Kind == fault.TooLarge {
		return f
	}
	return fault.New(fault.Malformed, "request-malformed", "The request cannot be read.").Because(err)
}

// postImport answers POST /api/v1/markets/{market}/imports: a preview.
func (s *Server) postImport(c echo.Context) error {
	up, err := uploadedLedger(c)
	if err != nil {
		return err
	}
	im, err := s.reg(c).PreviewLedger(c.Request().Context(), actor(c), c.Param("market"), up)
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
	if err := afterCommit(c, func() error { s.meter.brought(r); return nil }); err != nil {
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

// postImportMapping answers POST /api/v1/imports/{import}/mapping: what the columns of a preview hold.
func (s *Server) postImportMapping(c echo.Context) error {
	in, err := bindJSON[struct {
		Mapping  map[string]string `json:"mapping"`
		Remember bool              `json:"remember"`
	}](c)
	if err != nil {
		return err
	}
	ref, err := importRef(c)
	if err != nil {
		return err
	}
	im, err := s.reg(c).MapImport(c.Request().Context(), actor(c), ref, in.Mapping, in.Remember)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, newImportPreview(language(c), im))
}

// postImportRows answers POST /api/v1/imports/{import}/rows: cells of a preview typed anew.
func (s *Server) postImportRows(c echo.Context) error {
	in, err := bindJSON[struct {
		Rows []registry.MendedRow `json:"rows"`
	}](c)
	if err != nil {
		return err
	}
	ref, err := importRef(c)
	if err != nil {
		return err
	}
	im, err := s.reg(c).MendImport(c.Request().Context(), actor(c), ref, in.Rows)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, newImportPreview(language(c), im))
}

// getFaultyRows answers GET /api/v1/imports/{import}/faulty.csv and faulty.xlsx: the rows that do not go in, as they stand, with
// what is wrong with each; mended there, the file can be uploaded.
func (s *Server) getFaultyRows(c echo.Context) error {
	l := language(c)
	ref, err := importRef(c)
	if err != nil {
		return err
	}
	faulty, err := s.reg(c).FaultyRows(c.Request().Context(), actor(c), ref)
	if err != nil {
		return err
	}
	kept := len(faulty.Headings) > 0
	head := slices.Clone(faulty.Headings)
	if !kept { // the import is over, and its file not kept
		head = []string{l.T("Column"), l.T("What stands there")}
	}
	table := [][]string{append(head, l.T("Place in the file"), l.T("What to do"))}
	for _, r := range faulty.Rows {
		where := strconv.Itoa(r.Row)
		if !kept {
			for _, f := range r.Faults {
				table = append(table, []string{f.Column, f.Value, where, l.Text(f.Detail)})
			}
			continue
		}
		line := make([]string, len(faulty.Headings), len(faulty.Headings)+2)
		copy(line, r.Cells)
		var why []string
		for _, f := range r.Faults {
			why = append(why, strings.TrimSpace(l.T("Column “%s”: %s", f.Column, l.Text(f.Detail))))
		}
		table = append(table, append(line, where, strings.Join(why, " ")))
	}
	var b bytes.Buffer
	write, kind, ending := ledger.WriteText, "text/csv; charset=utf-8", ".csv"
	if strings.HasSuffix(c.Request().URL.Path, ".xlsx") {
		write, kind, ending = ledger.WriteWorkbook, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".xlsx"
	}
	if err := write(&b, table); err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="faulty-rows`+ending+`"`)
	return c.Blob(http.StatusOK, kind, b.Bytes())
}
