package web

import (
	"net/http"

	registry "cho40/vendor_registry"
	"cho40/vendor_registry/fieldwork"
	"cho40/web/lang"

	"github.com/jackc/pgx/v5"
	"github.com/labstack/echo/v4"
)

// field is field work for a request: on the pool, or inside the transaction in which the request's key is kept.
func (s *Server) field(c echo.Context) *fieldwork.Service {
	if tx, ok := c.Request().Context().Value(txKey).(pgx.Tx); ok {
		return s.fieldwork.On(tx)
	}
	return s.fieldwork
}

// postVisit answers POST /api/v1/markets/{market}/stalls/{stall}/visits.
func (s *Server) postVisit(c echo.Context) error {
	in, err := bindJSON[fieldwork.NewVisit](c)
	if err != nil {
		return err
	}
	v, err := s.field(c).RecordVisit(c.Request().Context(), actor(c), c.Param("market"), param(c, "stall"), in)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderLocation, "/api/v1/visits/"+v.Ref.String())
	return hashed(c, made(v.Again), v)
}

// getVisits answers GET /api/v1/markets/{market}/visits.
func (s *Server) getVisits(c echo.Context) error {
	var q struct {
		fieldwork.VisitFilter
		From  string `query:"from"`
		Until string `query:"until"`
	}
	err := bindQuery(c, &q)
	if err == nil && q.From != "" {
		q.VisitFilter.From, err = registry.ParseDay(q.From)
	}
	if err == nil && q.Until != "" {
		q.VisitFilter.Until, err = registry.ParseDay(q.Until)
	}
	if err != nil {
		return err
	}
	p, err := s.field(c).Visits(c.Request().Context(), actor(c), c.Param("market"), q.VisitFilter)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, p)
}

// getVisit answers GET /api/v1/visits/{visit}.
func (s *Server) getVisit(c echo.Context) error {
	ref, err := registry.ParseRef[fieldwork.Visit](c.Param("visit"))
	if err != nil {
		return err
	}
	v, err := s.field(c).Visit(c.Request().Context(), actor(c), ref)
	if err != nil {
		return err
	}
	return hashed(c, http.StatusOK, v)
}

// postVoid answers POST /api/v1/visits/{visit}/void: it was recorded wrongly.
func (s *Server) postVoid(c echo.Context) error {
	in, err := bindJSON[struct {
		Reason string `json:"reason"`
	}](c)
	if err != nil {
		return err
	}
	ref, err := registry.ParseRef[fieldwork.Visit](c.Param("visit"))
	if err != nil {
		return err
	}
	v, err := s.field(c).VoidVisit(c.Request().Context(), actor(c), ref, in.Reason)
	if err != nil {
		return err
	}
	return hashed(c, http.StatusOK, v)
}

// spoken is a code of the record in the reader's language.
type spoken struct {
	Code     string `json:"code"`
	Name     string `json:"name"`
	ClearsIt string `json:"clears_it,omitempty"`  // of a barrier: volunteer, board, provider, nobody
	Days     int    `json:"again_days,omitempty"` // of a barrier: after which one asks again
}

// getFieldWords answers GET /api/v1/field-words: what a visit may say, for the phone's buttons.
func (s *Server) getFieldWords(c echo.Context) error {
	l := language(c)
	say := func(words []fieldwork.Word) []spoken {
		out := make([]spoken, len(words))
		for i, word := range words {
			out[i] = spoken{Code: word.Code, Name: l.T(word.Words)}
		}
		return out
	}
	barriers := make([]spoken, len(registry.Barriers))
	for i, barrier := range registry.Barriers {
		barriers[i] = spoken{Code: barrier.Code, Name: l.T(barrier.Words), ClearsIt: barrier.ClearsIt, Days: int(barrier.Again.Hours() / 24)}
	}
	return hashed(c, http.StatusOK, map[string][]spoken{"outcomes": say(fieldwork.Outcomes), "barriers": barriers,
		"checklist": say(fieldwork.Checklist), "answers": say(fieldwork.Answers), "tasks": say(fieldwork.TaskKinds), "closings": closings(l)})
}

// closings are how incidents end, in words.
func closings(l lang.Lang) []spoken {
	out := make([]spoken, len(registry.Closings))
	for i, closing := range registry.Closings {
		out[i] = spoken{Code: closing.Code, Name: l.T(closing.Words)}
	}
	return out
}
