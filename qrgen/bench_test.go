package qrgen_test

import (
	"testing"

	"cho40/qrgen"
)

func BenchmarkStatic(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := qrgen.Static("971005", "0981234567"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	text, err := qrgen.Static("971005", "0981234567")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := qrgen.Decode(text, qrgen.Lenient); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNewSymbol(b *testing.B) {
	text, err := qrgen.Static("971005", "0981234567")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := qrgen.NewSymbol(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadModules(b *testing.B) {
	text, err := qrgen.Static("971005", "0981234567")
	if err != nil {
		b.Fatal(err)
	}
	s, err := qrgen.NewSymbol(text)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := qrgen.ReadModules(s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPNG(b *testing.B) {
	s, err := qrgen.NewSymbol("0981234567")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.PNG(8); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkProviderOf(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := qrgen.ProviderOf("NH Ngoại thương"); !ok {
			b.Fatal("nobody")
		}
	}
}
