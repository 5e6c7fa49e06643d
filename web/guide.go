package web

import (
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"regexp"
	"slices"
	"strings"

	registry "cho40/vendor_registry"
	"cho40/web/lang"

	"github.com/labstack/echo/v4"
)

// guideFS are the guides, one a role and language: clerk.vi.md. The same files are read in the repository; their pictures are in
// static/guide and made by make guide.
//
//go:embed guide/*.md
var guideFS embed.FS

// vendorsGuide is read by those who never sign in: what to look for on one's own placard, and when a customer pays.
const vendorsGuide registry.Role = "vendor"

// guideRoles are the roles that have a guide; an auditor reads the officer's.
var guideRoles = []registry.Role{vendorsGuide, registry.Clerk, registry.Manager, registry.Volunteer, registry.Leader, registry.Officer, registry.Partner, registry.Admin}

// guides are all guides as HTML, by role and language.
var guides = func() map[string]guide {
	all := map[string]guide{}
	for _, role := range guideRoles {
		for _, l := range []lang.Lang{lang.Vi, lang.En} {
			name := string(role) + "." + string(l)
			b, err := guideFS.ReadFile("guide/" + name + ".md")
			if err == nil {
				all[name], err = newGuide(string(b))
			}
			if err != nil {
				panic("web/guide: " + name + ": " + err.Error())
			}
		}
	}
	return all
}()

// guide is what a role does, step by step.
type guide struct {
	Title string
	Body  template.HTML
}

var (
	guidePicture = regexp.MustCompile(`^!\[([^\]]+)\]\(\.\./static/(guide/[a-z.-]+)\)$`)
	guideStep    = regexp.MustCompile(`^(?:[0-9]+\.|-) `)
	guideStrong  = regexp.MustCompile(`\*\*([^*]+)\*\*`)
)

// newGuide reads the little of Markdown that guides are written in: one title, headings, paragraphs, steps, points, strong words and
// pictures, each block between blank lines.
func newGuide(text string) (g guide, err error) {
	inline := func(s string) string {
		return guideStrong.ReplaceAllString(template.HTMLEscapeString(s), "<b>$1</b>")
	}
	var b strings.Builder
	open := false
	for block := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		title, isTitle := strings.CutPrefix(block, "# ")
		head, isHead := strings.CutPrefix(block, "## ")
		picture := guidePicture.FindStringSubmatch(block)
		switch {
		case isTitle:
			g.Title = title
		case isHead:
			if open {
				b.WriteString("</section>\n")
			}
			open = true
			fmt.Fprintf(&b, "<section class=\"card stack\"><h2>%s</h2>\n", inline(head))
		case picture != nil:
			if _, ok := assets[picture[2]]; !ok {
				return g, fmt.Errorf("no picture %s", picture[2])
			}
			fmt.Fprintf(&b, "<figure><img src=\"%s\" alt=\"%s\" width=\"390\" height=\"560\" loading=\"lazy\"></figure>\n", staticPath(picture[2]), template.HTMLEscapeString(picture[1]))
		case guideStep.MatchString(block):
			list := "ol"
			if strings.HasPrefix(block, "-") {
				list = "ul"
			}
			fmt.Fprintf(&b, "<%s class=\"points\">\n", list)
			for line := range strings.SplitSeq(block, "\n") {
				if !guideStep.MatchString(line) {
					return g, fmt.Errorf("%q is no step", line)
				}
				fmt.Fprintf(&b, "<li>%s</li>\n", inline(guideStep.ReplaceAllString(line, "")))
			}
			fmt.Fprintf(&b, "</%s>\n", list)
		default:
			fmt.Fprintf(&b, "<p>%s</p>\n", inline(block))
		}
	}
	if open {
		b.WriteString("</section>\n")
	}
	if g.Title == "" || !open {
		return g, fmt.Errorf("no title or no heading")
	}
	g.Body = template.HTML(b.String()) // escaped piece by piece above
	return g, nil
}

type guidePage struct {
	frame
	Guide  guide
	Others []navLink
}

// guidePage answers GET /guide, the guide of the reader's first role or of the one asked for, and GET /guide/:role, the same for who is
// not signed in: guides hold nothing of anybody.
func (s *Server) guidePage(c echo.Context) error {
	by, l := actor(c), language(c)
	at, role := "/guide/", registry.Role(c.Param("role"))
	if role == "" {
		at, role = "/guide?role=", registry.Role(c.QueryParam("role"))
		if role == "" && len(by.Grants) > 0 {
			role = by.Grants[0].Role
		}
		if role == registry.Auditor || role == "" {
			role = registry.Officer
		}
	}
	if !slices.Contains(guideRoles, role) {
		return echo.ErrNotFound
	}
	g := guides[string(role)+"."+string(l)]
	f := s.frame(c, l.T("Guide"), nil, "guide")
	f.Hidden = false
	p := guidePage{frame: f, Guide: g}
	for _, r := range guideRoles {
		words := l.T("Vendor")
		if r != vendorsGuide {
			words = l.T(roleWords[r])
		}
		p.Others = append(p.Others, navLink{Path: at + string(r), Words: words, Current: r == role})
	}
	return s.show(c, http.StatusOK, "guide.html", p)
}
