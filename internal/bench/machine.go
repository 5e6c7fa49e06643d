package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// printMachine says on what, with what and by which command the figures below it were made.
func printMachine(w io.Writer, markdown bool) {
	mark := ""
	if markdown {
		mark = "- "
	}
	fmt.Fprintf(w, "%smachine: %d cores of %s, %s/%s\n", mark, runtime.NumCPU(), processor(), runtime.GOOS, runtime.GOARCH)
	fmt.Fprintf(w, "%sgo: %s\n", mark, runtime.Version())
	fmt.Fprintf(w, "%sdate: %s\n", mark, time.Now().UTC().Format("2006-01-02 15:04 MST"))
	fmt.Fprintf(w, "%scommand: %s\n", mark, command(os.Args[1:]))
	fmt.Fprintf(w, "%swith: %s\n", mark, strings.Join(peers(), ", "))
}

// command is what makes the figures again.
func command(flags []string) string {
	if len(flags) == 0 {
		return "make bench"
	}
	var all []string
	for _, f := range flags {
		if strings.ContainsAny(f, " |()*^?[]") {
			f = "'" + f + "'"
		}
		all = append(all, f)
	}
	return `make bench BENCH="` + strings.Join(all, " ") + `"`
}

// processor is the model as Linux has it, or only what Go knows of it elsewhere.
func processor() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "an unnamed processor"
}

// peers are the libraries compared, at the versions that are built in.
func peers() []string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	var all []string
	for _, m := range info.Deps {
		for _, name := range []string{"go-qrcode", "gozxing", "rsc.io/qr", "go-qr", "barcode", "gofpdf", "fpdf", "gopdf", "excelize"} {
			if path := strings.TrimSuffix(m.Path, "/v2"); path == name || strings.HasSuffix(path, "/"+name) {
				all = append(all, m.Path+" "+m.Version)
			}
		}
	}
	return all
}
