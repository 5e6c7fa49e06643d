package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/labstack/echo/v4"
)

//go:embed static/*.css static/*.js static/*.svg static/fonts/*.woff2 static/fonts/OFL.txt static/guide/*.webp static/app
var staticFS embed.FS

// asset is a file of the service's own, ready to send.
type asset struct {
	media   string
	etag    string
	plain   []byte
	gzipped []byte // nil where it is no shorter
}

var mediaOf = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml", ".woff2": "font/woff2", ".txt": "text/plain; charset=utf-8",
	"": "text/plain; charset=utf-8", ".png": "image/png", ".webp": "image/webp", ".wasm": "application/wasm"}

// assets are all files by their path below static/, and the version that stands for all of them together.
var assets, assetsVersion = func() (map[string]asset, string) {
	all, sum := map[string]asset{}, sha256.New()
	err := fs.WalkDir(staticFS, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := staticFS.ReadFile(name)
		if err != nil {
			return err
		}
		h := sha256.Sum256(b)
		sum.Write([]byte(name))
		sum.Write(h[:])
		a := asset{media: mediaOf[path.Ext(name)], etag: hex.EncodeToString(h[:8]), plain: b}
		if z := gzipped(b); len(z) < len(b) {
			a.gzipped = z
		}
		all[strings.TrimPrefix(name, "static/")] = a
		return nil
	})
	if err != nil {
		panic("web/static: " + err.Error())
	}
	return all, hex.EncodeToString(sum.Sum(nil)[:4])
}()

func gzipped(b []byte) []byte {
	var z bytes.Buffer
	w, _ := gzip.NewWriterLevel(&z, gzip.BestCompression) // the level is a right one, and a Buffer takes every write
	_, _ = w.Write(b)
	_ = w.Close()
	return z.Bytes()
}

// staticPath is where a page finds a file. The version in it changes with any file, so browsers may keep it for good; it
// comes first, so that a style sheet finds its fonts beside it.
func staticPath(name string) string { return "/static/" + assetsVersion + "/" + name }

// static answers GET /static/*: a file of the embedded folder and nothing else, with the version in its path or without.
func (s *Server) static(c echo.Context) error {
	name, versioned := strings.CutPrefix(c.Param("*"), assetsVersion+"/")
	a, ok := assets[name]
	if !ok {
		return echo.ErrNotFound
	}
	h := c.Response().Header()
	h.Set("Cache-Control", "public, max-age=3600")
	if versioned {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	body, etag := a.plain, `"`+a.etag+`"`
	if a.gzipped != nil {
		h.Set("Vary", "Accept-Encoding")
		if takesGzip(c) {
			body, etag = a.gzipped, `"`+a.etag+`-gzip"`
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("ETag", etag)
	if strings.Contains(c.Request().Header.Get("If-None-Match"), etag) {
		h.Del("Content-Encoding")
		return c.NoContent(http.StatusNotModified)
	}
	return c.Blob(http.StatusOK, a.media, body)
}

func takesGzip(c echo.Context) bool {
	for part := range strings.SplitSeq(c.Request().Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(name, "gzip") {
			return strings.ReplaceAll(weight, " ", "") != "q=0"
		}
	}
	return false
}
