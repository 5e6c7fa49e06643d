package qrgen_test

import (
	"errors"
	"fmt"

	"cho40/qrgen"
)

func ExampleStatic() {
	p, _ := qrgen.ProviderOf("Viettel Pay")
	number, _ := p.Number("+84 981 234 567")
	text, _ := qrgen.Static(p.BIN, number)
	fmt.Println(p.Name)
	fmt.Println(text)
	// Output:
	// Viettel Money
	// 00020101021138540010A00000072701240006971005011009812345670208QRIBFTTA53037045802VN63047440
}

func ExampleEncode() {
	text, _ := qrgen.Encode(qrgen.Payment{
		Mode: "dynamic", Service: qrgen.ToAccount, BIN: "971005", Account: "0981234567", Amount: 35_000,
		Additional: qrgen.Additional{Purpose: qrgen.Label("Rau sạp 12 (chợ Long Biên)", 25)},
	})
	fmt.Println(text)
	// Output:
	// 00020101021238540010A00000072701240006971005011009812345670208QRIBFTTA53037045405350005802VN62280824Rau sap 12 cho Long Bien6304DE90
}

func ExampleDecode() {
	text := "00020101021138540010A00000072701240006970422011009000000000208QRIBFTTA53037045802VN6304d499"
	d, err := qrgen.Decode(text, qrgen.Lenient)
	fmt.Println(d.BIN, d.Account, d.Warnings, err)

	_, err = qrgen.Decode(text[:len(text)-1]+"8", qrgen.Lenient)
	var bad *qrgen.FieldError
	fmt.Println(errors.As(err, &bad), bad.Code)
	fmt.Println(err)
	// Output:
	// 970422 0900000000 [crc_lowercase] <nil>
	// true bad_crc
	// 63: The checksum does not match: the code was damaged or changed. (character 88)
}

func ExampleNewSymbol() {
	text, _ := qrgen.Static("971005", "0981234567")
	s, err := qrgen.NewSymbol(text)
	fmt.Println(s.Size(), s.Dark(0, 0), s.Dark(1, 1), err)
	// Output: 33 true false <nil>
}

func ExampleNewSymbolFor() {
	text, _ := qrgen.Static("971005", "0981234567")
	s, level, err := qrgen.NewSymbolFor(text, qrgen.Need{Side: 130, Damage: 0.05})
	fmt.Println(s.Size(), level, err)
	// Output: 37 Q <nil>
}

func ExampleHolder() {
	fmt.Println(qrgen.Holder("Lý  Minh Tâm"))
	// Output: LY MINH TAM
}
