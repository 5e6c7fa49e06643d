// Package backup takes a whole, checked copy of the service's database and of the files that belong to it, and brings it back.
//
// A copy is a tar archive, packed with gzip, and encrypted with age when keys are given; all three can be read without this program. In it:
//
//	begin.json                     when, by which program, of which schema
//	tables/NAME/000001.copy …      the rows of a table in the order of its key, as COPY writes text
//	files/NAME                     the files beside the database: the audit's checkpoints
//	end.json                       the tables with columns, rows and SHA-256, and the files; without it the copy was cut off
//
// All tables are read in one snapshot, while the service goes on. Whoever has a copy that is not encrypted has everything.
package backup

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	"cho40/migrations"

	"filippo.io/age"
	"github.com/jackc/pgx/v5"
)

// format is the version of what a copy looks like.
const format = 1

// chunk is how much of a table is one file of the archive, in bytes.
const chunk = 4 << 20

// begin is begin.json.
type begin struct {
	Format  int                  `json:"format"`
	At      time.Time            `json:"at"`
	Program string               `json:"program"`
	Schema  []migrations.Applied `json:"schema"`
}

// Table is what a copy holds of a table.
type Table struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
	Rows    int64    `json:"rows"`
	SHA256  string   `json:"sha256"` // of the text that COPY writes of it, hex

	order string // the key's columns, as ORDER BY wants them
}

// File is a file beside the database. What is appended to it while it is copied is left for the next copy.
type File struct {
	Name   string `json:"name"` // in the archive, with / between folders
	Path   string `json:"-"`    // where it lies
	SHA256 string `json:"sha256"`
}

// Contents is what a copy holds: end.json, and what begin.json says of it.
type Contents struct {
	At      time.Time `json:"-"`
	Program string    `json:"-"`
	Schema  int       `json:"-"` // number of the last migration
	Tables  []Table   `json:"tables"`
	Files   []File    `json:"files"`
}

// Rows is how many there are in all tables.
func (c Contents) Rows() (n int64) {
	for _, t := range c.Tables {
		n += t.Rows
	}
	return n
}

// Write copies the database at url, as a role that may read it all, and the files, to w; to are who can read the copy, nobody in particular when
// there are none. The url must not lead to PgBouncer.
//
// Faults: those of postgres.Connect; Conflict schema-missing.
func Write(ctx context.Context, w io.Writer, url, program string, at time.Time, files []File, to ...age.Recipient) (Contents, error) {
	conn, err := postgres.Connect(ctx, url)
	if err != nil {
		return Contents{}, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var c Contents
	err = pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		schema, err := migrations.History(ctx, tx)
		if err != nil {
			return err
		}
		if len(schema) == 0 {
			return fault.New(fault.Conflict, "schema-missing", "There is nothing to copy: the database has no schema yet.")
		}
		c = Contents{At: at.UTC().Truncate(time.Second), Program: program, Schema: len(schema), Files: slices.Clone(files)}
		if c.Tables, err = tables(ctx, tx); err != nil {
			return err
		}
		if err := patience(ctx, tx); err != nil {
			return err
		}
		return pack(w, to, func(out *tar.Writer) error {
			if err := putJSON(out, "begin.json", c.At, begin{format, c.At, program, schema}); err != nil {
				return err
			}
			for i := range c.Tables {
				if err := c.Tables[i].write(ctx, tx, out, c.At); err != nil {
					return fmt.Errorf("copy %s: %w", c.Tables[i].Name, err)
				}
			}
			for i := range c.Files {
				if err := c.Files[i].write(out, c.At); err != nil {
					return fmt.Errorf("copy %s: %w", c.Files[i].Path, err)
				}
			}
			return putJSON(out, "end.json", c.At, c)
		})
	})
	if err != nil {
		return Contents{}, fmt.Errorf("back up: %w", err)
	}
	return c, nil
}

// pack makes the layers of a copy around what fill writes.
func pack(w io.Writer, to []age.Recipient, fill func(*tar.Writer) error) error {
	closers := []io.Closer{}
	if len(to) > 0 {
		locked, err := age.Encrypt(w, to...)
		if err != nil {
			return err
		}
		w, closers = locked, append(closers, locked)
	}
	packed := gzip.NewWriter(w)
	archive := tar.NewWriter(packed)
	closers = append(closers, packed, archive)
	if err := fill(archive); err != nil {
		return err
	}
	for i := range closers {
		if err := closers[len(closers)-1-i].Close(); err != nil {
			return err
		}
	}
	return nil
}

// patience lifts the limits that are for requests: a large table takes its time.
func patience(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `SELECT set_config('statement_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '0', true),
		set_config('datestyle', 'ISO', true), set_config('intervalstyle', 'postgres', true), set_config('bytea_output', 'hex', true), set_config('extra_float_digits', '1', true)`)
	return err
}

// tables are those of the schema, by name, with the columns that are stored as they are given. The migrations' own is made by them.
func tables(ctx context.Context, tx pgx.Tx) ([]Table, error) {
	type row struct {
		Name    string
		Columns []string
		Key     []string
	}
	rows, err := postgres.All[row](ctx, tx, `
		SELECT c.relname::text AS name,
		       (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
		        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS columns,
		       -- The same order on any server, whatever it sorts text by; by all columns where there is no key.
		       (SELECT array_agg(quote_ident(a.attname) || CASE WHEN a.attcollation <> 0 THEN ' COLLATE "C"' ELSE '' END ORDER BY array_position(k.columns, a.attnum))
		        FROM (SELECT coalesce((SELECT i.indkey::int2[] FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary),
		                              (SELECT array_agg(a.attnum ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)) AS columns) k
		        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (k.columns)) AS key
		FROM pg_class c
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> 'schema_migrations'
		ORDER BY c.relname`, nil)
	if err != nil {
		return nil, err
	}
	all := make([]Table, len(rows))
	for i, r := range rows {
		all[i] = Table{Name: r.Name, Columns: r.Columns, order: strings.Join(r.Key, ", ")}
	}
	return all, nil
}

func (t Table) columns() string {
	quoted := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		quoted[i] = pgx.Identifier{c}.Sanitize()
	}
	return strings.Join(quoted, ", ")
}

// read sends the table's rows as text to w, and keeps how many there are and their sum.
func (t *Table) read(ctx context.Context, tx pgx.Tx, w io.Writer) error {
	h := sha256.New()
	tag, err := tx.Conn().PgConn().CopyTo(ctx, io.MultiWriter(h, w),
		"COPY (SELECT "+t.columns()+" FROM "+pgx.Identifier{t.Name}.Sanitize()+" ORDER BY "+t.order+") TO STDOUT")
	t.Rows, t.SHA256 = tag.RowsAffected(), hex.EncodeToString(h.Sum(nil))
	return err
}

func (t *Table) write(ctx context.Context, tx pgx.Tx, out *tar.Writer, at time.Time) error {
	parts := &parts{out: out, at: at, name: t.Name}
	if err := t.read(ctx, tx, parts); err != nil {
		return err
	}
	return parts.flush()
}

// parts cuts what is written into files of the archive, whose length must be known before they begin.
type parts struct {
	out  *tar.Writer
	at   time.Time
	name string
	n    int
	held bytes.Buffer
}

func (p *parts) Write(b []byte) (int, error) {
	p.held.Write(b)
	if p.held.Len() < chunk {
		return len(b), nil
	}
	return len(b), p.flush()
}

func (p *parts) flush() error {
	if p.held.Len() == 0 {
		return nil
	}
	p.n++
	defer p.held.Reset()
	return put(p.out, fmt.Sprintf("tables/%s/%06d.copy", p.name, p.n), p.at, p.held.Bytes())
}

func (f *File) write(out *tar.Writer, at time.Time) error {
	in, err := os.Open(f.Path)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	h := sha256.New()
	if err := putFrom(out, "files/"+f.Name, at, io.TeeReader(io.LimitReader(in, info.Size()), h), info.Size()); err != nil {
		return err
	}
	f.SHA256 = hex.EncodeToString(h.Sum(nil))
	return nil
}

func put(out *tar.Writer, name string, at time.Time, data []byte) error {
	return putFrom(out, name, at, bytes.NewReader(data), int64(len(data)))
}

func putFrom(out *tar.Writer, name string, at time.Time, data io.Reader, size int64) error {
	if err := out.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: size, ModTime: at, Format: tar.FormatPAX}); err != nil {
		return err
	}
	_, err := io.Copy(out, data)
	return err
}

func putJSON(out *tar.Writer, name string, at time.Time, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return put(out, name, at, append(data, '\n'))
}

// archive is a copy that is being read.
type archive struct {
	begin begin
	tar   *tar.Reader
	whole io.Reader // what the archive is read from, to its end
}

// ageHeader begins whatever age encrypted.
const ageHeader = "age-encryption.org/v1"

// open reads the beginning of a copy; with are the keys that may open it.
func open(r io.Reader, with []age.Identity) (a archive, err error) {
	head := make([]byte, len(ageHeader))
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return archive{}, err
	}
	r = io.MultiReader(bytes.NewReader(head[:n]), r)
	if string(head[:n]) == ageHeader {
		if len(with) == 0 {
			return archive{}, fault.New(fault.Invalid, "backup-locked", "The copy is encrypted. Give the file with its key: --identity FILE.")
		}
		if r, err = age.Decrypt(r, with...); err != nil {
			return archive{}, fault.New(fault.Invalid, "backup-locked", "None of these keys opens the copy. Take the one of the time when it was made.").Because(err)
		}
	}
	packed, err := gzip.NewReader(r)
	if err != nil {
		return archive{}, noBackup(err)
	}
	a = archive{tar: tar.NewReader(packed), whole: packed}
	if h, err := a.tar.Next(); err != nil || h.Name != "begin.json" || json.NewDecoder(a.tar).Decode(&a.begin) != nil {
		return archive{}, noBackup(err)
	}
	if a.begin.Format != format {
		return archive{}, fault.New(fault.Conflict, "schema-newer", "It was made by a newer program: its schema is at %d, this one knows %d. Install the newer program first.", len(a.begin.Schema), migrations.Latest())
	}
	return a, nil
}

func noBackup(cause error) error {
	return fault.New(fault.Invalid, "no-backup", "This is no copy of cho40, or its beginning is damaged.").Because(cause)
}

func damaged(cause error) error {
	return fault.New(fault.Invalid, "backup-damaged", "The copy was cut off or changed. Nothing of it was brought back. Take another.").Because(cause)
}
