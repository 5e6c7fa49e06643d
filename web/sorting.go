package web

import (
	"cmp"
	"slices"

	"cho40/internal/fault"

	"github.com/labstack/echo/v4"
)

// order is one in which a table may be shown, most first; without of, the one in which it comes.
type order[T any] struct {
	by    string
	words fault.Text
	of    func(T) float64
}

// sorted puts the rows of a table into the order that ?sort= asks for. It says which that is, and links to each; at is the table's place on the page.
func sorted[T any](c echo.Context, at string, orders []order[T], rows []T) (chosen string, links []navLink) {
	l := language(c)
	chosen = asked(c, "sort")
	for _, o := range orders {
		links = append(links, navLink{Path: with(c, "sort", o.by) + "#" + at, Words: l.Text(o.words), Current: o.by == chosen})
		if o.of != nil && o.by == chosen {
			slices.SortStableFunc(rows, func(a, b T) int { return cmp.Compare(o.of(b), o.of(a)) })
		}
	}
	return chosen, links
}
