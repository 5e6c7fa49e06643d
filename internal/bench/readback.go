package main

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	xdraw "image/draw"
	"image/png"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"cho40/internal/bench/nation"
	"cho40/printing"
	"cho40/qrgen"

	"golang.org/x/sync/errgroup"
)

// readDots is the resolution at which the sheets are read, dots an inch: that of a poor photograph.
const readDots = 150

// readPaper prints so many placards, four to a page, draws the pages with pdftoppm, cuts out each cell and lets zbarimg read it: whoever reads
// another payload than the one that was stored is counted. It answers `-read N`.
func readPaper(n int) error {
	for tool, pack := range map[string]string{"pdftoppm": "poppler-utils", "zbarimg": "zbar-tools"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is missing: install the package %s", tool, pack)
		}
	}
	dir, err := os.MkdirTemp("", "cho40-read-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	sheet := printing.Sheets()[0]
	var (
		mu          sync.Mutex
		read, wrong int
	)
	began := time.Now()
	const perFile = 100
	g := errgroup.Group{}
	g.SetLimit(2)
	for from := 0; from < n; from += perFile {
		g.Go(func() error {
			to := min(from+perFile, n)
			cards, payloads := make([]printing.Placard, to-from), make([]string, to-from)
			for i := range cards {
				var err error
				if cards[i], payloads[i], err = readCard(from + i); err != nil {
					return err
				}
			}
			var pdf bytes.Buffer
			p := printing.Print{Sheet: sheet, CutMarks: true, Made: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)}
			if err := printing.Write(&pdf, p, cards); err != nil {
				return err
			}
			good, err := readPages(filepath.Join(dir, fmt.Sprint(from)), pdf.Bytes(), sheet.PerPage(), payloads)
			mu.Lock()
			defer mu.Unlock()
			read, wrong = read+good, wrong+len(cards)-good
			progress("read back: %d of %d", read+wrong, n)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	fmt.Printf("%d placards at %d dots an inch: %d read by zbarimg as stored, %d not, in %.0f s\n", n, readDots, read, wrong, time.Since(began).Seconds())
	if wrong > 0 {
		return errors.New("not every placard was read back")
	}
	return nil
}

// readCard is the nth of the placards to be read: people of the country that nation makes, every provider, numbers as long as they come.
func readCard(n int) (printing.Placard, string, error) {
	all := qrgen.Providers()
	p := all[n%len(all)]
	number := fmt.Sprintf("07%08d", n)
	if p.NumberRule != "mobile" && n%3 == 0 {
		number = fmt.Sprintf("%019d", n*977)
	}
	payload, err := qrgen.Static(p.BIN, number)
	if err != nil {
		return printing.Placard{}, "", err
	}
	symbol, err := qrgen.NewSymbol(payload)
	vendor := nation.Name(rand.New(rand.NewPCG(nation.Vietnam.Seed, uint64(n))))
	return printing.Placard{Market: "Chợ Vị Thanh", Vendor: vendor, Goods: "Rau củ", Stall: fmt.Sprintf("A-%d", n), Holder: qrgen.Holder(vendor),
		Provider: p.Name, Tail: number[len(number)-4:], Call: "0293 000 0040", Serial: "7K3Q-40M2-VTC", Code: symbol}, payload, err
}

// readPages is how many of the payloads were read in their own cells.
func readPages(name string, pdf []byte, perPage int, payloads []string) (good int, err error) {
	if err := os.WriteFile(name+".pdf", pdf, 0o600); err != nil {
		return 0, err
	}
	if out, err := exec.Command("pdftoppm", "-png", "-gray", "-r", fmt.Sprint(readDots), name+".pdf", name).CombinedOutput(); err != nil {
		return 0, fmt.Errorf("pdftoppm: %w: %s", err, out)
	}
	pages, err := filepath.Glob(name + "-*.png") // as many digits each, so in order
	if err != nil {
		return 0, err
	}
	for page, path := range pages {
		data, err := os.ReadFile(path)
		if err != nil {
			return 0, err
		}
		img, err := png.Decode(bytes.NewReader(data))
		if err != nil {
			return 0, err
		}
		_ = os.Remove(path) // ten thousand pages would fill a small disk
		w, h := img.Bounds().Dx()/2, img.Bounds().Dy()/2
		for cell := 0; cell < perPage && page*perPage+cell < len(payloads); cell++ {
			part := image.NewGray(image.Rect(0, 0, w, h))
			xdraw.Draw(part, part.Rect, img, image.Pt(cell%2*w, cell/2*h), xdraw.Src)
			file := fmt.Sprintf("%s-cell.pgm", name)
			if err := os.WriteFile(file, append(fmt.Appendf(nil, "P5\n%d %d\n255\n", w, h), part.Pix...), 0o600); err != nil {
				return 0, err
			}
			out, _ := exec.Command("zbarimg", "-q", "--raw", file).Output() // nothing read is counted below
			if strings.TrimSuffix(string(out), "\n") == payloads[page*perPage+cell] {
				good++
			}
		}
	}
	return good, nil
}
