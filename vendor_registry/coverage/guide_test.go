package coverage_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"cho40/internal/postgres/pgtest"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"
)

// The market that docs/coverage.md counts by hand is what the service counts.
func TestMarketOfTheGuide(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/coverage.md")
	if err != nil {
		t.Fatal(err)
	}
	m := open(t, pgtest.New(t), "VT", "")
	today := time.Date(2026, 7, 31, 3, 0, 0, 0, time.UTC)
	back := func(days int) { m.at = today.Add(-time.Duration(days) * day) }
	ago := regexp.MustCompile(`(\d+) days ago`)
	line := regexp.MustCompile(`(?m)^\| (A-\d+) \| (.*) \| (\w+) \| (yes|–) \| (yes|–) \|$`)
	want := struct{ vendors, equipped, accepting int }{}
	stages := [6]int{}
	for _, row := range line.FindAllStringSubmatch(string(text), -1) {
		code, steps := row[1], strings.Split(row[2], ", ")
		if stage, ok := registry.ParseStage(row[3]); ok {
			want.vendors++
			for i := range stage + 1 {
				stages[i]++
			}
		} else if row[3] != "outside" {
			t.Fatalf("no stage %q", row[3])
		}
		for column, of := range map[int]*int{4: &want.equipped, 5: &want.accepting} {
			if row[column] == "yes" {
				*of++
			}
		}
		back(45)
		var st registry.Stall
		var p registry.Placard
		for _, step := range steps {
			if a := ago.FindStringSubmatch(step); a != nil {
				n, _ := strconv.Atoi(a[1])
				back(n)
			}
			stall := registry.NewStall{Code: code, Vendor: &registry.NewVendor{Name: "Tâm " + code}, Consent: agreed}
			print := func(provisional bool) {
				b, err := m.reg.Issue(t.Context(), m.clerk, m.code, registry.NewBatch{Stalls: []string{code}, Sheet: "a6x4", Provisional: provisional}, anyFits)
				if err != nil {
					t.Fatal(err)
				}
				_, ps, err := m.reg.Batch(t.Context(), m.clerk, b.Ref)
				if err != nil {
					t.Fatal(err)
				}
				p = ps[0]
			}
			var err error
			switch word, _, _ := strings.Cut(step, " "); word + map[bool]string{true: " right"}[strings.HasPrefix(step, "found right")] {
			case "vacant":
				_, err = m.reg.Register(t.Context(), m.clerk, m.code, registry.NewStall{Code: code})
			case "registered":
				_, err = m.reg.Register(t.Context(), m.clerk, m.code, stall)
			case "account":
				if !strings.Contains(row[2], "approved") { // it lapses after 14 days
					back(6)
				}
				stall.Accounts = []registry.NewAccount{{Provider: "viettel_money", Number: "07100000" + code[2:], Holder: "TAM"}}
				st, err = m.reg.Register(t.Context(), m.clerk, m.code, stall)
			case "approved":
				_, err = m.reg.Decide(t.Context(), m.manager, registry.Decision{Account: st.Accounts[0].ID, ETag: st.Accounts[0].ETag(), Decision: "approve"})
			case "printed":
				print(false)
			case "provisional":
				print(true)
			case "installed":
				m.record(t, p, registry.NewPlacardEvent{Kind: "installed", Consent: agreed})
			case "suspended":
				m.record(t, p, registry.NewPlacardEvent{Kind: "suspended", Reason: "x"})
			case "found right":
				m.record(t, p, registry.NewPlacardEvent{Kind: "checked", Payload: p.Payload})
			case "found":
				m.record(t, p, registry.NewPlacardEvent{Kind: "checked", Result: "damaged"})
			case "closed":
				_, err = m.reg.SetStatus(t.Context(), m.clerk, m.code, code, registry.NewStatus{Status: "closed", Reason: "illness"})
			case "trades":
				_, err = m.reg.SetStatus(t.Context(), m.clerk, m.code, code, registry.NewStatus{Status: "seasonal", Season: &registry.Season{From: 11, To: 2}, Reason: "season"})
			default:
				t.Fatalf("%s: the test does not know %q", code, step)
			}
			if err != nil {
				t.Fatalf("%s, %s: %v", code, step, err)
			}
		}
	}
	m.at = today
	got, err := m.cov.Share(t.Context(), m.clerk, coverage.Question{Market: "VT"})
	if err != nil {
		t.Fatal(err)
	}
	var funnel []string
	for i, s := range got.Funnel {
		if s.Vendors != stages[i] {
			t.Errorf("stage %s: %d, by the table %d", s.Stage, s.Vendors, stages[i])
		}
		funnel = append(funnel, strconv.Itoa(s.Vendors))
	}
	if got.Vendors != want.vendors || got.Accepting != want.accepting || *got.Equipped.Numerator != want.equipped || want.vendors == 0 {
		t.Errorf("%d vendors, %d accepting, %d equipped; by the table %+v", got.Vendors, got.Accepting, *got.Equipped.Numerator, want)
	}
	gap := 0
	for _, b := range got.Barriers {
		gap += b.Vendors
	}
	for _, said := range []string{
		fmt.Sprintf("**accepting %d of %d = %.0f %%**, **equipped %d of %d = %.0f %%**", got.Accepting, got.Vendors, *got.Share*100, *got.Equipped.Numerator, got.Vendors, *got.Equipped.Share*100),
		"The funnel is " + strings.Join(funnel, ", "), fmt.Sprintf("The gap of %d", gap),
	} {
		if !strings.Contains(string(text), said) {
			t.Errorf("the guide does not say %q", said)
		}
	}
}
