package registry

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// CheckpointEvery is how often the heads of all chains leave the database (SECURITY: hourly, and at shutdown).
const CheckpointEvery = time.Hour

// checkpointDomain keeps a signature of a checkpoint from being taken for one of anything else.
const checkpointDomain = "cho40 checkpoint 1\n"

// Checkpoints is a folder outside the database in which signed lines say how far each audit chain had come, and with which hash. Whoever
// can change the database can compute its chains anew; a line here then no longer fits. It is worth most where it is copied away.
//
// checkpoints.jsonl has a line a checkpoint: JSON, a tab, the signature in base64. checkpoint.key is the key that signs, checkpoint.pub
// what others verify with. The service's own chain has an event for each line.
type Checkpoints struct {
	dir string
	key ed25519.PrivateKey
}

// checkpoint is a line: the heads that moved since the line before it.
type checkpoint struct {
	N        int       `json:"n"`
	At       time.Time `json:"at"`
	Previous string    `json:"previous"` // SHA-256 of the line before, hex; empty for the first
	Heads    []head    `json:"heads"`
}

type head struct {
	Chain id.ID[Market] `json:"chain"` // zero: the service's own
	Seq   int64         `json:"seq"`
	Hash  string        `json:"hash"` // hex
}

// OpenCheckpoints uses a folder for checkpoints; folder and key are made when they are not there. Faults: Conflict checkpoint-key.
func OpenCheckpoints(dir string) (*Checkpoints, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, checkpointKey(dir, err)
	}
	path := filepath.Join(dir, "checkpoint.key")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if text, err = newCheckpointKey(dir); err == nil {
			err = writeNew(path, text)
		}
		if errors.Is(err, fs.ErrExist) { // another was quicker
			text, err = os.ReadFile(path)
		}
	}
	if err != nil {
		return nil, checkpointKey(path, err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, checkpointKey(path, errors.New("no PEM"))
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, checkpointKey(path, err)
	}
	return &Checkpoints{dir, key}, nil
}

func checkpointKey(path string, cause error) error {
	return fault.New(fault.Conflict, "checkpoint-key", "The audit's checkpoints cannot be kept: %s is not readable as their key. Put it back from a copy; a new key would not fit the old lines.", path).Because(cause)
}

func newCheckpointKey(dir string) ([]byte, error) {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	shown, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, err
	}
	if err := writeNew(filepath.Join(dir, "checkpoint.pub"), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: shown})); err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), nil
}

// writeNew writes a file that must not be there yet.
func writeNew(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

func (c *Checkpoints) file() string { return filepath.Join(c.dir, "checkpoints.jsonl") }

// known is what the lines say: the heads by chain and sequence, the newest of each chain, the lines' hashes, and the
// length of the file up to its last whole line. Faults: Conflict checkpoint-broken.
func (c *Checkpoints) known() (all []head, newest map[id.ID[Market]]int64, lines []string, size int64, err error) {
	newest = map[id.ID[Market]]int64{}
	last := ""
	text, err := os.ReadFile(c.file())
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	for line := range bytes.Lines(text) {
		if !bytes.HasSuffix(line, []byte("\n")) { // it was cut off by a crash: nobody was told of it
			break
		}
		body, signature, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte("\t"))
		signed, bad := base64.StdEncoding.DecodeString(string(signature))
		var p checkpoint
		if bad != nil || !ed25519.Verify(c.key.Public().(ed25519.PublicKey), append([]byte(checkpointDomain), body...), signed) ||
			json.Unmarshal(body, &p) != nil || p.N != len(lines)+1 || p.Previous != last {
			return nil, nil, nil, 0, fault.New(fault.Conflict, "checkpoint-broken", "Line %d of %s is not as it was written.", len(lines)+1, c.file())
		}
		for _, h := range p.Heads {
			newest[h.Chain] = h.Seq
		}
		last = hashOf(line)
		all, lines, size = append(all, p.Heads...), append(lines, last), size+int64(len(line))
	}
	return all, newest, lines, size, err
}

// name is what events call the lines that this key signed: another machine's folder has another.
func (c *Checkpoints) name() string {
	sum := sha256.Sum256(c.key.Public().(ed25519.PublicKey))
	return "checkpoints:" + hex.EncodeToString(sum[:8])
}

// checkpointed is the action of the event by which the service's own chain knows of a line.
const checkpointed = "audit.checkpointed"

// behind compares the file with the newest line that the service's own chain knows of, so that lines taken from its end show. A line that
// the chain does not know of was written in the moment in which the database went away.
// Faults: Conflict checkpoint-broken.
func (c *Checkpoints) behind(ctx context.Context, db postgres.Querier, lines []string) error {
	fields, err := postgres.All[[]string](ctx, db, `
		SELECT fields FROM audit_events WHERE market_id = @market AND object = @object AND action = @action ORDER BY seq DESC LIMIT 1`,
		pgx.StrictNamedArgs{"market": chainID(MarketID{}), "object": c.name(), "action": checkpointed})
	if err != nil || len(fields) == 0 {
		return err
	}
	var n int
	var hash string
	if _, err := fmt.Sscanf(strings.Join(fields[0], " "), "line:%d sha256:%s", &n, &hash); err != nil || n < 1 || n > len(lines) || lines[n-1] != hash {
		return fault.New(fault.Conflict, "checkpoint-broken", "Line %d of %s is not as it was written.", max(n, 1), c.file())
	}
	return nil
}

func hashOf(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}

// Checkpoint adds a line when any chain grew since the last one, and reports how many did.
// Faults: Conflict checkpoint-broken, when the file is not as it was written: it is then left alone.
func (s *Service) Checkpoint(ctx context.Context, c *Checkpoints) (grown int, err error) {
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		// Programs that share the folder come one after the other.
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('checkpoint', 0))`); err != nil {
			return err
		}
		_, newest, lines, size, err := c.known()
		if err != nil {
			return err
		}
		if err := c.behind(ctx, tx, lines); err != nil {
			return err
		}
		type row struct {
			MarketID id.ID[Market]
			Seq      int64
			Hash     []byte
		}
		rows, err := postgres.All[row](ctx, tx, `SELECT market_id, seq, hash FROM audit_heads ORDER BY market_id`, nil)
		if err != nil {
			return err
		}
		// That there was a checkpoint is no reason for the next one.
		own, err := postgres.One[bool](ctx, tx, `SELECT EXISTS (SELECT 1 FROM audit_events WHERE market_id = @market AND seq > @newest AND action <> @action)`,
			pgx.StrictNamedArgs{"market": chainID(MarketID{}), "newest": newest[MarketID{}], "action": checkpointed})
		if err != nil {
			return err
		}
		p := checkpoint{N: len(lines) + 1, At: s.now().UTC()}
		if len(lines) > 0 {
			p.Previous = lines[len(lines)-1]
		}
		for _, r := range rows {
			if r.Seq > newest[r.MarketID] && (own || !r.MarketID.IsZero()) {
				p.Heads = append(p.Heads, head{r.MarketID, r.Seq, hex.EncodeToString(r.Hash)})
			}
		}
		if grown = len(p.Heads); grown == 0 {
			return nil
		}
		body := asJSON(p)
		line := fmt.Appendf(nil, "%s\t%s\n", body, base64.StdEncoding.EncodeToString(ed25519.Sign(c.key, append([]byte(checkpointDomain), body...))))
		f, err := os.OpenFile(c.file(), os.O_WRONLY|os.O_CREATE, 0o600)
		if err != nil {
			return err
		}
		err = f.Truncate(size) // a line that a crash cut off
		if err == nil {
			_, err = f.WriteAt(line, size)
		}
		if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
			return err
		}
		return Audit(ctx, tx, p.At, system(""), MarketID{}, Event{checkpointed, c.name(), []string{fmt.Sprintf("line:%d", p.N), "sha256:" + hashOf(line)}})
	})
	if err != nil {
		return 0, fmt.Errorf("checkpoint: %w", err)
	}
	return grown, nil
}

// VerifyCheckpoints compares what the lines say with the chains, and gives for each chain that differs the first event that is not there
// as it was: cut off, or computed anew. An empty map: all as it was.
// Faults: Conflict checkpoint-broken.
func (s *Service) VerifyCheckpoints(ctx context.Context, c *Checkpoints) (map[id.ID[Market]]int64, error) {
	return s.sinceCheckpoint(ctx, c, func(id.ID[Market]) bool { return true })
}

// sinceCheckpoint is VerifyCheckpoints for some of the chains.
func (s *Service) sinceCheckpoint(ctx context.Context, c *Checkpoints, of func(id.ID[Market]) bool) (map[id.ID[Market]]int64, error) {
	all, _, lines, _, err := c.known()
	if err != nil {
		return nil, err
	}
	if err := c.behind(ctx, s.db, lines); err != nil {
		return nil, err
	}
	byChain := map[id.ID[Market]]map[int64]string{}
	for _, h := range all {
		if byChain[h.Chain] == nil {
			byChain[h.Chain] = map[int64]string{}
		}
		byChain[h.Chain][h.Seq] = h.Hash
	}
	differ := map[id.ID[Market]]int64{}
	for chain, said := range byChain {
		if !of(chain) {
			continue
		}
		seqs := make([]int64, 0, len(said))
		for seq := range said {
			seqs = append(seqs, seq)
		}
		type event struct {
			Seq  int64
			Hash []byte
		}
		events, err := postgres.All[event](ctx, s.db, `SELECT seq, hash FROM audit_events WHERE market_id = @market AND seq = ANY (@seqs)`,
			pgx.StrictNamedArgs{"market": chainID(chain), "seqs": seqs})
		if err != nil {
			return nil, err
		}
		for _, e := range events {
			if said[e.Seq] == hex.EncodeToString(e.Hash) {
				delete(said, e.Seq)
			}
		}
		for seq := range said {
			if first, there := differ[chain]; !there || seq < first {
				differ[chain] = seq
			}
		}
	}
	return differ, nil
}
