package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cho40/internal/backup"
	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"
	"cho40/migrations"
	registry "cho40/vendor_registry"

	"filippo.io/age"
	"github.com/jackc/pgx/v5"
)

// backupFlags say who can read a copy.
type backupFlags struct {
	Recipients []string `name:"recipient" env:"CHO40_BACKUP_RECIPIENT" placeholder:"age1…" help:"Encrypt for this key; may be given several times. Without one, whoever has the copy has everything."`
}

type backupCmd struct {
	backupFlags
	File   string `arg:"" optional:"" help:"Where the copy goes."`
	NewKey string `name:"new-key" placeholder:"FILE" help:"Make a key for copies instead: the secret half goes to FILE, the public one is printed."`
}

// Run answers `cho40 backup`.
func (b backupCmd) Run(ctx context.Context, c *config, out output) error {
	switch {
	case (b.File == "") == (b.NewKey == ""):
		return fault.New(fault.Invalid, "choose-one", "Say where the copy goes, or --new-key FILE.")
	case b.NewKey != "":
		return newKey(out, b.NewKey)
	}
	to, err := b.recipients()
	if err != nil {
		return err
	}
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	made, err := a.backUp(ctx, b.File, to)
	if err != nil {
		return err
	}
	locked := "not encrypted: keep it where only you can read"
	if len(to) > 0 {
		locked = "encrypted"
	}
	_, err = fmt.Fprintf(out, "%s: %d tables, %d rows, schema %d, %s\n", b.File, len(made.Tables), made.Rows(), made.Schema, locked)
	return err
}

func newKey(out output, path string) error {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return cannotWrite(path, err)
	}
	_, err = fmt.Fprintf(f, "# public key: %s\n%s\n", key.Recipient(), key)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return cannotWrite(path, err)
	}
	_, err = fmt.Fprintln(out, key.Recipient())
	return err
}

func (b backupFlags) recipients() ([]age.Recipient, error) {
	var to []age.Recipient
	for _, key := range b.Recipients {
		r, err := age.ParseX25519Recipient(key)
		if err != nil {
			return nil, fault.New(fault.Invalid, "backup-key", "This is no public key for copies: %s. It begins with age1; make one with: cho40 backup --new-key FILE", key).Because(err)
		}
		to = append(to, r)
	}
	return to, nil
}

// backUp writes a copy beside its place, reads it back, and moves it there; a file that is there already is left alone. It is in the record.
func (a *app) backUp(ctx context.Context, path string, to []age.Recipient) (made backup.Contents, err error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return made, cannotWrite(path, fs.ErrExist)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return made, cannotWrite(path, err)
	}
	defer func() {
		f.Close()
		if err != nil {
			_ = os.Remove(f.Name()) // the error is already one
		}
	}()
	written := sha256.New()
	buffered := bufio.NewWriterSize(io.MultiWriter(f, written), 1<<20)
	made, err = backup.Write(ctx, buffered, a.direct, version, time.Now(), a.beside(), to...)
	if err == nil {
		err = errors.Join(buffered.Flush(), f.Sync())
	}
	if err != nil {
		return made, cannotWrite(path, err)
	}
	// What the disk holds, not what was sent to it.
	if _, err = f.Seek(0, io.SeekStart); err != nil {
		return made, cannotWrite(path, err)
	}
	read := sha256.New()
	stored := io.TeeReader(f, read)
	if len(to) == 0 {
		_, err = backup.Check(stored)
	}
	if err == nil {
		_, err = io.Copy(io.Discard, stored)
	}
	if err == nil && string(read.Sum(nil)) != string(written.Sum(nil)) {
		err = errDisk
	}
	if err != nil {
		return made, cannotWrite(path, err)
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return made, cannotWrite(path, err)
	}
	return made, pgx.BeginFunc(ctx, a.db, func(tx pgx.Tx) error {
		return registry.Audit(ctx, tx, time.Now(), registry.Console(), id.ID[registry.Market]{}, registry.Event{Action: "service.backed_up", Object: "service"})
	})
}

// cannotWrite says what is wrong with the place of a copy; what is wrong elsewhere stays as it is.
func cannotWrite(path string, cause error) error {
	if _, ok := errors.AsType[*fs.PathError](cause); !ok && !errors.Is(cause, fs.ErrExist) && !errors.Is(cause, errDisk) {
		return cause
	}
	if errors.Is(cause, fs.ErrExist) {
		return fault.New(fault.Conflict, "file-exists", "There is a file %s already. Name another: a copy never replaces one.", path)
	}
	return fault.New(fault.Conflict, "file-not-written", "%s cannot be written: %s.", path, cause).Because(cause)
}

var errDisk = errors.New("the disk gives back something else than what was written")

// besideNames are the files beside the database that a copy holds.
var besideNames = []string{"checkpoints/checkpoint.key", "checkpoints/checkpoint.pub", "checkpoints/checkpoints.jsonl", "erasures/erasures.jsonl"}

func (a *app) beside() (files []backup.File) {
	for _, name := range besideNames {
		path := filepath.Join(a.dir, filepath.FromSlash(name))
		if _, err := os.Stat(path); err == nil {
			files = append(files, backup.File{Name: name, Path: path})
		}
	}
	return files
}

// restoreFlags name a copy and what opens it.
type restoreFlags struct {
	File     string   `arg:"" type:"existingfile" help:"The copy."`
	Identity []string `env:"CHO40_BACKUP_IDENTITY" placeholder:"FILE" type:"existingfile" help:"File with the secret key of an encrypted copy."`
}

func (r restoreFlags) open() (*os.File, []age.Identity, error) {
	var with []age.Identity
	for _, path := range r.Identity {
		key, err := os.Open(path)
		if err != nil {
			return nil, nil, err
		}
		ids, err := age.ParseIdentities(key)
		if err := errors.Join(err, key.Close()); err != nil {
			return nil, nil, fault.New(fault.Invalid, "backup-key", "%s holds no secret key for copies. It is the file that --new-key made.", path).Because(err)
		}
		with = append(with, ids...)
	}
	f, err := os.Open(r.File)
	return f, with, err
}

type restoreCmd struct{ restoreFlags }

// Run answers `cho40 restore`.
func (r restoreCmd) Run(ctx context.Context, c *config, out output) error {
	file, with, err := r.open()
	if err != nil {
		return err
	}
	defer file.Close()
	p, err := c.database(ctx)
	if err != nil {
		return err
	}
	defer p.stop()
	dir, err := c.dir()
	if err != nil {
		return err
	}
	held, err := r.restore(ctx, p, file, with, dir)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "%d tables, %d rows of %s are back, each table as in the copy; schema %d -> %d\n",
		len(held.Tables), held.Rows(), held.At.Format(time.RFC3339), held.Schema, migrations.Latest()); err != nil {
		return err
	}
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	if err := a.replayErasures(ctx, out); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, "Now: cho40 audit verify; cho40 reconcile")
	return err
}

// restore brings a copy into a place, and its files into dir.
func (r restoreFlags) restore(ctx context.Context, p place, file io.Reader, with []age.Identity, dir string) (held backup.Contents, err error) {
	if held, err = backup.Restore(ctx, bufio.NewReaderSize(file, 1<<20), p.owner, dir, with...); err != nil {
		return held, err
	}
	_, _, err = p.up(ctx)
	return held, err
}

type restoreTestCmd struct{ restoreFlags }

// Run answers `cho40 restore-test`: the copy is brought back into a database of its own, looked at, and thrown away.
func (r restoreTestCmd) Run(ctx context.Context, c *config, out output) error {
	file, with, err := r.open()
	if err != nil {
		return err
	}
	defer file.Close()
	dir, err := os.MkdirTemp(scratch, "cho40-restore-test-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // the user that PostgreSQL runs as passes through
		return err
	}
	its := &config{Data: filepath.Join(dir, "data"), Format: c.Format}
	server, err := postgres.StartThrowaway(ctx, its.Data, os.Getpid())
	if err != nil {
		return err
	}
	defer func() { _ = server.Stop() }()
	p := placeOf(server)
	held, err := r.restore(ctx, p, file, with, its.Data)
	if err != nil {
		return err
	}
	a, err := its.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	if _, err := fmt.Fprintf(out, "%d tables, %d rows of %s come back, each table as in the copy\n", len(held.Tables), held.Rows(), held.At.Format(time.RFC3339)); err != nil {
		return err
	}
	if err := a.verifyAudit(ctx, out); err != nil {
		return err
	}
	return reconcileCmd{}.on(ctx, a, c, out)
}

// scratch is where a copy is tried: the user that PostgreSQL runs as must reach it.
const scratch = "/var/tmp"

// copies are taken by the service itself, into a folder.
type copies struct {
	folder string
	keep   int
	to     []age.Recipient
}

// copiesEvery is how often one is taken.
const copiesEvery = 24 * time.Hour

// copies is nil when none are wanted.
func (s serveCmd) copies() (*copies, error) {
	if s.BackupTo == "" {
		return nil, nil
	}
	if s.BackupKeep < 1 {
		return nil, fault.New(fault.Invalid, "backup-keep", "Keep at least one copy: --backup-keep 14.")
	}
	to, err := s.recipients()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.BackupTo, 0o700); err != nil {
		return nil, cannotWrite(s.BackupTo, err)
	}
	return &copies{s.BackupTo, s.BackupKeep, to}, nil
}

const (
	copyPrefix, copySuffix = "cho40-", ".backup"
	copyTime               = "20060102T150405Z"
)

// take takes a copy, and removes the oldest when there are more than are kept. Copies that have another name than take gives stay.
func (c copies) take(ctx context.Context, a *app) error {
	path := filepath.Join(c.folder, copyPrefix+time.Now().UTC().Format(copyTime)+copySuffix)
	if _, err := a.backUp(ctx, path, c.to); err != nil {
		return err
	}
	taken, err := copiesIn(c.folder)
	if err != nil {
		return err
	}
	for _, old := range taken[:max(0, len(taken)-c.keep)] {
		if err := os.Remove(filepath.Join(c.folder, old.name)); err != nil {
			return err
		}
	}
	return nil
}

// taken is a copy that the service took.
type taken struct {
	name string
	at   time.Time
}

// copiesIn are those in a folder, the oldest first.
func copiesIn(folder string) (all []taken, err error) {
	files, err := os.ReadDir(folder) // by name, and so by time
	for _, f := range files {
		name, ours := strings.CutPrefix(f.Name(), copyPrefix)
		name, whole := strings.CutSuffix(name, copySuffix)
		if at, err := time.Parse(copyTime, name); err == nil && ours && whole {
			all = append(all, taken{f.Name(), at})
		}
	}
	return all, err
}
