package web

import (
	"net/http"
	"slices"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/vendor_registry/fieldwork"

	"github.com/labstack/echo/v4"
)

// getTeams answers GET /api/v1/teams.
func (s *Server) getTeams(c echo.Context) error {
	var f fieldwork.TeamFilter
	if err := bindQuery(c, &f); err != nil {
		return err
	}
	p, err := s.field(c).Teams(c.Request().Context(), actor(c), f)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, p)
}

// postTeam answers POST /api/v1/teams.
func (s *Server) postTeam(c echo.Context) error {
	in, err := bindJSON[fieldwork.NewTeam](c)
	if err != nil {
		return err
	}
	t, err := s.field(c).AddTeam(c.Request().Context(), actor(c), in)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderLocation, "/api/v1/teams/"+t.Code)
	return tagged(c, http.StatusCreated, t.ETag(), t)
}

// getTeam answers GET /api/v1/teams/{team}.
func (s *Server) getTeam(c echo.Context) error {
	t, err := s.field(c).Team(c.Request().Context(), actor(c), c.Param("team"))
	return team(c, http.StatusOK, t, err)
}

func team(c echo.Context, code int, t fieldwork.Team, err error) error {
	if err != nil {
		return err
	}
	return tagged(c, code, t.ETag(), t)
}

// patchTeam answers PATCH /api/v1/teams/{team}.
func (s *Server) patchTeam(c echo.Context) error {
	in, err := bindJSON[fieldwork.ChangedTeam](c)
	if err != nil {
		return err
	}
	t, err := s.field(c).ChangeTeam(c.Request().Context(), actor(c), c.Param("team"), c.Request().Header.Get("If-Match"), in)
	return team(c, http.StatusOK, t, err)
}

// putTeamMarket answers PUT /api/v1/teams/{team}/markets/{market}: the team goes there, to all of it or to some rows.
func (s *Server) putTeamMarket(c echo.Context) error {
	in, err := bindJSON[struct {
		Sections []string `json:"sections"`
	}](c)
	if err != nil {
		return err
	}
	t, err := s.field(c).AssignMarket(c.Request().Context(), actor(c), c.Param("team"), c.Param("market"), in.Sections)
	return team(c, http.StatusOK, t, err)
}

// deleteTeamMarket answers DELETE /api/v1/teams/{team}/markets/{market}.
func (s *Server) deleteTeamMarket(c echo.Context) error {
	if err := s.field(c).ReleaseMarket(c.Request().Context(), actor(c), c.Param("team"), c.Param("market")); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// postMember answers POST /api/v1/teams/{team}/members.
func (s *Server) postMember(c echo.Context) error {
	in, err := bindJSON[fieldwork.NewMember](c)
	if err != nil {
		return err
	}
	t, m, err := s.field(c).AddMember(c.Request().Context(), actor(c), c.Param("team"), in)
	return member(c, http.StatusCreated, t, m, err)
}

// member is somebody of a team, with what the team is warned of.
func member(c echo.Context, code int, t fieldwork.Team, m fieldwork.Member, err error) error {
	if err != nil {
		return err
	}
	return tagged(c, code, m.ETag(), struct {
		fieldwork.Member
		Warnings []string `json:"warnings"`
	}{m, t.Warnings})
}

// patchMember answers PATCH /api/v1/teams/{team}/members/{member}.
func (s *Server) patchMember(c echo.Context) error {
	in, err := bindJSON[fieldwork.ChangedMember](c)
	if err != nil {
		return err
	}
	which, err := id.Parse[fieldwork.Member](c.Param("member"))
	if err != nil {
		which = fieldwork.MemberID{} // of none: whether the team is there is said first
	}
	t, m, err := s.field(c).ChangeMember(c.Request().Context(), actor(c), c.Param("team"), which, c.Request().Header.Get("If-Match"), in)
	return member(c, http.StatusOK, t, m, err)
}

// postRoster answers POST /api/v1/teams/{team}/roster: the members in a file.
func (s *Server) postRoster(c echo.Context) error {
	roster, err := s.roster(c)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct {
		fieldwork.Roster
		Faults []problemError `json:"faults"`
	}{roster, toErrors(language(c), roster.Faults)})
}

func (s *Server) roster(c echo.Context) (fieldwork.Roster, error) {
	c.Request().Body = http.MaxBytesReader(c.Response(), c.Request().Body, maxUpload)
	h, err := c.FormFile("file")
	if err != nil {
		return fieldwork.Roster{}, fault.New(fault.Invalid, "file-missing", "Send the file in a form field named file.").Because(err)
	}
	f, err := h.Open()
	if err != nil {
		return fieldwork.Roster{}, err
	}
	defer f.Close()
	return s.field(c).ImportRoster(c.Request().Context(), actor(c), c.Param("team"), h.Filename, f)
}

// getTrainings answers GET /api/v1/teams/{team}/trainings.
func (s *Server) getTrainings(c echo.Context) error {
	ts, err := s.field(c).Trainings(c.Request().Context(), actor(c), c.Param("team"))
	return items(c, ts, err)
}

// postTraining answers POST /api/v1/teams/{team}/trainings.
func (s *Server) postTraining(c echo.Context) error {
	in, err := bindJSON[fieldwork.Training](c)
	if err != nil {
		return err
	}
	t, err := s.field(c).AddTraining(c.Request().Context(), actor(c), c.Param("team"), in)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, t)
}

// getCards answers GET /api/v1/cards: what every member reads first, in the reader's language.
func (s *Server) getCards(c echo.Context) error {
	read, err := s.field(c).CardsRead(c.Request().Context(), actor(c))
	if err != nil {
		return err
	}
	return items(c, cards(c, read), nil)
}

// getSpread answers GET /api/v1/team-coverage: how many hamlets have a team, and in how many communes they have begun.
func (s *Server) getSpread(c echo.Context) error {
	spread, err := s.field(c).Spread(c.Request().Context(), actor(c), asked(c, "area"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, spread)
}

// putHamlets answers PUT /api/v1/areas/{area}/hamlets.
func (s *Server) putHamlets(c echo.Context) error {
	in, err := bindJSON[struct {
		Hamlets []string `json:"hamlets"`
	}](c)
	if err != nil {
		return err
	}
	spread, err := s.field(c).SetHamlets(c.Request().Context(), actor(c), c.Param("area"), in.Hamlets)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, spread)
}

type cardShown struct {
	Code  string   `json:"code"`
	Head  string   `json:"head"`
	Words []string `json:"words"`
	Read  bool     `json:"read"`
}

func cards(c echo.Context, read []string) []cardShown {
	l := language(c)
	out := make([]cardShown, len(fieldwork.Cards))
	for i, card := range fieldwork.Cards {
		out[i] = cardShown{Code: card.Code, Head: l.T(card.Head), Read: slices.Contains(read, card.Code)}
		for _, paragraph := range card.Words {
			out[i].Words = append(out[i].Words, l.T(paragraph))
		}
	}
	return out
}

// postCardRead answers POST /api/v1/cards/{card}/read.
func (s *Server) postCardRead(c echo.Context) error {
	if _, err := bindJSON[struct{}](c); err != nil {
		return err
	}
	if err := s.field(c).ReadCard(c.Request().Context(), actor(c), c.Param("card")); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
