package registry_test

import (
	"slices"
	"testing"

	"cho40/internal/fault"
	"cho40/qrgen"
	registry "cho40/vendor_registry"
)

const (
	vcbBIN  = "970436"
	momo    = "00020101021138620010A00000072701320006970454011899MM24011M348750800208QRIBFTTA53037045802VN62190515MOMOW2W3487508080030466304EBC8"
	account = "0123456789012"
)

func TestScannedCodes(t *testing.T) {
	t.Parallel()
	plain, err := qrgen.Static(vcbBIN, account)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		in      registry.NewAccount
		payload string // stored; empty: refused with want
		want    []string
		also    []string
	}{
		{"what we would write", registry.NewAccount{Payload: plain}, plain, nil, nil},
		{"blanks around it", registry.NewAccount{Payload: " " + plain + "\r\n"}, plain, nil, nil},
		{"with name and city: written again in our form", registry.NewAccount{Payload: codeOf(vcbBIN, account, tlv("59", "LY MINH TAM"), tlv("60", "CAN THO"))}, plain, nil, nil},
		{"with a category: written again", registry.NewAccount{Payload: emv(tlv("00", "01"), tlv("01", "11"), vietqr(vcbBIN, account, "QRIBFTTA"), tlv("52", "5411"), tlv("53", "704"), tlv("58", "VN"))}, plain, nil, nil},
		{"MoMo's own, to the letter", registry.NewAccount{Payload: momo}, momo, nil, nil},
		{"with a reference in 62-05: to the letter", registry.NewAccount{Payload: codeOf(vcbBIN, account, tlv("62", tlv("05", "MOMOW2W1")))}, codeOf(vcbBIN, account, tlv("62", tlv("05", "MOMOW2W1"))), nil, nil},
		{"with a merchant's tag 80: to the letter", registry.NewAccount{Payload: codeOf(vcbBIN, account, tlv("80", "046"))}, codeOf(vcbBIN, account, tlv("80", "046")), nil, nil},
		{"with the provider named rightly", registry.NewAccount{Payload: plain, Provider: "vcb", Number: account}, plain, nil, nil},
		{"a card's code", registry.NewAccount{Payload: emv(tlv("00", "01"), tlv("01", "11"), vietqr(vcbBIN, "9704366899990012", qrgen.ToCard), tlv("53", "704"), tlv("58", "VN"))}, "", []string{"payload card-refused"}, nil},
		{"a withdrawal", registry.NewAccount{Payload: emv(tlv("00", "01"), tlv("01", "12"), vietqr(vcbBIN, account, qrgen.ToCash), tlv("53", "704"), tlv("58", "VN"), tlv("62", tlv("05", "REF1")))}, "", []string{"payload not-a-payee-code"}, nil},
		{"a fixed amount", registry.NewAccount{Payload: emv(tlv("00", "01"), tlv("01", "12"), vietqr(vcbBIN, account, "QRIBFTTA"), tlv("53", "704"), tlv("54", "50000"), tlv("58", "VN"))}, "", []string{"payload amount-fixed"}, nil},
		{"a second payee of an unknown scheme", registry.NewAccount{Payload: emv(tlv("00", "01"), tlv("01", "11"), tlv("27", tlv("00", "A000000999"), tlv("01", "attacker")), vietqr(vcbBIN, account, "QRIBFTTA"), tlv("53", "704"), tlv("58", "VN"))}, "", []string{"payload unknown-payee"}, nil},
		{"a second VietQR payee", registry.NewAccount{Payload: emv(tlv("00", "01"), tlv("01", "11"), vietqr(vcbBIN, account, "QRIBFTTA"), tlv("39", tlv("00", "A000000727"), tlv("01", tlv("00", vcbBIN), tlv("01", "0999999999")), tlv("02", "QRIBFTTA")), tlv("53", "704"), tlv("58", "VN"))}, "", []string{"payload unknown-payee"}, nil},
		{"a wallet's template beside it: shown to the approver", registry.NewAccount{Payload: emv(tlv("00", "01"), tlv("01", "11"), tlv("26", tlv("00", "vn.momo")), vietqr("970454", "99MM24011M34875080", "QRIBFTTA"), tlv("53", "704"), tlv("58", "VN"))},
			emv(tlv("00", "01"), tlv("01", "11"), tlv("26", tlv("00", "vn.momo")), vietqr("970454", "99MM24011M34875080", "QRIBFTTA"), tlv("53", "704"), tlv("58", "VN")), nil, []string{"MoMo"}},
		{"a bank that nobody knows", registry.NewAccount{Payload: codeOf("999999", account)}, "", []string{"payload unknown-provider"}, nil},
		{"VNPAY", registry.NewAccount{Payload: emv(tlv("00", "01"), tlv("01", "11"), tlv("26", tlv("00", "A000000775"), tlv("01", "0102030405")), tlv("53", "704"), tlv("58", "VN"))}, "", []string{"payload not-a-payee-code"}, nil},
		{"a wrong checksum", registry.NewAccount{Payload: plain[:len(plain)-4] + "0000"}, "", []string{"payload not-a-payee-code"}, nil},
		{"a web address", registry.NewAccount{Payload: "https://me.momo.vn/abc"}, "", []string{"payload not-a-payee-code"}, nil},
		{"another provider named", registry.NewAccount{Payload: plain, Provider: "viettel_money"}, "", []string{"provider differs"}, nil},
		{"another number named", registry.NewAccount{Payload: plain, Number: "0123456789013"}, "", []string{"number differs"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.stall("A-1")
			before := w.contents()
			got, err := w.reg.Propose(t.Context(), w.clerk, "VT", "A-1", tt.in)
			if tt.payload == "" {
				if !slices.Equal(pointers(err), tt.want) || fault.KindOf(err) != fault.Invalid {
					t.Errorf("fields = %q, want %q; err: %v", pointers(err), tt.want, err)
				}
				w.same(before)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Payload != tt.payload || got.Source != "scanned" {
				t.Errorf("stored %q as %s\nwant   %q", got.Payload, got.Source, tt.payload)
			}
			if len(got.AlsoPays) != len(tt.also) {
				t.Errorf("also pays %q, want %q", got.AlsoPays, tt.also)
			}
			var symbol qrgen.Symbol
			if err := symbol.UnmarshalBinary(got.Symbol); err != nil {
				t.Errorf("the frozen symbol: %v", err)
			}
			if n := ask[int](w, `SELECT count(*) FROM accounts WHERE payload_sha256 <> sha256(payload::bytea)`); n != 0 {
				t.Error("the hash is another payload's")
			}
		})
	}
}
