package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	"cho40/migrations"

	"filippo.io/age"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Restore brings a copy back into the database at url, as the role that owns it, and its files into the folder dir. The database must hold
// nothing of anybody: no market, no person, no event. Rows come in one transaction, in which every table is read again and compared with the
// copy's sums; then the schema is brought up to this program's. A file that is in dir already stays: what was written since is the better evidence.
//
// Faults: those of postgres.Connect and migrations.UpLike; Invalid no-backup, backup-locked, backup-damaged; Conflict restore-not-empty.
func Restore(ctx context.Context, r io.Reader, url, dir string, with ...age.Identity) (Contents, error) {
	a, err := open(r, with)
	if err != nil {
		return Contents{}, err
	}
	if err := empty(ctx, url); err != nil {
		return Contents{}, err
	}
	if err := migrations.UpLike(ctx, url, a.begin.Schema); err != nil {
		return Contents{}, err
	}
	conn, err := postgres.Connect(ctx, url)
	if err != nil {
		return Contents{}, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Contents{}, err
	}
	aside, err := os.MkdirTemp(dir, "restoring-")
	if err != nil {
		return Contents{}, err
	}
	defer os.RemoveAll(aside)
	var c Contents
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if c, err = a.load(ctx, tx, aside); err != nil {
			return err
		}
		return settle(c.Files, aside, dir)
	})
	if err != nil {
		return Contents{}, fmt.Errorf("restore: %w", err)
	}
	_, _, err = migrations.Up(ctx, url)
	return c, err
}

// Check reads a copy to its end and compares it with its own sums. Faults: as Restore, without those of a database.
func Check(r io.Reader, with ...age.Identity) (Contents, error) {
	a, err := open(r, with)
	if err != nil {
		return Contents{}, err
	}
	return a.read(func(string, io.Reader) error { return nil }, func(string, io.Reader) error { return nil })
}

// empty makes sure that nobody's records are in a database, and takes away a schema without any.
func empty(ctx context.Context, url string) error {
	conn, err := postgres.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		there, err := postgres.One[bool](ctx, tx, `SELECT count(*) > 0 FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')`, nil)
		if err != nil || !there {
			return err
		}
		ours, err := postgres.One[bool](ctx, tx, `SELECT to_regclass('markets') IS NOT NULL AND to_regclass('people') IS NOT NULL AND to_regclass('audit_events') IS NOT NULL`, nil)
		if err == nil && ours {
			ours, err = postgres.One[bool](ctx, tx, `SELECT NOT EXISTS (SELECT 1 FROM markets) AND NOT EXISTS (SELECT 1 FROM people) AND NOT EXISTS (SELECT 1 FROM audit_events)`, nil)
		}
		if err != nil {
			return err
		}
		if !ours {
			return fault.New(fault.Conflict, "restore-not-empty", "There are records in this database already, and a copy is never laid over them. Restore into an empty one: another DATABASE_URL, or another folder in CHO40_DATA.")
		}
		_, err = tx.Exec(ctx, `DROP SCHEMA public CASCADE`)
		if err == nil {
			_, err = tx.Exec(ctx, `CREATE SCHEMA public`)
		}
		return err
	})
}

// load writes the rows, without the foreign keys until all are there.
func (a archive) load(ctx context.Context, tx pgx.Tx, dir string) (Contents, error) {
	if err := patience(ctx, tx); err != nil {
		return Contents{}, err
	}
	known, err := tables(ctx, tx)
	if err != nil {
		return Contents{}, err
	}
	keys, err := foreignKeys(ctx, tx)
	if err != nil {
		return Contents{}, err
	}
	for _, k := range keys {
		if _, err := tx.Exec(ctx, "ALTER TABLE "+k.Of+" DROP CONSTRAINT "+k.Name); err != nil {
			return Contents{}, err
		}
	}
	for _, t := range known { // what the migrations put in is in the copy too
		if _, err := tx.Exec(ctx, "DELETE FROM "+pgx.Identifier{t.Name}.Sanitize()); err != nil {
			return Contents{}, err
		}
	}
	c, err := a.read(func(name string, rows io.Reader) error {
		i := slices.IndexFunc(known, func(t Table) bool { return t.Name == name })
		if i < 0 {
			return fmt.Errorf("there is no table %s", name)
		}
		_, err := tx.Conn().PgConn().CopyFrom(ctx, rows, "COPY "+pgx.Identifier{name}.Sanitize()+" ("+known[i].columns()+") FROM STDIN")
		return err
	}, func(name string, data io.Reader) error { return store(dir, name, data) })
	if err != nil {
		return Contents{}, err
	}
	for _, k := range keys {
		if _, err := tx.Exec(ctx, "ALTER TABLE "+k.Of+" ADD CONSTRAINT "+k.Name+" "+k.Rule); err != nil {
			return Contents{}, damaged(err)
		}
	}
	for i, t := range known {
		if err := t.read(ctx, tx, io.Discard); err != nil {
			return Contents{}, err
		}
		if i >= len(c.Tables) || t.Name != c.Tables[i].Name || !slices.Equal(t.Columns, c.Tables[i].Columns) || t.SHA256 != c.Tables[i].SHA256 || t.Rows != c.Tables[i].Rows {
			return Contents{}, damaged(fmt.Errorf("table %s came out otherwise than it went in", t.Name))
		}
	}
	return c, nil
}

// foreignKey is one as it can be dropped and added again.
type foreignKey struct{ Of, Name, Rule string }

func foreignKeys(ctx context.Context, tx pgx.Tx) ([]foreignKey, error) {
	return postgres.All[foreignKey](ctx, tx, `
		SELECT conrelid::regclass::text AS of, quote_ident(conname) AS name, pg_get_constraintdef(oid) AS rule
		FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace AND conparentid = 0 ORDER BY 1, 2`, nil)
}

// settle moves files to where they belong, which comes before the rows are: a copy whose rows are there is not brought back again.
func settle(files []File, from, to string) error {
	for _, f := range files {
		path := filepath.Join(to, filepath.FromSlash(f.Name))
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(from, filepath.FromSlash(f.Name)), path); err != nil {
			return err
		}
	}
	return nil
}

// store writes a file below dir.
func store(dir, name string, data io.Reader) error {
	path := filepath.Join(dir, filepath.FromSlash(name))
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return fmt.Errorf("a file that lies elsewhere: %s", name)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, data)
	return errors.Join(err, f.Sync(), f.Close())
}

// digest counts and sums what goes by.
type digest struct {
	hash.Hash
	rows int64
}

func (d *digest) Write(b []byte) (int, error) {
	d.rows += int64(bytes.Count(b, []byte("\n"))) // a line break within a value is written as \n
	return d.Hash.Write(b)
}

// part is a file of the archive on its way: summed as it is read, and its error kept, which the database would hide.
type part struct {
	io.Reader
	sum *digest
	err error
}

func (p *part) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	_, _ = p.sum.Write(b[:n]) // a hash takes everything
	if err != nil && !errors.Is(err, io.EOF) {
		p.err = err
	}
	return n, err
}

func (d *digest) is(rows int64, sum string) bool {
	if d == nil {
		d = &digest{Hash: sha256.New()}
	}
	return (rows < 0 || d.rows == rows) && hex.EncodeToString(d.Sum(nil)) == sum
}

// read goes through a copy: table gets the parts of each table's rows, file each file. What they leave is read past. Faults: Invalid backup-damaged.
func (a archive) read(table, file func(name string, data io.Reader) error) (Contents, error) {
	rows, files := map[string]*digest{}, map[string]*digest{}
	var c Contents
	for {
		h, err := a.tar.Next()
		if err != nil { // io.EOF too: the end is a file of its own
			return Contents{}, damaged(err)
		}
		kind, name, _ := strings.Cut(h.Name, "/")
		switch kind {
		case "end.json":
			if err := json.NewDecoder(a.tar).Decode(&c); err != nil {
				return Contents{}, damaged(err)
			}
			if _, err := a.tar.Next(); !errors.Is(err, io.EOF) {
				return Contents{}, damaged(err)
			}
			if _, err := io.Copy(io.Discard, a.whole); err != nil { // the sum of all comes last: also of what no other sum is of
				return Contents{}, damaged(err)
			}
			c.At, c.Program, c.Schema = a.begin.At, a.begin.Program, len(a.begin.Schema)
			return c, c.agrees(rows, files)
		case "tables":
			name, _, _ = strings.Cut(name, "/")
			err = a.pass(rows, name, table)
		case "files":
			err = a.pass(files, name, file)
		default:
			err = damaged(errors.New("what is " + h.Name))
		}
		if err != nil {
			return Contents{}, err
		}
	}
}

// pass hands a part on, and tells a copy that is damaged from a place that does not take it.
func (a archive) pass(sums map[string]*digest, name string, to func(string, io.Reader) error) error {
	if sums[name] == nil {
		sums[name] = &digest{Hash: sha256.New()}
	}
	p := &part{Reader: a.tar, sum: sums[name]}
	err := to(name, p)
	if err == nil {
		_, err = io.Copy(io.Discard, p)
	}
	var db *pgconn.PgError
	var disk *fs.PathError
	switch {
	case err == nil:
		return nil
	case p.err == nil && errors.As(err, &disk):
		return err
	case p.err == nil && errors.As(err, &db) && !strings.HasPrefix(db.Code, "22") && !strings.HasPrefix(db.Code, "23"): // data, constraints
		return err
	}
	return damaged(fmt.Errorf("%s: %w", name, errors.Join(p.err, err)))
}

// agrees compares what went by with what the copy says of itself.
func (c Contents) agrees(rows, files map[string]*digest) error {
	for _, t := range c.Tables {
		if !rows[t.Name].is(t.Rows, t.SHA256) {
			return damaged(fmt.Errorf("table %s differs from its sum", t.Name))
		}
		delete(rows, t.Name)
	}
	for _, f := range c.Files {
		if !files[f.Name].is(-1, f.SHA256) {
			return damaged(fmt.Errorf("file %s differs from its sum", f.Name))
		}
		delete(files, f.Name)
	}
	if len(rows)+len(files) > 0 {
		return damaged(errors.New("there is more in it than it says"))
	}
	return nil
}
