package registry_test

import (
	"slices"
	"strings"
	"testing"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	"cho40/qrgen"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
)

// Not parallel: the directory in use is one for the whole process. It is put back at the end.
func TestUpdateProviders(t *testing.T) {
	defer qrgen.Use(qrgen.Embedded())
	w := newWorld(t)
	w.stall("A-1", bank)
	before := w.approve(w.look("A-1").Accounts[0])

	const file = "bin,code,name,kind,valid_to,source\n970436,VCB,Vietcombank Mới,bank,2026-11-22,letter 1\n971099,VISO,Ví Sổ,wallet,,letter 1\n"
	for name, by := range map[string]registry.Actor{"a manager": w.manager, "an officer": w.officer, "a partner": w.partner} {
		if _, err := w.reg.UpdateProviders(t.Context(), by, strings.NewReader(file), false); fault.KindOf(err) != fault.Forbidden {
			t.Errorf("%s: %v", name, err)
		}
	}
	changes, err := w.reg.UpdateProviders(t.Context(), w.admin, strings.NewReader(file), true)
	if err != nil || len(changes) != 2 {
		t.Fatalf("dry run: %+v, %v", changes, err)
	}
	if _, ok := qrgen.ProviderOf("viso"); ok {
		t.Error("a dry run was taken over")
	}
	if _, err := w.reg.UpdateProviders(t.Context(), w.admin, strings.NewReader(file+"970416,ACB,,shop,,\n"), false); fault.CodeOf(err) != "providers-invalid" ||
		!strings.Contains(err.Error(), "bad_word") || !strings.Contains(err.Error(), "cell_missing") {
		t.Errorf("a wrong row: %v", err)
	}
	if _, ok := qrgen.ProviderOf("viso"); ok {
		t.Error("the good rows of a wrong file were taken over")
	}

	if changes, err = w.reg.UpdateProviders(t.Context(), w.admin, strings.NewReader(file), false); err != nil || len(changes) != 2 {
		t.Fatalf("update: %+v, %v", changes, err)
	}
	if again, err := w.reg.UpdateProviders(t.Context(), w.admin, strings.NewReader(file), false); err != nil || len(again) != 0 {
		t.Errorf("the same file again: %+v, %v", again, err)
	}
	qrgen.Use(qrgen.Embedded()) // another process, which starts
	if err := w.reg.LoadProviders(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"Vietcombank", "Vietcombank Mới", "vcb", "970436"} {
		if p, ok := qrgen.ProviderOf(text); !ok || p.Code != "vcb" || p.Name != "Vietcombank Mới" {
			t.Errorf("%q is %+v", text, p)
		}
	}

	// What was approved stays as it is; what is new goes by the new list.
	after := w.look("A-1").Accounts[0]
	if after.Payload != before.Payload || after.State != registry.StateApproved || !after.Default {
		t.Errorf("the account became %+v", after)
	}
	for name, in := range map[string]registry.NewAccount{
		"a typed number": numbered(bank, 7),
		"a scanned code": {Payload: before.Payload},
	} {
		_, err := w.reg.Propose(t.Context(), w.clerk, "VT", "A-1", in)
		if !strings.Contains(errText(err), "provider-ended") {
			t.Errorf("%s at a bank that has ended: %v", name, err)
		}
	}
	w.stall("A-2", registry.NewAccount{Provider: "Ví Sổ", Number: "0710000005"})
	ledger := "Mã quầy;Tên tiểu thương;Điện thoại;Ví;Số tài khoản\nB-1;Trần Văn Nam;0710000009;Vietcombank;0123456789\n"
	im, err := w.reg.PreviewImport(t.Context(), w.clerk, "VT", "so.csv", strings.NewReader(ledger), true)
	if err != nil || im.Report.Faulty != 1 || !slices.ContainsFunc(im.Report.Faults, func(f fault.Field) bool { return f.Code == "provider-ended" && f.Row == 2 }) {
		t.Errorf("a ledger with an account at a bank that has ended: %+v, %v", im.Report, err)
	}

	events, err := postgres.All[string](t.Context(), w.db, `
		SELECT object || ' ' || array_to_string(fields, ',') FROM audit_events WHERE action = 'provider.updated' ORDER BY seq`, pgx.StrictNamedArgs{})
	if err != nil || len(events) != 2 || !strings.HasPrefix(events[0], "provider:970436 name,") {
		t.Errorf("evidence: %q, %v", events, err)
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
