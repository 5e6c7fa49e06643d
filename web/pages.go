package web

import (
	"net/http"

	"cho40/internal/fault"

	"github.com/labstack/echo/v4"
)

type errorPage struct {
	frame
	Detail        string
	Way, WayWords string
	Request       string
}

// errorTitles are the headings of error pages; the sentence below them is the fault's own. 0 stands for the rest.
var errorTitles = map[int]string{
	http.StatusForbidden: "This is not yours to do", http.StatusNotFound: "There is nothing here", http.StatusMethodNotAllowed: "There is nothing here",
	http.StatusGone: "This is no more", http.StatusConflict: "This does not go now", http.StatusTooManyRequests: "A little slower",
	http.StatusServiceUnavailable: "Try again in a moment", http.StatusInternalServerError: "Something went wrong",
	http.StatusRequestEntityTooLarge: "This is too large", 0: "This cannot be done so",
}

// errorPage answers a person with a fault.
func (s *Server) errorPage(c echo.Context, code int, f *fault.Error) {
	l := language(c)
	title, ok := errorTitles[code]
	if !ok {
		title = errorTitles[0]
	}
	p := errorPage{frame: s.frame(c, l.T(title), nil, ""), Detail: l.Text(f.Detail), Way: "/", WayWords: l.T("To the markets"), Request: requestID(c)}
	if actor(c).ID == "" {
		p.Way, p.WayWords = "/sign-in", l.T("To the sign-in")
	}
	if err := s.show(c, code, "error.html", p); err != nil {
		_ = c.String(code, p.Detail)
	}
}
