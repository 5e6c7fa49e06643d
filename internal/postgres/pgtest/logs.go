package pgtest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"
)

// kept is the folder in which a run's logs are looked through at its end (scripts/logs); empty: nobody does.
var kept = os.Getenv("CHO40_LOGS")

// Keep gives a test's log, and what it put into the record that no log may hold, to who looks through all logs of the run: a test sees
// its own log only. Without CHO40_LOGS it does nothing.
func Keep(log string, seeds []string) error {
	if kept == "" {
		return nil
	}
	var telling strings.Builder
	for _, s := range seeds {
		for line := range strings.Lines(s) {
			if line = strings.TrimSpace(line); tells(line) {
				telling.WriteString(line + "\n")
			}
		}
	}
	for suffix, text := range map[string]string{".log": log, ".seeds": telling.String()} {
		f, err := os.CreateTemp(kept, "*"+suffix)
		if err != nil {
			return fmt.Errorf("keep a test's log: %w", err)
		}
		_, err = f.WriteString(text)
		if err := errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("keep a test's log: %w", err)
		}
	}
	return nil
}

// keepServerLog keeps the log of the server in dir as it grows, also when its folder goes.
func keepServerLog(dir string) error {
	if kept == "" {
		return nil
	}
	err := os.Link(filepath.Join(dir, "postgres.log"), filepath.Join(kept, "server-"+filepath.Base(dir)+".log"))
	if errors.Is(err, fs.ErrExist) { // another package's tests were first
		err = nil
	}
	return err
}

// tells reports whether a text is of somebody and not a word that may stand anywhere.
func tells(v string) bool {
	digits := !strings.ContainsFunc(v, func(r rune) bool { return !unicode.IsDigit(r) })
	n := utf8.RuneCountInString(v)
	return n >= 9 || n >= 6 && !digits
}
