package web_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"image/png"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cho40/web"

	"github.com/chromedp/chromedp"
)

// clear is what is said without TLS at 192.168.44.5, where the service is at 8443; with a local authority or without.
func clear(t *testing.T, local bool) (http.Handler, *web.Authority) {
	t.Helper()
	c := web.Clear{Now: time.Now, Log: slog.New(slog.DiscardHandler), Ways: func(host string) (clear, secure *url.URL) {
		return &url.URL{Scheme: "http", Host: "192.168.44.5:8443"}, &url.URL{Scheme: "https", Host: "192.168.44.5:8443"}
	}}
	if local {
		der := []byte("a certificate <&> of no great length")
		c.Authority = &web.Authority{Name: "cho40 <laptop> 2026", DER: der, Until: time.Date(2028, 11, 21, 0, 0, 0, 0, time.UTC),
			Fingerprint: strings.ReplaceAll(fmt.Sprintf("% X", sha256.Sum256(der)), " ", ":")}
	}
	return web.ClearHandler(c), c.Authority
}

func TestInTheClear(t *testing.T) {
	t.Parallel()
	const over = "https://192.168.44.5:8443"
	for _, tt := range []struct {
		name   string
		local  bool
		do     string
		status int
		to     string
		want   string
	}{
		{"the front page leads on", false, "GET http://x.example/", 308, over + "/", ""},
		{"so does each other, as it is", false, "GET http://x.example/markets/VT?page=2", 308, over + "/markets/VT?page=2", ""},
		{"the host that was asked for does not decide", false, "GET http://evil.example/", 308, over + "/", ""},
		{"nor does an address that browsers read as another host", false, "GET http://x.example//evil.example/", 308, over + "/", ""},
		{"what is sent is refused", false, "POST http://x.example/sign-in", 421, "", "192.168.44.5"},
		{"from a program too", false, "POST http://x.example/api/v1/session", 421, "", "/problems/other-host"},
		{"nothing of the service is here", false, "GET http://x.example/readyz", 308, over + "/readyz", ""},
		{"alive", false, "GET http://x.example/healthz", 200, "", "ok"},
		{"a certificate that is none of ours", false, "GET http://x.example/cho40-ca.crt", 308, over + "/cho40-ca.crt", ""},
		{"a local authority explains itself", true, "GET http://192.168.44.5:8443/", 200, "", "Chuẩn bị điện thoại"},
		{"everything else leads on", true, "GET http://192.168.44.5:8443/markets/VT", 308, over + "/markets/VT", ""},
		{"the sign-in too", true, "POST http://192.168.44.5:8443/sign-in", 421, "", ""},
		{"its own files", true, "GET http://192.168.44.5:8443/static/app.css", 200, "", "--head"},
		{"the other language", true, "GET http://192.168.44.5:8443/language/en?back=%2F", 303, "/", ""},
		{"and not elsewhere", true, "GET http://192.168.44.5:8443/language/en?back=%2F%2Fevil.example", 303, "/", ""},
		{"an address too long", true, "GET http://192.168.44.5:8443/" + strings.Repeat("x", 9<<10), 414, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, _ := clear(t, tt.local)
			rec := sent{from: "192.168.44.9", do: tt.do}.to(h)
			if rec.Code != tt.status || rec.Header().Get("Location") != tt.to || !strings.Contains(rec.Body.String(), tt.want) {
				t.Errorf("answered %d to %q: %s", rec.Code, rec.Header().Get("Location"), clip(rec.Body.Bytes()))
			}
			for name, begins := range securityHeaders {
				if !strings.HasPrefix(rec.Header().Get(name), begins) {
					t.Errorf("%s is %q", name, rec.Header().Get(name))
				}
			}
			if rec.Header().Get("Strict-Transport-Security") != "" {
				t.Error("HTTP promises HTTPS")
			}
		})
	}
}

func TestTrusting(t *testing.T) {
	t.Parallel()
	h, a := clear(t, true)
	get := func(path string, header ...string) *httptest.ResponseRecorder {
		rec := sent{"192.168.44.9", "GET http://192.168.44.5:8443" + path, header}.to(h)
		if rec.Code != http.StatusOK {
			t.Fatalf("%s: %d", path, rec.Code)
		}
		return rec
	}
	t.Run("what a phone shows is on the page, whole", func(t *testing.T) {
		for _, language := range []string{"vi", "en"} {
			page := get("/", "Accept-Language", language).Body.String()
			for part := range strings.SplitSeq(a.Fingerprint, ":") {
				if !strings.Contains(page, part) {
					t.Fatalf("%s: %s is missing", language, part)
				}
			}
			for _, want := range []string{a.Fingerprint[:11] + "</span>", "cho40 &lt;laptop&gt; 2026", `href="https://192.168.44.5:8443/"`, `href="/cho40-ca.crt"`, `href="/cho40-ca.mobileconfig"`, "21/11/2028", ".local"} {
				if !strings.Contains(page, want) {
					t.Errorf("%s: no %q", language, want)
				}
			}
		}
	})
	t.Run("Android's file", func(t *testing.T) {
		rec := get("/cho40-ca.crt")
		if rec.Header().Get("Content-Type") != "application/x-x509-ca-cert" || !bytes.Equal(rec.Body.Bytes(), a.DER) || !strings.Contains(rec.Header().Get("Content-Disposition"), `"cho40-ca.crt"`) {
			t.Errorf("%v %q", rec.Header(), rec.Body)
		}
	})
	t.Run("the iPhone's profile", func(t *testing.T) {
		rec := get("/cho40-ca.mobileconfig")
		if rec.Header().Get("Content-Type") != "application/x-apple-aspen-config" {
			t.Error(rec.Header())
		}
		profile := rec.Body.Bytes()
		for d := xml.NewDecoder(bytes.NewReader(profile)); ; {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%v: %s", err, profile)
			}
		}
		for _, want := range []string{"com.apple.security.root", "<data>" + base64.StdEncoding.EncodeToString(a.DER) + "</data>", "cho40 &lt;laptop&gt; 2026", "<date>2028-11-21T00:00:00Z</date>", "<key>PayloadRemovalDisallowed</key><false/>"} {
			if !bytes.Contains(profile, []byte(want)) {
				t.Errorf("no %q in %s", want, profile)
			}
		}
		if again := get("/cho40-ca.mobileconfig").Body.Bytes(); !bytes.Equal(profile, again) {
			t.Error("the same certificate has another profile")
		}
	})
	t.Run("the next phone's code", func(t *testing.T) {
		rec := get("/address.svg")
		if rec.Header().Get("Content-Type") != "image/svg+xml" || !strings.HasPrefix(rec.Body.String(), "<svg") {
			t.Errorf("%v", rec.Header())
		}
	})
}

// The page as a phone shows it: nothing is wider than the screen, and its code is read by another program from the picture.
func TestTrustingInABrowser(t *testing.T) {
	t.Parallel()
	h, _ := clear(t, true)
	server := httptest.NewServer(h)
	defer server.Close()
	for _, width := range []int64{320, 1280} {
		b := browse(t, server.URL, width, 740)
		b.goes("/")
		picture, err := run(b, chromedp.FullScreenshot(100))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := png.Decode(bytes.NewReader(picture)); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "page.png")
		if err := os.WriteFile(file, picture, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("zbarimg", "-q", "--raw", file).Output()
		if err != nil || strings.TrimSpace(string(out)) != "http://192.168.44.5:8443" {
			t.Errorf("%d pixels wide: the code says %q, %v", width, out, err)
		}
	}
}
