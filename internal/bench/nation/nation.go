// Package nation fills a database with markets as a country has them: nine thousand of them in every province, three million
// invented vendors, and stalls. The same seed gives the same country.
//
// It writes with COPY past the registry, since only so it takes minutes, and so it must keep the rules that the registry
// keeps: keys, folds and positions are made as there. Nobody has an account unless Accounts asks for it.
package nation

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"cho40/qrgen"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Size is how large a country is, and which one.
type Size struct {
	Markets  int
	Vendors  int
	Accounts float64 // share of the vendors who have one; four in five of these are approved
	Seed     uint64
}

// Vietnam is the whole country: markets as counted at the end of 2020, rounded up, and the vendors that a third of a thousand
// stalls each make.
var Vietnam = Size{Markets: 9_000, Vendors: 3_000_000, Seed: 1}

// Of is the country at a part of its size.
func (s Size) Of(part float64) Size {
	s.Markets, s.Vendors = max(1, int(float64(s.Markets)*part)), max(1, int(float64(s.Vendors)*part))
	return s
}

// Market is one of its markets.
type Market struct {
	ID   uuid.UUID
	Code string
}

// Vendor is one of its people: what a search may look for.
type Vendor struct {
	Market Market
	Stall  string
	Name   string
	Phone  string
}

// began is when everybody came.
var began = time.Date(2026, 1, 5, 1, 0, 0, 0, time.UTC)

// plan is a market before its people are there.
type plan struct {
	Market
	name, area string
	vendors    int
}

// Fill makes the country in a database that has the schema and the areas, and nothing else. The indexes that are no constraints
// are made anew behind the rows; foreign keys are not checked, for which the role must be allowed to replicate.
func Fill(ctx context.Context, db *pgxpool.Pool, size Size, said func(format string, values ...any)) error {
	conn, err := db.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	for _, sql := range []string{`SET statement_timeout = 0`, `SET session_replication_role = replica`, `SET maintenance_work_mem = '1GB'`} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	defer conn.Exec(ctx, `RESET ALL`)
	indexes, err := dropIndexes(ctx, conn.Conn())
	if err != nil {
		return err
	}
	plans, err := plans(ctx, conn.Conn(), size)
	if err != nil {
		return err
	}
	w := writer{ctx: ctx, conn: conn.Conn(), size: size}
	if err := w.markets(plans); err != nil {
		return err
	}
	for at, p := range plans {
		w.market(p)
		if w.full() || at == len(plans)-1 {
			if err := w.flush(); err != nil {
				return err
			}
			said("%d of %d markets", at+1, len(plans))
		}
	}
	for _, sql := range indexes {
		said("%s", sql)
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	said("looking at what is there")
	_, err = conn.Exec(ctx, `VACUUM ANALYZE`)
	return err
}

// Sample draws about n vendors, or all where there are fewer, evenly from all, the same each time. The database may have been filled by another run.
func Sample(ctx context.Context, db *pgxpool.Pool, n int) ([]Vendor, error) {
	rows, err := db.Query(ctx, `
		SELECT m.id, m.code, s.code, v.name, coalesce(v.phone, '')
		FROM (SELECT v.market_id, v.id, v.name, v.phone FROM vendors v TABLESAMPLE BERNOULLI (least(100, 100.0 * $1 / (SELECT count(*) FROM vendors))::real) REPEATABLE (1)) v
		JOIN markets m ON m.id = v.market_id
		JOIN LATERAL (SELECT s.code FROM occupancies o JOIN stalls s ON s.market_id = o.market_id AND s.id = o.stall_id
		              WHERE o.market_id = v.market_id AND o.vendor_id = v.id ORDER BY s.position LIMIT 1) s ON true
		ORDER BY md5(v.id::text)`, n)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (v Vendor, err error) {
		return v, row.Scan(&v.Market.ID, &v.Market.Code, &v.Stall, &v.Name, &v.Phone)
	})
}

// dropIndexes drops the indexes of the tables to be filled that no constraint needs, and says how they are made.
func dropIndexes(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	rows, err := conn.Query(ctx, `
		SELECT i.indexname, i.indexdef FROM pg_indexes i
		WHERE i.schemaname = 'public' AND i.tablename IN ('stalls', 'vendors', 'occupancies', 'accounts', 'account_decisions', 'consents')
		  AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conname = i.indexname)
		ORDER BY i.indexname`)
	if err != nil {
		return nil, err
	}
	type index struct{ Name, Def string }
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[index])
	if err != nil {
		return nil, err
	}
	made := make([]string, len(all))
	for i, x := range all {
		if _, err := conn.Exec(ctx, `DROP INDEX `+pgx.Identifier{x.Name}.Sanitize()); err != nil {
			return nil, err
		}
		made[i] = x.Def
	}
	return made, nil
}

// plans spreads the markets over the communes and the vendors over the markets: three in four markets are small, a few have
// thousands of stalls.
func plans(ctx context.Context, conn *pgx.Conn, size Size) ([]plan, error) {
	rows, err := conn.Query(ctx, `SELECT code, name FROM areas WHERE level = 2 AND valid_to IS NULL ORDER BY code`)
	if err != nil {
		return nil, err
	}
	type area struct{ Code, Name string }
	areas, err := pgx.CollectRows(rows, pgx.RowToStructByPos[area])
	if err != nil {
		return nil, err
	}
	if len(areas) == 0 {
		return nil, fmt.Errorf("the areas are not loaded")
	}
	r := rand.New(rand.NewPCG(size.Seed, 0))
	weights, sum := make([]float64, size.Markets), 0.0
	for i := range weights {
		weights[i] = min(math.Exp(r.NormFloat64()*0.75), 12)
		sum += weights[i]
	}
	ps, left := make([]plan, size.Markets), size.Vendors
	for i := range ps {
		a := areas[i*len(areas)/size.Markets%len(areas)]
		vendors := int(weights[i] / sum * float64(size.Vendors))
		if i == len(ps)-1 {
			vendors = left
		}
		left -= vendors
		_, bare, _ := strings.Cut(a.Name, " ")
		ps[i] = plan{Market: Market{ID: identifier(r), Code: fmt.Sprintf("M%05d", i+1)}, name: "Chợ " + bare, area: a.Code, vendors: vendors}
	}
	return ps, nil
}

// identifier is a UUID of version 7 that the seed decides.
func identifier(r *rand.Rand) uuid.UUID {
	var u uuid.UUID
	ms := uint64(began.UnixMilli()) + r.Uint64N(1<<33)
	a, b := r.Uint64(), r.Uint64()
	for i := range 6 {
		u[i] = byte(ms >> (40 - 8*i))
	}
	for i := range 8 {
		u[8+i] = byte(a >> (8 * i))
	}
	u[6], u[7], u[8] = 0x70|byte(b&15), byte(b>>8), 0x80|u[8]&0x3f
	return u
}

// writer gathers rows until there are enough for a COPY of each table.
type writer struct {
	ctx  context.Context
	conn *pgx.Conn
	size Size
	seen int

	stalls, vendors, occupancies, consents, accounts, decisions [][]any
}

func (w *writer) full() bool { return len(w.vendors) > 100_000 }

func (w *writer) markets(ps []plan) error {
	rows := make([][]any, len(ps))
	for i, p := range ps {
		rows[i] = []any{p.ID, p.Code, p.name, qrgen.Search(p.name), p.area, p.vendors, began}
	}
	_, err := w.conn.CopyFrom(w.ctx, pgx.Identifier{"markets"},
		[]string{"id", "code", "name", "name_fold", "area_code", "planned_stalls", "created_at"}, pgx.CopyFromRows(rows))
	return err
}

// Sections are those of every market.
var Sections = []string{"Rau củ", "Thịt", "Cá", "Trái cây", "Quần áo", "Tạp hóa", "Đồ khô", "Ăn uống", "Gia dụng", "Giày dép"}

// market makes a market's stalls and people; each has a source of chance of its own, so that a smaller country begins alike.
func (w *writer) market(p plan) {
	r := rand.New(rand.NewPCG(w.size.Seed, 1+uint64(len(p.Code))<<32^uint64(w.seen)))
	stall := 0
	place := func() uuid.UUID {
		id, section := identifier(r), stall/40%len(Sections)
		code := fmt.Sprintf("%c-%02d", 'A'+rune(stall/40%26), stall%40+1+stall/1040*40)
		stall++
		w.stalls = append(w.stalls, []any{p.ID, id, code, code, qrgen.Search(code), Sections[section], strings.ToLower(Sections[section]), stall, began})
		return id
	}
	for range p.vendors {
		for r.IntN(20) == 0 {
			place() // stands empty
		}
		name, id := Name(r), identifier(r)
		var phone *string
		if number := fmt.Sprintf("071%07d", r.IntN(10_000_000)); r.IntN(10) > 0 { // no operator has these
			phone = &number
		}
		w.vendors = append(w.vendors, []any{p.ID, id, name, qrgen.Search(name), phone, began})
		for first := true; first || r.IntN(25) == 0; first = false {
			at := place()
			w.occupancies = append(w.occupancies, []any{p.ID, identifier(r), at, id, began})
		}
		w.seen++
		if w.size.Accounts > 0 && r.Float64() < w.size.Accounts {
			w.account(r, p, id, name)
		}
	}
}

// clerk brought every account in, manager approved it.
const clerk, manager = "person:0199b000-0000-7000-8000-000000000001", "person:0199b000-0000-7000-8000-000000000002"

func (w *writer) account(r *rand.Rand, p plan, vendor uuid.UUID, name string) {
	number := fmt.Sprintf("071%07d", r.IntN(10_000_000))
	payload, err := qrgen.Static("971005", number)
	if err != nil {
		panic(err) // the number is made right above
	}
	id, hash := identifier(r), sha256.Sum256([]byte(payload))
	w.consents = append(w.consents, []any{p.ID, identifier(r), vendor, "vendor", "vi-1", "face_to_face", clerk, began})
	// Its symbol is not made: nobody prints this country, and making four million takes half an hour.
	w.accounts = append(w.accounts, []any{p.ID, id, vendor, "viettel_money", "971005", number, qrgen.Holder(name), false, "typed",
		payload, hash[:], make([]byte, 211), []string{clerk}, clerk, began})
	if r.IntN(5) > 0 {
		w.decisions = append(w.decisions, []any{p.ID, identifier(r), id, "approved", "web", manager, began, hash[:], []string{clerk}})
	}
}

func (w *writer) flush() error {
	for _, t := range []struct {
		table   string
		columns string
		rows    *[][]any
	}{
		{"stalls", "market_id id code code_key code_fold section goods position created_at", &w.stalls},
		{"vendors", "market_id id name name_fold phone created_at", &w.vendors},
		{"occupancies", "market_id id stall_id vendor_id began", &w.occupancies},
		{"consents", "market_id id vendor_id kind wording given taken_by taken_at", &w.consents},
		{"accounts", "market_id id vendor_id provider bin number holder holder_given source payload payload_sha256 symbol touched_by proposed_by proposed_at", &w.accounts},
		{"account_decisions", "market_id id account_id decision via decided_by decided_at payload_sha256 touched_by", &w.decisions},
	} {
		if _, err := w.conn.CopyFrom(w.ctx, pgx.Identifier{t.table}, strings.Fields(t.columns), pgx.CopyFromRows(*t.rows)); err != nil {
			return fmt.Errorf("%s: %w", t.table, err)
		}
		*t.rows = (*t.rows)[:0]
	}
	return nil
}
