package web_test

import (
	"strings"
	"testing"
)

// What the pages of targets, figures and campaigns take and show, for whom.
func TestTargetsAndFiguresPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.take(t, step{as: "clerk", do: "POST " + near + "/stalls", body: stallJSON("A-1", "Rau", "Trần Văn Bê", "0710000077"), status: 201})
	post := func(as, path, body string) step { return step{as: as, do: "POST " + path, body: raw{form, body}} }
	for _, tt := range []struct {
		name   string
		step   step
		status int
		holds  []string
		lacks  []string
	}{
		{"a target is set", post("manager", "/targets?market=NEAR", "indicator=accepting&value=70+%25&due=2026-12-31&document=KH+12"), 303, nil, nil},
		{"and seen, with what is missing", step{as: "clerk", do: "GET /targets?market=NEAR"}, 200, []string{"chỉ tiêu 70", "0 / 1", "31/12/2026", "KH 12", "Còn thiếu"}, []string{"Đặt chỉ tiêu"}},
		{"another value waits for its end", post("manager", "/targets?market=NEAR", "indicator=accepting&value=80+%25&due=2026-12-31&document=KH+13"), 409, []string{"KH 13", "80 %"}, nil},
		{"what was typed stays", post("manager", "/targets?market=NEAR", "indicator=accepting&value=viel&due=2026-12-31&document=KH+14"), 422, []string{"viel", "KH 14", "dấu phần trăm"}, nil},
		{"a number with dots", post("officer", "/figures?area=92", "indicator=qr_points&provider=viettel_money&value=2.600&until=2026-10-31&method=partner_reported&source=Viettel"), 303, nil, nil},
		{"a market's points", post("manager", "/figures?market=NEAR", "indicator=qr_points&provider=viettel_money&value=12&until=2026-10-31&method=claimed&source=Viettel"), 303, nil, nil},
		{"beside ours", step{as: "officer", do: "GET /figures?area=92"}, 200, []string{"2.600", "Chợ Vị Thanh", "2.588", "Đối tác báo", "Theo lời nơi báo"}, nil},
		{"the markets by how much differs", step{as: "officer", do: "GET /figures?area=92&sort=difference"}, 200, []string{`aria-sort="descending">Chênh`}, []string{`aria-sort="descending">Được báo`, "sort=reported"}},
		{"of a rival nothing is shown", step{as: "partner", do: "GET /figures?market=NEAR"}, 200, []string{"Viettel"}, nil},
		{"a wrong day", post("manager", "/figures?market=NEAR", "indicator=qr_points&provider=viettel_money&value=12&until=31/10/2026&method=claimed&source=Viettel"), 422, []string{"31/10/2026"}, nil},
		{"a campaign", post("partner", "/campaigns?market=NEAR", "provider=viettel_money&name=Đi+chợ&from=2026-11-01&until=2026-11-30&buyer_benefit=50.000&vendor_benefit=150.000&document=TB+1"), 303, nil, nil},
		{"with its benefits, and who may mark", step{as: "volunteer", do: "GET /campaigns?market=NEAR"}, 200, []string{"50.000 đ", "150.000 đ", "Đánh dấu tiểu thương"}, []string{"Ghi một chương trình"}},
		{"a campaign of a rival's", post("partner", "/campaigns?market=NEAR", "provider=momo&name=x&from=2026-11-01&until=2026-11-30&document=TB+1"), 422, []string{"TB 1"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := w.do(t, tt.step)
			if a.status != tt.status {
				t.Fatalf("status %d, want %d: %s", a.status, tt.status, clip(a.body))
			}
			for _, s := range tt.holds {
				if !strings.Contains(string(a.body), s) {
					t.Errorf("it lacks %q", s)
				}
			}
			for _, s := range tt.lacks {
				if strings.Contains(string(a.body), s) {
					t.Errorf("it holds %q", s)
				}
			}
		})
	}
}
