package backup_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cho40/internal/backup"
	"cho40/internal/fault"
	"cho40/internal/postgres"
	"cho40/internal/postgres/pgtest"
	registry "cho40/vendor_registry"

	"filippo.io/age"
	"github.com/jackc/pgx/v5/pgxpool"
)

var at = time.Date(2026, 3, 2, 3, 4, 5, 0, time.UTC)

// filled is a database with a market in which things happened, and a folder with a file beside it.
func filled(t *testing.T) (url string, db *pgxpool.Pool, files []backup.File) {
	t.Helper()
	db = pgtest.New(t)
	reg := registry.New(db, func() time.Time { return at })
	if _, err := reg.AddMarket(t.Context(), registry.Console(), registry.NewMarket{Code: "VT", Name: "Chợ Vị Thanh"}); err != nil {
		t.Fatal(err)
	}
	for n, name := range []string{"Lý Minh Tâm", "Trần\tVăn \\N", "Nguyễn Thị Ánh"} {
		in := registry.NewStall{Code: fmt.Sprintf("A-%d", n), Section: "Rau củ", Vendor: &registry.NewVendor{Name: strings.Join(strings.Fields(name), " "), Phone: "0912345678"},
			Accounts: []registry.NewAccount{{Provider: "viettel_money", Number: "0912345678", Reason: "một nhà"}}, Consent: &registry.NewConsent{Version: "vi-1", Given: "face_to_face"}}
		if _, err := reg.Register(t.Context(), registry.Console(), "VT", in); err != nil {
			t.Fatal(err)
		}
	}
	owner := pgtest.Owner(t, db)
	// What text can hold and the program does not let in: the copy must not care.
	if _, err := owner.Exec(t.Context(), `UPDATE vendors SET name = E'xuống\ndòng \\N \t \\. "' WHERE name = 'Nguyễn Thị Ánh'`); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "checkpoints.jsonl")
	if err := os.WriteFile(path, []byte("{}\tx\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return db.Config().ConnString(), db, []backup.File{{Name: "checkpoints/checkpoints.jsonl", Path: path}}
}

// sums are the rows of every table, said by the database itself in another way than a copy is made.
func sums(t *testing.T, url string) string {
	t.Helper()
	conn, err := postgres.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	names, err := postgres.All[string](t.Context(), conn, `SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_migrations' ORDER BY 1`, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, name := range names {
		sum, err := postgres.One[string](t.Context(), conn, `SELECT count(*) || ' ' || coalesce(md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))), '') FROM `+name+` t`, nil)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&b, name, sum)
	}
	keys, err := postgres.All[string](t.Context(), conn, `SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text !~ '_[1-9][0-9]{5}' ORDER BY 1`, nil) // not of Citus's shards
	if err != nil {
		t.Fatal(err)
	}
	return b.String() + strings.Join(keys, "\n")
}

func TestThereAndBack(t *testing.T) {
	t.Parallel()
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		to   []age.Recipient
		with []age.Identity
	}{
		{"in the clear", nil, nil},
		{"encrypted", []age.Recipient{key.Recipient()}, []age.Identity{key}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url, _, files := filled(t)
			var copied bytes.Buffer
			made, err := backup.Write(t.Context(), &copied, url, "v1", at, files, tt.to...)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(copied.Bytes(), []byte("begin.json")) {
				t.Error("it is not packed")
			}
			into, dir := pgtest.Empty(t), filepath.Join(t.TempDir(), "data")
			back, err := backup.Restore(t.Context(), bytes.NewReader(copied.Bytes()), into, dir, tt.with...)
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(back) != fmt.Sprint(withoutPlaces(made)) || back.Rows() < 20 || !back.At.Equal(at) {
				t.Errorf("brought back %+v\nof %+v", back, made)
			}
			if got, want := sums(t, into), sums(t, url); got != want {
				t.Errorf("the database holds\n%s\nwant\n%s", got, want)
			}
			if file, err := os.ReadFile(filepath.Join(dir, "checkpoints", "checkpoints.jsonl")); string(file) != "{}\tx\n" {
				t.Errorf("the file beside it is %q, %v", file, err)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
				t.Errorf("it left %v, %v", left, err)
			}
			if _, err := backup.Restore(t.Context(), bytes.NewReader(copied.Bytes()), into, dir, tt.with...); fault.CodeOf(err) != "restore-not-empty" {
				t.Errorf("over what is there: %v", err)
			}
		})
	}
}

func withoutPlaces(c backup.Contents) backup.Contents {
	for i := range c.Files {
		c.Files[i].Path = ""
	}
	// Told apart by what the archive says, not by how it was read.
	for i, t := range c.Tables {
		c.Tables[i] = backup.Table{Name: t.Name, Columns: t.Columns, Rows: t.Rows, SHA256: t.SHA256}
	}
	return c
}

// What is not the copy that was made brings nothing back, says so, and leaves a database that the whole copy still goes into.
func TestDamagedCopies(t *testing.T) {
	t.Parallel()
	url, _, files := filled(t)
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	var whole, locked bytes.Buffer
	if _, err := backup.Write(t.Context(), &whole, url, "v1", at, files); err != nil {
		t.Fatal(err)
	}
	if _, err := backup.Write(t.Context(), &locked, url, "v1", at, files, key.Recipient()); err != nil {
		t.Fatal(err)
	}
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	changed := func(name, old, new string) []byte { return packed(t, unpack(t, whole.Bytes()), name, old, new) }
	cut := func(b []byte, part float64) []byte { return b[:int(float64(len(b))*part)] }
	flipped := func(at float64) []byte {
		b := bytes.Clone(whole.Bytes())
		b[int(float64(len(b))*at)] ^= 4
		return b
	}
	// Wherever a bit turned, also where nothing is that anybody reads; of gzip's own ten bytes some say nothing, and so do those with which it fills up
	// the last byte of a block.
	content := unzipped(whole.Bytes())
	silent := 0
	for n := range 150 {
		at := 10 + (whole.Len()-11)*n/149
		turned := bytes.Clone(whole.Bytes())
		turned[at] ^= 1 << (n % 8)
		if _, err := backup.Check(bytes.NewReader(turned)); err == nil {
			if silent++; content == "" || unzipped(turned) != content {
				t.Errorf("a bit turned in byte %d of %d is not noticed", at, whole.Len())
			}
		}
	}
	if silent > 3 {
		t.Errorf("%d of 150 bits say nothing", silent)
	}
	into, dir := pgtest.Empty(t), t.TempDir()
	brought := []string{"cut off in the middle", "a number changed", "a table gone", "the end gone", "a file changed"}
	for _, tt := range []struct {
		name string
		copy []byte
		with []age.Identity
		want string
	}{
		{"nothing", nil, nil, "no-backup"},
		{"something else", []byte("PK\x03\x04 a spreadsheet"), nil, "no-backup"},
		{"cut off at the beginning", cut(whole.Bytes(), .01), nil, "no-backup"},
		{"cut off in the middle", cut(whole.Bytes(), .5), nil, "backup-damaged"},
		{"cut off before the end", cut(whole.Bytes(), .995), nil, "backup-damaged"},
		{"a bit turned near the end", flipped(.9), nil, "backup-damaged"},
		{"a bit turned in the middle", flipped(.5), nil, "backup-damaged"},
		{"a name changed", changed("tables/vendors/000001.copy", "Lý Minh Tâm", "Lý Minh Tấm"), nil, "backup-damaged"},
		{"a number changed", changed("tables/accounts/000001.copy", "0912345678", "0912345679"), nil, "backup-damaged"},
		{"a table gone", changed("tables/vendors/000001.copy", "", ""), nil, "backup-damaged"},
		{"its sum gone too", changed("end.json", `"audit_events"`, `"audit_heads"`), nil, "backup-damaged"},
		{"the end gone", changed("end.json", "", ""), nil, "backup-damaged"},
		{"a file changed", changed("files/checkpoints/checkpoints.jsonl", "x", "y"), nil, "backup-damaged"},
		{"of another program", changed("begin.json", `"sha256": "`, `"sha256": "0`), nil, "schema-differs"},
		{"of a newer program", changed("begin.json", `"schema": [`, `"schema": [`+strings.Repeat(`{"n":1},`, 99)), nil, "schema-newer"},
		{"of a newer form", changed("begin.json", `"format": 1`, `"format": 2`), nil, "schema-newer"},
		{"encrypted, without a key", locked.Bytes(), nil, "backup-locked"},
		{"encrypted, another key", locked.Bytes(), []age.Identity{other}, "backup-locked"},
		{"encrypted, cut off within its first part", cut(locked.Bytes(), .95), []age.Identity{key}, "no-backup"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ofSchema := strings.HasPrefix(tt.name, "of ") // which only a database is asked about
			if _, err := backup.Check(bytes.NewReader(tt.copy), tt.with...); fault.CodeOf(err) != tt.want && !ofSchema {
				t.Errorf("check: %v, want %s", err, tt.want)
			}
			if tt.want == "backup-damaged" && !slices.Contains(brought, tt.name) {
				return // each costs a schema
			}
			if _, err := backup.Restore(t.Context(), bytes.NewReader(tt.copy), into, dir, tt.with...); fault.CodeOf(err) != tt.want {
				t.Errorf("restore: %v, want %s", err, tt.want)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("it left %v, %v", left, err)
			}
		})
	}
	if _, err := backup.Check(bytes.NewReader(whole.Bytes())); err != nil {
		t.Error(err)
	}
	if _, err := backup.Restore(t.Context(), bytes.NewReader(whole.Bytes()), into, dir); err != nil {
		t.Errorf("the whole one afterwards: %v", err)
	}
}

// A database that stores something else than it is given is found out before anything is committed.
func TestStoredOtherwise(t *testing.T) {
	t.Parallel()
	url, _, _ := filled(t)
	var copied bytes.Buffer
	if _, err := backup.Write(t.Context(), &copied, url, "v1", at, nil); err != nil {
		t.Fatal(err)
	}
	into := pgtest.Empty(t)
	conn, err := postgres.Connect(t.Context(), into)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, sql := range []string{
		`CREATE SCHEMA beside`,
		`CREATE FUNCTION beside.spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.section := 'Khu khác'; RETURN NEW; END $$`,
		`CREATE FUNCTION beside.attach() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
			IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity = 'public.stalls' AND command_tag = 'CREATE TABLE') THEN
				CREATE TRIGGER spoil BEFORE INSERT ON public.stalls FOR EACH ROW EXECUTE FUNCTION beside.spoil();
			END IF;
		END $$`,
		`CREATE EVENT TRIGGER attach ON ddl_command_end EXECUTE FUNCTION beside.attach()`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := backup.Restore(t.Context(), &copied, into, t.TempDir()); fault.CodeOf(err) != "backup-damaged" {
		t.Errorf("restored all the same: %v", err)
	}
	if n, err := postgres.One[int](t.Context(), conn, `SELECT count(*)::int FROM stalls`, nil); n != 0 || err != nil {
		t.Errorf("%d stalls are there, %v", n, err)
	}
}

// A copy is of one moment: what is written while it waits for one of the tables is in none of them.
func TestCopyOfOneMoment(t *testing.T) {
	t.Parallel()
	url, db, _ := filled(t)
	reg := registry.New(db, func() time.Time { return at })
	held, err := pgtest.Owner(t, db).Begin(t.Context())
	if err == nil {
		_, err = held.Exec(t.Context(), `LOCK TABLE campaigns IN ACCESS EXCLUSIVE MODE`) // behind the accounts and the chain, before the stalls
	}
	if err != nil {
		t.Fatal(err)
	}
	var copied bytes.Buffer
	done := make(chan error)
	go func() {
		_, err := backup.Write(t.Context(), &copied, url, "v1", at, nil)
		done <- err
	}()
	for waits := false; !waits; {
		if waits, err = postgres.One[bool](t.Context(), db, `SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'campaigns'::regclass AND NOT granted)`, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := reg.Register(t.Context(), registry.Console(), "VT", registry.NewStall{Code: "LATE", Vendor: &registry.NewVendor{Name: "Lý Minh Tâm"}}); err != nil {
		t.Fatal(err)
	}
	if err := held.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	into := pgtest.Empty(t)
	if _, err := backup.Restore(t.Context(), &copied, into, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	pool, err := postgres.Open(t.Context(), into)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if n, err := postgres.One[int](t.Context(), pool, `SELECT (SELECT count(*) FROM stalls WHERE code = 'LATE')::int + (SELECT count(*) FROM stalls)::int`, nil); n != 3 || err != nil {
		t.Errorf("the stall of afterwards came along: %d, %v", n, err)
	}
	there := registry.New(pool, func() time.Time { return at })
	m, err := there.MarketFor(t.Context(), registry.Console(), registry.SeeMarket, "VT")
	if err != nil {
		t.Fatal(err)
	}
	if broken, err := there.VerifyAudit(t.Context(), m.ID); broken != 0 || err != nil {
		t.Errorf("the chain is broken at %d, %v", broken, err)
	}
}

type entry struct {
	name string
	data []byte
}

// unzipped is what a gzip file holds, empty where it is damaged.
func unzipped(b []byte) string {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return ""
	}
	content, err := io.ReadAll(z)
	if err != nil {
		return ""
	}
	return string(content)
}

func unpack(t *testing.T, b []byte) (all []entry) {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		var data []byte
		if err == nil {
			data, err = io.ReadAll(r)
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, entry{h.Name, data})
	}
}

// packed is the archive with one file of it changed, or left out when nothing is to be replaced.
func packed(t *testing.T, all []entry, name, old, new string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	found := false
	for _, e := range all {
		if e.name == name {
			found = old == "" || bytes.Contains(e.data, []byte(old))
			if old == "" {
				continue
			}
			e.data = bytes.Replace(e.data, []byte(old), []byte(new), 1)
		}
		if err := w.WriteHeader(&tar.Header{Name: e.name, Size: int64(len(e.data)), Mode: 0o600}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(e.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil || !found {
		t.Fatalf("%s with %q: %v, %v", name, old, found, err)
	}
	return b.Bytes()
}
