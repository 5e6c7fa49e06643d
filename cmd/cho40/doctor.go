package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	"cho40/migrations"
	registry "cho40/vendor_registry"
	"cho40/web/lang"

	"github.com/jackc/pgx/v5/pgxpool"
)

// doctorCmd looks at what the service stands on. The flags are those of serve, so that both can be given the same.
type doctorCmd struct {
	Listen   string `env:"CHO40_LISTEN" default:"127.0.0.1:8080" placeholder:"ADDR" help:"Address that the service is to listen on."`
	TLSCert  string `name:"tls-cert" env:"CHO40_TLS_CERT" type:"path" placeholder:"FILE" help:"Its certificate."`
	BackupTo string `name:"backup-to" env:"CHO40_BACKUP_TO" type:"path" placeholder:"FOLDER" help:"Where its copies go."`
}

// The verdicts of a finding.
const (
	fine    = "ok"
	careful = "warning"
	wrong   = "fault"
)

// finding is what the doctor says of one thing.
type finding struct {
	of, verdict string
	says        fault.Text
}

// doctor collects findings.
type doctor struct{ found []finding }

func (d *doctor) finds(of, verdict, format string, args ...any) {
	d.found = append(d.found, finding{of, verdict, fault.Say(format, args...)})
}

// sayFault keeps a fault's own words.
func (d *doctor) sayFault(of string, err error) {
	if f, ok := fault.As(err); ok {
		d.found = append(d.found, finding{of, wrong, f.Detail})
		return
	}
	d.finds(of, wrong, "It cannot be looked at: %s.", err)
}

// Run answers `cho40 doctor`: exit 1 when something is at fault.
func (cmd doctorCmd) Run(ctx context.Context, c *config, out output) error {
	d := &doctor{}
	cmd.look(ctx, c, d)
	type row struct {
		Of      string `json:"of"`
		Verdict string `json:"verdict"`
		Vi      string `json:"vi"`
		En      string `json:"en"`
	}
	shown, rows, faults := []row{}, [][]string{}, 0
	for _, f := range d.found {
		r := row{f.of, f.verdict, lang.Vi.Text(f.says), f.says.String()}
		shown = append(shown, r)
		rows = append(rows, []string{r.Verdict, r.Of, r.Vi, r.En})
		if f.verdict == wrong {
			faults++
		}
	}
	if c.Format == "table" { // two lines each: the sentences are long
		for _, r := range shown {
			if _, err := fmt.Fprintf(out, "%-8s %-12s %s\n%-21s %s\n", r.Verdict, r.Of, r.Vi, "", r.En); err != nil {
				return err
			}
		}
	} else if err := c.list(out, shown, []string{"verdict", "of", "vi", "en"}, rows); err != nil {
		return err
	}
	if faults > 0 {
		return fault.New(fault.Conflict, "unwell", "At fault: %d. What to do stands beside each.", faults)
	}
	return nil
}

func (cmd doctorCmd) look(ctx context.Context, c *config, d *doctor) {
	dir, err := c.dir()
	if err != nil {
		d.sayFault("folder", err)
		return
	}
	d.space(dir)
	d.port(cmd.Listen)
	if cmd.TLSCert != "" {
		d.certificate(cmd.TLSCert, time.Now())
	}
	p, err := c.database(ctx)
	if err != nil {
		d.sayFault("database", err)
		return
	}
	defer p.stop()
	db, err := postgres.Open(ctx, p.service)
	if err != nil {
		d.sayFault("database", err)
		return
	}
	defer db.Close()
	d.server(ctx, db, p)
	if !d.schema(ctx, db, p) {
		return
	}
	d.rights(ctx, db, p)
	if c.ReplicaURL != "" {
		d.replica(ctx, c.ReplicaURL, db)
	}
	d.runs(ctx, db, time.Now())
	d.evidence(dir, time.Now())
	if cmd.BackupTo != "" {
		d.backups(cmd.BackupTo, time.Now())
	} else {
		d.finds("copies", careful, "No copy is taken by itself. Give serve a folder: --backup-to FOLDER, best on another machine's disk.")
	}
}

// leastSpace is free space below which a disk is nearly full, in bytes: a day's copy and the database's own files want some.
const leastSpace = 2 << 30

func (d *doctor) space(dir string) {
	at := dir
	free, err := freeSpace(at)
	for errors.Is(err, fs.ErrNotExist) && at != filepath.Dir(at) { // it is made at the first start
		at = filepath.Dir(at)
		free, err = freeSpace(at)
	}
	if errors.Is(err, errors.ErrUnsupported) {
		return
	}
	if err != nil {
		d.finds("disk", wrong, "The folder %s cannot be read: %s.", at, err)
		return
	}
	verdict := fine
	if free < leastSpace {
		verdict = careful
	}
	d.finds("disk", verdict, "%s: %.1f GB are free.", dir, float64(free)/1e9)
}

// port reports whether the service could listen, or listens.
func (d *doctor) port(addr string) {
	l, err := net.Listen("tcp", addr)
	switch {
	case err == nil:
		_ = l.Close()
		d.finds("address", fine, "%s is free for the service.", addr)
	case errors.Is(err, syscall.EADDRINUSE):
		d.finds("address", careful, "%s is in use: by the service, or else choose another with --listen.", addr)
	default:
		d.sayFault("address", cannotListen(addr, err))
	}
}

// renewWithin is how long before its end a certificate should be renewed.
const renewWithin = 14 * 24 * time.Hour

func (d *doctor) certificate(path string, now time.Time) {
	text, err := os.ReadFile(path)
	block, _ := pem.Decode(text)
	if err == nil && block == nil {
		err = errors.New("no PEM")
	}
	var cert *x509.Certificate
	if err == nil {
		cert, err = x509.ParseCertificate(block.Bytes)
	}
	switch {
	case err != nil:
		d.finds("certificate", wrong, "%s is no certificate: %s.", path, err)
	case now.After(cert.NotAfter):
		d.finds("certificate", wrong, "The certificate ended on %s. Renew it.", registry.DayOf(cert.NotAfter).String())
	case now.Add(renewWithin).After(cert.NotAfter):
		d.finds("certificate", careful, "The certificate ends on %s. Renew it soon.", registry.DayOf(cert.NotAfter).String())
	default:
		d.finds("certificate", fine, "The certificate is good until %s.", registry.DayOf(cert.NotAfter).String())
	}
}

// skew is how far the database's clock may be from this machine's.
const skew = 5 * time.Second

// oldest is the PostgreSQL that is tried with every change.
const oldest = 150000

// server looks at PostgreSQL itself.
func (d *doctor) server(ctx context.Context, db *pgxpool.Pool, p place) {
	type settings struct {
		Version  int
		Named    string
		Now      time.Time
		Unsafe   []string // settings that may lose what was acknowledged
		ICU      bool
		Trigrams bool
		Encoding string
	}
	asked := time.Now()
	s, err := postgres.One[settings](ctx, db, `
		SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS named, clock_timestamp() AS now,
		       ARRAY(SELECT name::text FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off' ORDER BY name) AS unsafe,
		       EXISTS (SELECT 1 FROM pg_collation WHERE collname = 'vi-x-icu') AS icu,
		       (SELECT count(*) = 2 FROM pg_available_extensions WHERE name IN ('pg_trgm', 'btree_gin')) AS trigrams,
		       current_setting('server_encoding') AS encoding`, nil)
	if err != nil {
		d.sayFault("database", err)
		return
	}
	where := "DATABASE_URL"
	if p.own {
		where = "embedded"
	}
	if s.Version < oldest {
		d.finds("database", careful, "PostgreSQL %s (%s) is older than 15, with which the service is tried.", s.Named, where)
	} else {
		d.finds("database", fine, "PostgreSQL %s (%s) answers.", s.Named, where)
	}
	if off := s.Now.Sub(asked); off > skew || off < -skew {
		d.finds("clock", careful, "The database's clock is %s off this machine's. Set both by the network.", off.Round(time.Second).String())
	} else {
		d.finds("clock", fine, "The clocks of this machine and of the database agree.")
	}
	if len(s.Unsafe) > 0 {
		d.finds("safety", wrong, "PostgreSQL may lose what it acknowledged: %s is off. Switch it on.", strings.Join(s.Unsafe, ", "))
	} else {
		d.finds("safety", fine, "What PostgreSQL acknowledges is on the disk.")
	}
	if !s.ICU || !s.Trigrams {
		d.finds("extensions", wrong, "PostgreSQL lacks ICU or the extensions pg_trgm and btree_gin. Install its contrib package.")
	}
}

// schema reports whether the tables are there to go on with.
func (d *doctor) schema(ctx context.Context, db *pgxpool.Pool, p place) bool {
	at, err := migrations.Version(ctx, db)
	switch need := migrations.Latest(); {
	case err != nil:
		d.sayFault("schema", err)
		return false
	case at == 0:
		d.finds("schema", careful, "The database is empty. The first command, or serve, makes the tables.")
		return false
	case at < need:
		verdict := wrong
		if p.own { // the next command does it
			verdict = careful
		}
		d.finds("schema", verdict, "The database's schema is at %d, the program needs %d. Run: cho40 migrate", at, need)
		return false
	case at > need:
		d.finds("schema", careful, "The database's schema is at %d, newer than this program's %d. Install the newer program.", at, need)
	default:
		d.finds("schema", fine, "The schema is at %d, as the program needs it.", at)
	}
	return true
}

// rights looks whether the service could change what is written once.
func (d *doctor) rights(ctx context.Context, db *pgxpool.Pool, p place) {
	may, owner, err := migrations.Changeable(ctx, db)
	switch {
	case err != nil:
		d.sayFault("rights", err)
	case len(may) > 0 && !owner:
		d.finds("rights", careful, "The service may change what is written once: %s. Somebody gave its role more than it needs; take it back with: cho40 migrate", strings.Join(may, ", "))
	case owner:
		d.finds("rights", careful, "The service may change accounts and the record of what happened, since it works as the role that owns the tables. Give it a role of its own in DATABASE_URL, and the owner's address in DATABASE_OWNER_URL.")
	default:
		d.finds("rights", fine, "The service may not change accounts nor the record of what happened.")
	}
}

// replica looks how far the replica is behind.
func (d *doctor) replica(ctx context.Context, url string, main *pgxpool.Pool) {
	r, err := postgres.OpenReplica(ctx, url, main)
	if err != nil {
		d.sayFault("replica", err)
		return
	}
	defer r.Close()
	switch _, age, err := r.Reader(ctx); {
	case errors.Is(err, postgres.ErrBehind) && age == 0:
		d.finds("replica", careful, "The server of DATABASE_REPLICA_URL follows the main one no more. Figures are read from the main one.")
	case errors.Is(err, postgres.ErrBehind):
		d.finds("replica", careful, "The replica is %s behind. Until it is within %s, figures are read from the main server.", age.Round(time.Second).String(), postgres.ReplicaWithin.String())
	case err != nil:
		d.finds("replica", careful, "The replica does not answer. Figures are read from the main server.")
	default:
		d.finds("replica", fine, "The replica is %s behind.", age.Round(time.Second).String())
	}
}

// runs looks at what the service does by itself.
func (d *doctor) runs(ctx context.Context, db *pgxpool.Pool, now time.Time) {
	runs, err := jobRuns(ctx, db)
	if err != nil {
		d.sayFault("jobs", err)
		return
	}
	for _, r := range runs {
		switch {
		case r.Error != nil:
			d.finds("jobs", wrong, "%s failed at %s: %s.", r.Name, r.StartedAt.Format(time.RFC3339), *r.Error)
		case r.GoodAt == nil || now.Sub(*r.GoodAt) > 2*24*time.Hour:
			d.finds("jobs", careful, "%s has not gone well for two days. Does the service run?", r.Name)
		default:
			d.finds("jobs", fine, "%s went well at %s.", r.Name, r.GoodAt.Format(time.RFC3339))
		}
	}
}

// evidence looks at the audit's checkpoints beside the database.
func (d *doctor) evidence(dir string, now time.Time) {
	info, err := os.Stat(filepath.Join(dir, "checkpoints", "checkpoints.jsonl"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.finds("checkpoints", careful, "No checkpoint of the audit is here yet. serve writes one each hour and when it stops.")
	case err != nil:
		d.finds("checkpoints", wrong, "The audit's checkpoints cannot be read: %s.", err)
	default:
		d.finds("checkpoints", fine, "The last checkpoint of the audit is of %s. Copy the folder to where nobody of this machine can write.", info.ModTime().UTC().Format(time.RFC3339))
	}
}

// backups looks at the copies that the service takes.
func (d *doctor) backups(folder string, now time.Time) {
	taken, err := copiesIn(folder)
	switch {
	case err != nil:
		d.finds("copies", wrong, "The folder of copies cannot be read: %s.", err)
	case len(taken) == 0:
		d.finds("copies", careful, "There is no copy in %s yet.", folder)
	case now.Sub(taken[len(taken)-1].at) > 2*copiesEvery:
		d.finds("copies", wrong, "The newest copy is of %s. Does the service run, and is the disk full?", taken[len(taken)-1].at.Format(time.RFC3339))
	default:
		d.finds("copies", fine, "The newest copy is of %s. Try one now and then: cho40 restore-test %s", taken[len(taken)-1].at.Format(time.RFC3339), filepath.Join(folder, taken[len(taken)-1].name))
	}
}
