package web_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"cho40/qrgen"
	registry "cho40/vendor_registry"
	"cho40/web"
)

// drawn is the one file of a batch.
func drawn(t *testing.T, b registry.Batch, ps ...registry.Placard) (pdf []byte) {
	t.Helper()
	b.CreatedAt = time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)
	b.Placards = len(ps)
	if err := web.Files(t.Context(), b, cells(ps), func(_, _ int, file []byte) error { pdf = file; return nil }); err != nil {
		t.Fatal(err)
	}
	return pdf
}

// cells are placards as the record would hand them out.
func cells(ps []registry.Placard) registry.Cells {
	return func(_ context.Context, from, to int) ([]registry.Placard, error) { return ps[from:to], nil }
}

// What the record says of a placard is what stands on its paper: above all that a sample is no placard, and that nobody
// approved a provisional one.
func TestSheetsSayWhatTheRecordSays(t *testing.T) {
	t.Parallel()
	payload, err := qrgen.Static("971005", "0712345678")
	if err != nil {
		t.Fatal(err)
	}
	symbol, err := qrgen.NewSymbol(payload)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := symbol.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	sample, provisional := []string{"MẪU", "SAMPLE"}, []string{"TẠM", "CHƯA DUYỆT"}
	for _, tt := range []struct {
		mark      string
		says, not []string
	}{
		{"", nil, append(append([]string{}, sample...), provisional...)},
		{"sample", sample, provisional},
		{"provisional", provisional, sample},
	} {
		serial := registry.NewSerial()
		p := registry.Placard{Serial: serial, Mark: tt.mark, MarketName: "Chợ Vị Thanh", Stall: "A-12", Goods: "Rau củ", Vendor: "Lý Minh Tâm",
			Holder: "LY MINH TAM", ProviderName: "Viettel Money", Tail: "5678", Call: "0293 000 0040", Symbol: stored, Payload: payload}
		for _, sheet := range []string{"a6x4", "a5x2", "a4x1", "tent", "stand", "tag8", "tag10"} {
			text, err := pdfText(drawn(t, registry.Batch{Sheet: sheet}, p))
			if err != nil {
				t.Fatalf("pdftotext is needed (Debian: apt-get install poppler-utils): %v", err)
			}
			text = strings.Join(strings.Fields(text), " ") // a long name may stand on two lines
			for _, says := range append([]string{"A-12", "LY MINH TAM", "Viettel Money", "5678", serial.String()}, tt.says...) {
				if !strings.Contains(text, says) {
					t.Errorf("%s, mark %q: the paper does not say %q:\n%s", sheet, tt.mark, says, text)
				}
			}
			for _, not := range append([]string{"0712345678"}, tt.not...) {
				if strings.Contains(text, not) {
					t.Errorf("%s, mark %q: the paper says %q:\n%s", sheet, tt.mark, not, text)
				}
			}
		}
	}
}

// A symbol that says another payload than the one approved stops the batch, wherever in it the placard stands.
func TestFilesStopAtASymbolOfAnother(t *testing.T) {
	t.Parallel()
	placard := func(number, pays string) registry.Placard {
		payload, err := qrgen.Static("971005", number)
		if err != nil {
			t.Fatal(err)
		}
		other, err := qrgen.Static("971005", pays)
		if err != nil {
			t.Fatal(err)
		}
		symbol, err := qrgen.NewSymbol(other)
		if err != nil {
			t.Fatal(err)
		}
		stored, err := symbol.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		return registry.Placard{Serial: registry.NewSerial(), MarketName: "Chợ Vị Thanh", Stall: "A-12", Vendor: "Lý Minh Tâm",
			Holder: "LY MINH TAM", ProviderName: "Viettel Money", Tail: "5678", Symbol: stored, Payload: payload}
	}
	good, bad := placard("0712345678", "0712345678"), placard("0712345678", "0799999999")
	b := registry.Batch{Sheet: "a6x4", Copies: 1, Placards: 3, CreatedAt: time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)}
	put := 0
	err := web.Files(t.Context(), b, cells([]registry.Placard{good, bad, good}), func(int, int, []byte) error { put++; return nil })
	if err == nil || !strings.Contains(err.Error(), bad.Serial.String()) && !strings.Contains(err.Error(), string(bad.Serial)) || put > 0 {
		t.Errorf("%d files were given out, %v", put, err)
	}
}
