package main

import (
	"errors"
	"fmt"
	"strconv"

	"cho40/qrgen"
)

// No module of Go for EMV or VietQR text could be had from the module proxy. What stands beside the codec instead is
// what people write themselves: the text by Sprintf and its checksum, and a loop over tags; neither looks at a value.

// payments are a few hundred different things to say: every provider, accounts of 8 to 19 characters, every second with
// an amount and a content.
func payments() []qrgen.Payment {
	var all []qrgen.Payment
	for i, p := range qrgen.Providers() {
		for j := range 4 {
			n := i*4 + j
			pay := qrgen.Payment{Mode: "static", Service: qrgen.ToAccount, BIN: p.BIN, Account: fmt.Sprintf("%0*d", 8+n%12, 71_500_000+n)}
			if j%2 == 1 {
				pay.Mode, pay.Amount = "dynamic", int64(5_000+n*500)
				pay.Additional.Purpose = fmt.Sprintf("SAP A-%03d THANG %d", n%400, 1+n%12)
			}
			all = append(all, pay)
		}
	}
	return all
}

// kind are the payments of one mode.
func kind(mode string) []qrgen.Payment {
	var all []qrgen.Payment
	for _, p := range payments() {
		if p.Mode == mode {
			all = append(all, p)
		}
	}
	return all
}

func writing() (group, error) {
	static, dynamic := kind("static"), kind("dynamic")
	for _, p := range static {
		ours, err := qrgen.Static(p.BIN, p.Account)
		if err != nil {
			return group{}, err
		}
		if plain := writePlain(p.BIN, p.Account); plain != ours {
			return group{}, fmt.Errorf("written by hand as %s, not %s", plain, ours)
		}
	}
	return group{name: "codec-write", title: fmt.Sprintf("Writing a payment's text, %d different accounts", len(static)), rows: []row{
		{name: "qrgen.Static", note: "reads back by the strict rules what it wrote",
			round: loop(1, func(i int) error {
				p := &static[i%len(static)]
				_, err := qrgen.Static(p.BIN, p.Account)
				return err
			})},
		{name: "qrgen.Encode", note: "the same, with amount and content",
			round: loop(1, func(i int) error {
				_, err := qrgen.Encode(dynamic[i%len(dynamic)])
				return err
			})},
		{name: "Sprintf by hand", note: "as Static; checks nothing, takes any length and letter",
			round: loop(1, func(i int) error {
				p := &static[i%len(static)]
				writePlain(p.BIN, p.Account)
				return nil
			})},
	}}, nil
}

func reading() (group, error) {
	var texts []string
	for _, p := range payments() {
		text, err := qrgen.Encode(p)
		if err != nil {
			return group{}, err
		}
		if bin, account, err := readPlain(text); err != nil || bin != p.BIN || account != p.Account {
			return group{}, fmt.Errorf("read by hand as %s %s, %w", bin, account, err)
		}
		texts = append(texts, text)
	}
	read := func(mode qrgen.Mode) func(i int) error {
		return func(i int) error {
			_, err := qrgen.Decode(texts[i%len(texts)], mode)
			return err
		}
	}
	return group{name: "codec-read", title: fmt.Sprintf("Reading a payment's text, %d different payments", len(texts)), rows: []row{
		{name: "qrgen.Decode, lenient", note: "as for a code from outside", round: loop(1, read(qrgen.Lenient))},
		{name: "qrgen.Decode, strict", note: "as for one of ours", round: loop(1, read(qrgen.Strict))},
		{name: "a loop by hand", note: "BIN and account; compares the checksum, checks no length, order, letter or value",
			round: loop(1, func(i int) error {
				_, _, err := readPlain(texts[i%len(texts)])
				return err
			})},
	}}, nil
}

func writePlain(bin, account string) string {
	to := fmt.Sprintf("0006%s01%02d%s", bin, len(account), account)
	service := fmt.Sprintf("0010A00000072701%02d%s0208QRIBFTTA", len(to), to)
	text := fmt.Sprintf("00020101021138%02d%s53037045802VN6304", len(service), service)
	return text + fmt.Sprintf("%04X", checksum(text))
}

func readPlain(text string) (bin, account string, err error) {
	if len(text) < 4 {
		return "", "", errors.New("too short")
	}
	body, sum := text[:len(text)-4], text[len(text)-4:]
	if fmt.Sprintf("%04X", checksum(body)) != sum {
		return "", "", errors.New("wrong checksum")
	}
	to := tags(tags(body)["38"])["01"]
	return tags(to)["00"], tags(to)["01"], nil
}

// tags are the objects of text by their tag; it stops where it no longer understands.
func tags(text string) map[string]string {
	all := map[string]string{}
	for len(text) >= 4 {
		n, err := strconv.Atoi(text[2:4])
		if err != nil || len(text) < 4+n {
			break
		}
		all[text[:2]] = text[4 : 4+n]
		text = text[4+n:]
	}
	return all
}

// checksum is CRC-16/CCITT-FALSE, bit by bit.
func checksum(text string) uint16 {
	crc := uint16(0xFFFF)
	for i := range len(text) {
		crc ^= uint16(text[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}
