package web

import (
	"fmt"
	"strings"
	"testing"

	"cho40/web/lang"
)

// Of many reasons the commonest are told, the rest as one, and those whom nobody asked; together they are as many as before.
func TestCommonestReasons(t *testing.T) {
	unasked := reasonShown{Words: "unasked", Vendors: 50, Unasked: true}
	for name, tt := range map[string]struct {
		reasons int
		asked   bool
		want    string
	}{
		"none":                      {0, true, ""},
		"none, and nobody asked":    {0, false, "unasked 50"},
		"as many as there is room":  {6, false, "r0 9, r1 8, r2 7, r3 6, r4 5, r5 4, unasked 50"},
		"more":                      {8, false, "r0 9, r1 8, r2 7, r3 6, r4 5, 3 other reasons 9, unasked 50"},
		"more, and everybody asked": {7, true, "r0 9, r1 8, r2 7, r3 6, r4 5, 2 other reasons 7"},
	} {
		t.Run(name, func(t *testing.T) {
			var all []reasonShown
			for i := range tt.reasons {
				all = append(all, reasonShown{Words: fmt.Sprint("r", i), Vendors: 9 - i})
			}
			if !tt.asked {
				all = append(all, unasked)
			}
			var got []string
			for _, r := range commonest(lang.En, all) {
				got = append(got, fmt.Sprint(r.Words, " ", r.Vendors))
			}
			if said := strings.Join(got, ", "); said != tt.want {
				t.Errorf("%s; want %s", said, tt.want)
			}
		})
	}
}
