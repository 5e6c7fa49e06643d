package web

import (
	"math"
	"net/url"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"

	"github.com/labstack/echo/v4"
)

// provinces are the 34 of today from north to south: the order of their tiles, which are no map.
var provinces = []struct{ code, name string }{
	{"08", "Tuyên Quang"}, {"04", "Cao Bằng"}, {"12", "Lai Châu"}, {"15", "Lào Cai"}, {"19", "Thái Nguyên"}, {"11", "Điện Biên"},
	{"20", "Lạng Sơn"}, {"14", "Sơn La"}, {"25", "Phú Thọ"}, {"24", "Bắc Ninh"}, {"22", "Quảng Ninh"}, {"01", "Hà Nội"},
	{"31", "Hải Phòng"}, {"33", "Hưng Yên"}, {"37", "Ninh Bình"}, {"38", "Thanh Hóa"}, {"40", "Nghệ An"}, {"42", "Hà Tĩnh"},
	{"44", "Quảng Trị"}, {"46", "Huế"}, {"48", "Đà Nẵng"}, {"51", "Quảng Ngãi"}, {"52", "Gia Lai"}, {"66", "Đắk Lắk"},
	{"56", "Khánh Hòa"}, {"68", "Lâm Đồng"}, {"75", "Đồng Nai"}, {"79", "TP. Hồ Chí Minh"}, {"80", "Tây Ninh"}, {"82", "Đồng Tháp"},
	{"86", "Vĩnh Long"}, {"91", "An Giang"}, {"92", "Cần Thơ"}, {"96", "Cà Mau"},
}

// tileShown is a province as a tile: five steps of the share, none without a figure.
type tileShown struct {
	Path, Name, Value, Class string
	Current                  bool
}

// partShown is a place below the one that a page is about, as a row of its table.
type partShown struct {
	Path, Name, Share, Of, Change string
	Part, Whole                   int
	Others                        *coverage.Others
	reached, moved                float64 // what Share and Change say; least where they say nothing
}

// partOrders are what the table of the places below may be ordered by; the first is the order of the map.
var partOrders = []order[partShown]{
	{"", fault.Say("Unit"), nil},
	{"share", fault.Say("Share"), func(p partShown) float64 { return p.reached }},
	{"vendors", fault.Say("Trading"), func(p partShown) float64 { return float64(p.Whole) }},
	{"change", fault.Say("30 days, points"), func(p partShown) float64 { return p.moved }},
}

// changeOver is over how many days a table says how its shares changed.
const changeOver = 30

// tiles are the provinces, for who may see the whole country; none for others. country is its split by province where that is known already.
func (s *Server) tiles(c echo.Context, area string, country *coverage.Share) ([]tileShown, error) {
	ctx, by := c.Request().Context(), actor(c)
	_, err := s.reg(c).GroundFor(ctx, by, registry.SeeCoverage, "", "")
	if kind := fault.KindOf(err); kind == fault.Forbidden || kind == fault.NotFound {
		return nil, nil
	}
	if err == nil && country == nil {
		var share coverage.Share
		share, err = s.cov(c).Share(ctx, by, coverage.Question{By: "province"})
		country = &share
	}
	if err != nil {
		return nil, err
	}
	of := map[string]coverage.Part{}
	for _, p := range country.Split {
		of[p.Key] = p
	}
	out := make([]tileShown, len(provinces))
	for i, p := range provinces {
		out[i] = tileShown{Path: "/coverage?area=" + p.code, Name: p.name, Current: p.code == area}
		if found := of[p.code]; found.Share != nil {
			out[i].Value, out[i].Class = language(c).Percent(*found.Share), fifth(*found.Share)
		}
	}
	return out, nil
}

// fifth is the class of a share: below 20 %, 40, 60, 80, and from there on.
func fifth(share float64) string { return "p" + string('1'+rune(min(int(share*5), 4))) }

// parts are the places right below one: the provinces of the country, the communes of a province, the markets of any other area; with the
// figure that they are the parts of.
func (s *Server) parts(c echo.Context, area string) (words string, rows []partShown, whole coverage.Share, err error) {
	l := language(c)
	q := coverage.Question{Area: area, By: "market"}
	switch words = l.T("By market"); len(area) {
	case 0:
		q.By, words = "province", l.T("By province")
	case len(provinces[0].code):
		q.By, words = "commune", l.T("By commune")
	}
	if whole, err = s.cov(c).Share(c.Request().Context(), actor(c), q); err != nil {
		return "", nil, whole, err
	}
	then := q
	then.AsOf = s.reg(c).Today().Plus(-changeOver)
	before, err := s.cov(c).Share(c.Request().Context(), actor(c), then)
	if err != nil {
		return "", nil, whole, err
	}
	was := map[string]*float64{}
	for _, p := range before.Split {
		was[p.Key] = p.Share
	}
	for _, p := range whole.Split {
		row := partShown{Name: p.Name, Share: percentOr(l, p.Share), Of: fraction(l, &p.Accepting, p.Vendors), Part: p.Accepting, Whole: p.Vendors, Others: p.Others, Change: "–", reached: -1, moved: math.Inf(-1)}
		if p.Share != nil {
			row.reached = *p.Share
		}
		if p.Share != nil && was[p.Key] != nil {
			row.moved = (*p.Share - *was[p.Key]) * 100
			row.Change = pointsWords(l, row.moved)
		}
		switch {
		case p.Key == "":
			row.Name = l.T("In no area")
		case q.By == "market":
			row.Path = "/coverage?" + url.Values{"market": {p.Key}}.Encode()
		default:
			row.Path = "/coverage?" + url.Values{"area": {p.Key}}.Encode()
		}
		rows = append(rows, row)
	}
	return words, rows, whole, nil
}
