package web

import (
	"io"
	"mime"
	"net/http"

	"cho40/internal/fault"
	"cho40/qrgen"
	"cho40/qrgen/photo"
	registry "cho40/vendor_registry"

	"github.com/labstack/echo/v4"
)

// reading is what a code says, in the words of qrgen.
type reading struct {
	Text     string         `json:"text,omitempty"`  // of a code in a picture
	Result   string         `json:"result"`          // accept, reject
	Error    string         `json:"error,omitempty"` // the rule that is broken
	Content  string         `json:"content,omitempty"`
	Warnings []string       `json:"warnings,omitzero"`
	Decoded  *qrgen.Decoded `json:"decoded,omitempty"`
}

// postDecode answers POST /api/v1/qr/decode: what a code says, given as text or in a picture.
func (s *Server) postDecode(c echo.Context) error {
	if media, _, _ := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType)); media == echo.MIMEMultipartForm {
		return s.decodePicture(c)
	}
	in, err := bindJSON[struct {
		Payload string `json:"payload"`
	}](c)
	if err != nil {
		return err
	}
	d, err := qrgen.Decode(in.Payload, qrgen.Lenient)
	if err != nil {
		f := registry.NotPayee(qrgen.Describe(in.Payload))
		if fe, ok := err.(*qrgen.FieldError); ok {
			f.With(fault.Field{Pointer: "payload", Code: fe.Code, Detail: fault.Text{Format: fe.Message()}})
		}
		return f.Because(err)
	}
	return c.JSON(http.StatusOK, reading{Result: "accept", Warnings: append([]string{}, d.Warnings...), Decoded: &d})
}

// decodePicture reports every code in a picture, also those that are no payee codes: with what they are instead.
func (s *Server) decodePicture(c echo.Context) error {
	file, err := uploaded(c)
	if err != nil {
		return err
	}
	data, err := io.ReadAll(io.LimitReader(file, photo.MaxBytes+1)) // one byte over the limit is enough to be told so
	if err != nil {
		return err
	}
	found, err := photo.Read(c.Request().Context(), data)
	if err != nil {
		return err
	}
	codes := make([]reading, len(found))
	for i, f := range found {
		codes[i] = reading{Text: f.Text, Result: "accept"}
		d, err := qrgen.Decode(f.Text, qrgen.Lenient)
		if fe, ok := err.(*qrgen.FieldError); ok {
			codes[i].Result, codes[i].Error, codes[i].Content = "reject", fe.Code, string(qrgen.Describe(f.Text))
			continue
		}
		codes[i].Warnings, codes[i].Decoded = append([]string{}, d.Warnings...), &d
	}
	return c.JSON(http.StatusOK, map[string]any{"codes": codes})
}
