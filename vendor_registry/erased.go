package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"cho40/internal/fault"
	"cho40/internal/id"

	"github.com/jackc/pgx/v5"
)

// ErasureList is a file outside the database that says who was erased, by ids only: it outlives the restore of an older copy, which then
// holds those people again. erasures.jsonl has a line for each; lines are only added.
type ErasureList struct{ dir string }

// OpenErasureList uses a folder for the list; it is made when it is not there.
func OpenErasureList(dir string) (*ErasureList, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, erasureList(dir, err)
	}
	return &ErasureList{dir}, nil
}

func erasureList(path string, cause error) error {
	return fault.New(fault.Conflict, "erasure-list", "The list of who was erased cannot be kept in %s. Let the service write there.", path).Because(cause)
}

func (l *ErasureList) file() string { return filepath.Join(l.dir, "erasures.jsonl") }

// Read is what the file says, and its length up to its last whole line. Faults: Conflict erasure-list.
func (l *ErasureList) Read() ([]Erasure, error) {
	all, _, err := l.read()
	return all, err
}

func (l *ErasureList) read() (all []Erasure, size int64, err error) {
	text, err := os.ReadFile(l.file())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, 0, erasureList(l.file(), err)
	}
	for line := range bytes.Lines(text) {
		if !bytes.HasSuffix(line, []byte("\n")) { // cut off by a crash: it is written again
			break
		}
		var e Erasure
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, 0, erasureList(l.file(), err)
		}
		all, size = append(all, e), size+int64(len(line))
	}
	return all, size, nil
}

// KeepErasures adds to the file who was erased and is not in it yet, and says how many. Faults: Conflict erasure-list.
func (s *Service) KeepErasures(ctx context.Context, l *ErasureList) (added int, err error) {
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		// Programs that share the folder come one after the other.
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('erasures', 0))`); err != nil {
			return err
		}
		there, size, err := l.read()
		if err != nil {
			return err
		}
		known := map[id.ID[Erasure]]bool{}
		for _, e := range there {
			known[e.ID] = true
		}
		erased, err := s.On(tx).Erasures(ctx)
		if err != nil {
			return err
		}
		var lines []byte
		for _, e := range erased {
			if !known[e.ID] {
				lines = append(append(lines, asJSON(e)...), '\n')
				added++
			}
		}
		if added == 0 {
			return nil
		}
		f, err := os.OpenFile(l.file(), os.O_WRONLY|os.O_CREATE, 0o600)
		if err != nil {
			return erasureList(l.file(), err)
		}
		err = f.Truncate(size)
		if err == nil {
			_, err = f.WriteAt(lines, size)
		}
		return errors.Join(err, f.Sync(), f.Close())
	})
	if err != nil {
		return 0, actionContext("keep the list of", "erasures", err)
	}
	return added, nil
}
