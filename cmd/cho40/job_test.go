package main_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"cho40/internal/postgres"
	registry "cho40/vendor_registry"
)

// The main job, as somebody does it from a console on a machine where nothing runs: a market, its ledger of 480 stalls, the
// second person's look, placards, the share. Then every placard of the PDF is read as a phone would.
func TestTheJob(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	dir := t.TempDir()
	pdf := filepath.Join(dir, "vi-thanh.pdf")
	p.must("market", "add", "--code", "VT", "--name", "Chợ Vị Thanh", "--area", "31321")

	// Something of ours stays attached, so that not every command has to start the database.
	server, err := postgres.Start(t.Context(), p.data)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	}()

	if out := p.must("user", "add", "lan", "--role", "manager", "--scope", "market:VT"); !strings.Contains(out, "/welcome/") {
		t.Errorf("no link for lan: %q", out)
	}
	imported := p.ends(1, "import", sample("so-cho-vi-thanh.xlsx"), "--market", "VT") // ten rows are faulty
	if !strings.Contains(imported.out, "480 stall rows: 470 good (28 vacant, 0 unchanged), 10 faulty") || !strings.Contains(imported.stderr, "10") {
		t.Errorf("import: %q, %q", imported.out, imported.stderr)
	}
	if out := p.ends(1, "placards", "--market", "VT", "-o", pdf); !strings.Contains(out.stderr, "228 stalls: ") {
		t.Errorf("before anybody looked: %q", out.stderr)
	}
	if out := p.must("accounts", "approve", "--market", "VT", "--all", "--by", "lan"); !strings.Contains(out, "244 of 244 accounts approved, from the console, in the name of lan") ||
		strings.Count(out, "  approved") != 244 {
		t.Errorf("approve: %q", out)
	}
	out := p.must("placards", "--market", "VT", "-o", pdf)
	if !strings.HasPrefix(out, "228 placards on a6x4, batch VT.") || !strings.Contains(out, "28 stalls left out") {
		t.Errorf("placards: %q", out)
	}
	_, after, _ := strings.Cut(out, "batch ")
	batch, _, _ := strings.Cut(after, ":")
	var share struct {
		Vendors, Accepting int
		Share              *float64
		Funnel             []struct {
			Stage   string
			Vendors int
		}
	}
	if err := json.Unmarshal([]byte(p.must("coverage", "--market", "VT", "--format", "json")), &share); err != nil {
		t.Fatal(err)
	}
	if share.Accepting != 0 || share.Share == nil || *share.Share != 0 || share.Funnel[3].Stage != "printed" || share.Funnel[3].Vendors != share.Funnel[2].Vendors || share.Funnel[3].Vendors == 0 {
		t.Errorf("coverage: %+v", share)
	}
	if out := p.must("audit", "verify"); strings.Count(out, "whole") != 2 {
		t.Errorf("audit: %q", out)
	}
	if out := p.ends(1, "placards", "--market", "VT", "-o", filepath.Join(dir, "again.pdf")); !strings.Contains(out.stderr, "228 stalls: It has its placard already.") {
		t.Errorf("printed again: %q", out.stderr)
	}

	// The same batch gives the same bytes.
	again := filepath.Join(dir, "same.pdf")
	p.must("placards", "--batch", batch, "-o", again)
	first, second := readFile(t, pdf), readFile(t, again)
	if !bytes.Equal(first, second) || !bytes.HasPrefix(first, []byte("%PDF-")) {
		t.Errorf("a batch drawn again differs: %d and %d bytes", len(first), len(second))
	}

	db, err := postgres.Open(t.Context(), server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ref, err := registry.ParseRef[registry.Batch](batch)
	if err != nil {
		t.Fatal(err)
	}
	_, placards, err := registry.New(db, time.Now).Batch(t.Context(), registry.Console(), ref)
	if err != nil || len(placards) != 228 {
		t.Fatalf("%d placards, %v", len(placards), err)
	}
	read := scan(t, pdf, len(placards))
	for i, placard := range placards {
		if read[i] != placard.Payload {
			t.Errorf("placard %d, stall %s: a reader finds %q, stored is %q", i, placard.Stall, read[i], placard.Payload)
		}
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// tool finds a program of the system's.
func tool(t *testing.T, name, debian string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("this test needs %s: apt-get install %s", name, debian)
	}
	return path
}

// scan rasterises the pages of a PDF with four placards each at 150 dots an inch, cuts them into their cells and lets an
// independent reader find the code in each: the texts in the order of the cells, empty where it finds none or several.
func scan(t *testing.T, pdf string, placards int) []string {
	t.Helper()
	pdftoppm, zbarimg := tool(t, "pdftoppm", "poppler-utils"), tool(t, "zbarimg", "zbar-tools")
	const perPage, workers = 4, 2
	pages := (placards + perPage - 1) / perPage
	texts := make([]string, pages*perPage)
	var wg sync.WaitGroup
	for worker := range workers {
		from, to := worker*pages/workers+1, (worker+1)*pages/workers
		dir := t.TempDir()
		wg.Go(func() {
			if out, err := exec.Command(pdftoppm, "-r", "150", "-gray", "-f", strconv.Itoa(from), "-l", strconv.Itoa(to), pdf, filepath.Join(dir, "page")).CombinedOutput(); err != nil {
				t.Errorf("pdftoppm: %v\n%s", err, out)
				return
			}
			files, err := filepath.Glob(filepath.Join(dir, "page-*.pgm"))
			if err != nil || len(files) != to-from+1 {
				t.Errorf("%d pages of %d to %d, %v", len(files), from, to, err)
				return
			}
			slices.Sort(files)
			var cells []string
			for _, file := range files {
				four, err := quarters(file)
				if err != nil {
					t.Errorf("%s: %v", filepath.Base(file), err)
					return
				}
				cells = append(cells, four...)
			}
			found, err := codes(zbarimg, cells)
			if err != nil {
				t.Error(err)
				return
			}
			for i, cell := range cells {
				if of := found[cell]; len(of) == 1 {
					texts[(from-1)*perPage+i] = of[0]
				}
			}
		})
	}
	wg.Wait()
	return texts
}

// quarters cuts a picture in two across and down, and returns the files of the four in reading order.
func quarters(file string) ([]string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var width, height, most int
	if _, err := fmt.Sscanf(string(b[:20]), "P5\n%d %d\n%d\n", &width, &height, &most); err != nil || most != 255 {
		return nil, fmt.Errorf("no grey picture: %q, %v", b[:20], err)
	}
	pixels := b[len(b)-width*height:]
	var names []string
	for n := range 4 {
		left, top := n%2*(width/2), n/2*(height/2)
		out := fmt.Appendf(nil, "P5\n%d %d\n255\n", width/2, height/2)
		for y := range height / 2 {
			row := (top+y)*width + left
			out = append(out, pixels[row:row+width/2]...)
		}
		name := fmt.Sprintf("%s-%d.pgm", strings.TrimSuffix(file, ".pgm"), n)
		if err := os.WriteFile(name, out, 0o600); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

// codes are the texts of the QR codes in each picture.
func codes(zbarimg string, pictures []string) (map[string][]string, error) {
	cmd := exec.Command(zbarimg, append([]string{"--quiet", "--xml", "-Sdisable", "-Sqrcode.enable"}, pictures...)...)
	cmd.Env = append(os.Environ(), "MAGICK_THREAD_LIMIT=1")
	out, err := cmd.Output() // it also ends with an error when one picture holds no code, which shows below
	var all struct {
		Sources []struct {
			File  string   `xml:"href,attr"`
			Codes []string `xml:"index>symbol>data"`
		} `xml:"source"`
	}
	if wrong := xml.Unmarshal(out, &all); wrong != nil {
		return nil, fmt.Errorf("zbarimg: %v, %w", err, wrong)
	}
	found := map[string][]string{}
	for _, s := range all.Sources {
		found[s.File] = append(found[s.File], s.Codes...)
	}
	return found, nil
}
