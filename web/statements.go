package web

import (
	"bytes"
	"net/http"

	"cho40/printing"
	"cho40/vendor_registry/fieldwork"
	"cho40/web/lang"

	"github.com/labstack/echo/v4"
)

// getStatements answers GET /api/v1/teams/{team}/statements: the months of a team's members.
func (s *Server) getStatements(c echo.Context) error {
	all, err := s.field(c).Statements(c.Request().Context(), actor(c), c.Param("team"), c.QueryParam("month"))
	return items(c, all, err)
}

// getStatementsFile answers GET /api/v1/teams/{team}/statements.xlsx: the same for whoever pays the allowance.
func (s *Server) getStatementsFile(c echo.Context) error {
	month := c.QueryParam("month")
	all, err := s.field(c).Statements(c.Request().Context(), actor(c), c.Param("team"), month)
	if err != nil {
		return err
	}
	l := language(c)
	var b bytes.Buffer
	if err := fieldwork.WriteStatements(&b, month, []string{l.T("Name"), l.T("Visits that count"), l.T("Placards hung"), l.T("Checks"), l.T("Visits that nothing shows"), l.T("Signed by"), l.T("Signed on")}, all); err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="`+c.Param("team")+`-`+month+`.xlsx"`)
	return c.Blob(http.StatusOK, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", b.Bytes())
}

// getStatementsPaper answers GET /api/v1/teams/{team}/statements.pdf: the same to be signed by hand, of one member with ?member=.
func (s *Server) getStatementsPaper(c echo.Context) error {
	m, err := s.field(c).Month(c.Request().Context(), actor(c), c.Param("team"), c.QueryParam("month"), c.QueryParam("member"))
	if err != nil {
		return err
	}
	l := language(c)
	if chosen := c.QueryParam("lang"); chosen != "" {
		l = lang.Parse(chosen)
	}
	var b bytes.Buffer
	if err := printing.WriteTable(&b, monthPaper(l, m)); err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="`+m.Team.Code+`-`+m.From.String()[:7]+`.pdf"`)
	return c.Blob(http.StatusOK, "application/pdf", b.Bytes())
}

// postStatement answers POST /api/v1/teams/{team}/statements: whoever leads signs a member's month.
func (s *Server) postStatement(c echo.Context) error {
	in, err := bindJSON[struct {
		Member fieldwork.MemberID `json:"member"`
		Month  string             `json:"month"`
	}](c)
	if err != nil {
		return err
	}
	st, err := s.field(c).SignStatement(c.Request().Context(), actor(c), c.Param("team"), in.Member, in.Month)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, st)
}
