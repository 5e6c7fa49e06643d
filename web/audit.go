package web

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"

	"github.com/labstack/echo/v4"
)

// getTrail answers GET /api/v1/markets/{market}/audit and, for the service's own chain, GET /api/v1/audit.
func (s *Server) getTrail(c echo.Context) error {
	var f registry.TrailFilter
	if err := bindQuery(c, &f); err != nil {
		return err
	}
	p, err := s.reg(c).Trail(c.Request().Context(), actor(c), c.Param("market"), f)
	if err != nil {
		return err
	}
	for i := range p.Items {
		p.Items[i].Text = traceSentence(language(c), p.Items[i].Action)
	}
	return c.JSON(http.StatusOK, p)
}

// verification is a verdict, and whether it is a good one.
type verification struct {
	Whole bool `json:"whole"`
	registry.Verdict
	Compared bool `json:"checkpoints"` // it was compared with the checkpoints outside the database too
}

func (s *Server) verified(c echo.Context) (verification, error) {
	v, err := s.reg(c).VerifyChain(c.Request().Context(), actor(c), c.Param("market"), s.points)
	return verification{v.Whole(), v, s.points != nil}, err
}

// getVerification answers GET /api/v1/markets/{market}/audit/verification and GET /api/v1/audit/verification.
func (s *Server) getVerification(c echo.Context) error {
	v, err := s.verified(c)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, v)
}

// getTrailFile answers GET /api/v1/markets/{market}/audit/exports/{file} and GET /api/v1/audit/exports/{file}: a whole chain, with its
// hashes, as docs/audit.md describes it. It changes nothing but that the chain says that it was taken out.
func (s *Server) getTrailFile(c echo.Context) error {
	format, write := "", func(io.Writer, registry.Evidence) error { return nil }
	var table *csv.Writer
	switch c.Param("file") {
	case "trail.jsonl":
		format, write = "jsonl", func(w io.Writer, e registry.Evidence) error { return json.NewEncoder(w).Encode(e) }
	case "trail.csv":
		format, write = "csv", func(_ io.Writer, e registry.Evidence) error { return table.Write(e.Cells()) }
	default:
		return fault.New(fault.NotFound, "not-found", "There is nothing at this address.")
	}
	return s.send(c, func(open Open) error {
		var w io.Writer
		err := s.reg(c).ExportTrail(c.Request().Context(), actor(c), c.Param("market"), format, func(name string) (err error) {
			if w, err = open(name + "." + format); err != nil || format != "csv" {
				return err
			}
			if _, err := io.WriteString(w, "\uFEFF"); err != nil {
				return err
			}
			table = csv.NewWriter(w)
			return table.Write(registry.EvidenceColumns)
		}, func(e registry.Evidence) error { return write(w, e) })
		if err == nil && table != nil {
			table.Flush()
			err = table.Error()
		}
		return err
	})
}
