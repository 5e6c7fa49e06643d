package main

import (
	"fmt"
	"os"
	"runtime"

	"cho40/printing"
	"cho40/qrgen"

	"golang.org/x/sync/errgroup"
)

// shelf is symbols that were made long before they are printed, as the registry keeps them. It is a file, so that the
// memory of a program that prints is that of printing. There are no more than shelved of them: beyond, placards share.
type shelf struct {
	file *os.File // has no name any more, and is gone with the last program that holds it
	n    int
}

const (
	shelved = 10_000
	slot    = 256 // bytes a symbol takes on the shelf: its length in one byte, then what MarshalBinary made
)

// newShelf makes n symbols.
func newShelf(n int) (*shelf, error) {
	file, err := os.CreateTemp("", "symbols")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, err
	}
	var work errgroup.Group
	work.SetLimit(runtime.NumCPU())
	for i := range n {
		work.Go(func() error {
			symbol, err := newSymbol(i)
			if err != nil {
				return err
			}
			stored, err := symbol.MarshalBinary()
			if err != nil {
				return err
			}
			if len(stored) >= slot {
				return fmt.Errorf("a symbol of %d bytes", len(stored))
			}
			_, err = file.WriteAt(append([]byte{byte(len(stored))}, stored...), int64(i*slot))
			return err
		})
	}
	return &shelf{file, n}, work.Wait()
}

// symbol is the symbol of placard i.
func (s *shelf) symbol(i int) (qrgen.Symbol, error) {
	var stored [slot]byte
	var symbol qrgen.Symbol
	if n, err := s.file.ReadAt(stored[:], int64(i%s.n*slot)); n == 0 {
		return symbol, err
	}
	return symbol, symbol.UnmarshalBinary(stored[1 : 1+stored[0]])
}

// newSymbol makes the symbol of placard i and reads it back.
func newSymbol(i int) (qrgen.Symbol, error) {
	text, err := payloadOf(i)
	if err != nil {
		return qrgen.Symbol{}, err
	}
	return qrgen.NewSymbol(text)
}

// payloadOf is what the code of placard i says: another account each, of a wallet or a bank.
func payloadOf(i int) (string, error) {
	i %= shelved
	if i%2 == 0 {
		return qrgen.Static("971005", fmt.Sprintf("0715%06d", i))
	}
	return qrgen.Static("970405", fmt.Sprintf("7150205%06d", i))
}

// placardOf is placard i without its code. All people are invented.
func placardOf(i int) printing.Placard {
	people := [][2]string{
		{"Lý Minh Tâm", "LY MINH TAM"}, {"Trần Thị Bích Ngân", "TRAN THI BICH NGAN"}, {"Nguyễn Văn Đức", "NGUYEN VAN DUC"},
		{"Phạm Thúy Hằng", "PHAM THUY HANG"}, {"Dương Ngọc Huệ", "DUONG NGOC HUE"}, {"Võ Hoàng Ân", "VO HOANG AN"},
	}
	goods := []string{"Rau củ", "Cá", "Thịt heo", "Trái cây", "Gia vị"}
	providers := []string{"Viettel Money", "Agribank"}
	person := people[i%len(people)]
	return printing.Placard{
		Market: "Chợ Vị Thanh", Vendor: person[0], Goods: goods[i%len(goods)], Stall: fmt.Sprintf("A-%03d", i%1000),
		Holder: person[1], Provider: providers[i%2], Tail: fmt.Sprintf("%04d", i%10_000), Call: "0293 000 0040",
		Serial: fmt.Sprintf("7K3Q-%04d-%02dC", i/100%10_000, i%100),
	}
}
