package main

import (
	"os"

	"github.com/schollz/progressbar/v3"
)

// bar shows how far a long command is, on a terminal only: what a script reads stays as it is.
type bar struct{ *progressbar.ProgressBar }

// progress begins a bar up to n things; short work has none.
func progress(n int) bar {
	info, err := os.Stderr.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 || n < 1000 {
		return bar{}
	}
	return bar{progressbar.NewOptions(n, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionShowCount(), progressbar.OptionClearOnFinish())}
}

func (b bar) to(n int) {
	if b.ProgressBar != nil {
		_ = b.Set(n) // a bar that cannot be drawn hinders nothing
	}
}

func (b bar) done() {
	if b.ProgressBar != nil {
		_ = b.Finish()
	}
}
