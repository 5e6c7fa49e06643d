package transport

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cho40/internal/fault"
)

var quiet = slog.New(slog.DiscardHandler)

// served is a service on a free port of this machine, with TLS and without.
func served(t *testing.T, source Source) (at string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	over, in := Split(listener)
	say := func(what string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			_, _ = fmt.Fprintf(w, "%s %s %s %d %v", what, r.Proto, r.URL.Path, len(body), err)
		})
	}
	plain := say("clear")
	if a, ok := source.(*ACME); ok {
		plain = a.Plain(plain)
	}
	server, clear := Server(say("secure"), quiet), Server(plain, quiet)
	server.TLSConfig = source.TLS()
	go func() { _ = server.ServeTLS(over, "", "") }()
	go func() { _ = clear.Serve(in) }()
	t.Cleanup(func() { _, _ = server.Close(), clear.Close() })
	return listener.Addr().String()
}

func client(roots *x509.CertPool, change func(*tls.Config)) *http.Client {
	c := &tls.Config{RootCAs: roots}
	if change != nil {
		change(c)
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true, DisableKeepAlives: true}}
}

func body(res *http.Response, err error) (string, error) {
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return string(b), err
}

func authority(t *testing.T, dir string, now func() time.Time, hosts ...string) (*Authority, *x509.CertPool) {
	t.Helper()
	a, err := OpenAuthority(dir, hosts, now, quiet)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.root)
	return a, roots
}

func TestOneAddressForBoth(t *testing.T) {
	t.Parallel()
	a, roots := authority(t, t.TempDir(), time.Now)
	at := served(t, a)
	for _, tt := range []struct {
		name, url, want string
		change          func(*tls.Config)
		fails           bool
	}{
		{name: "over TLS", url: "https://", want: "secure HTTP/2.0 /x 0"},
		{name: "in the clear", url: "http://", want: "clear HTTP/1.1 /x 0"},
		{name: "TLS 1.2", url: "https://", want: "secure HTTP/2.0", change: func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }},
		{name: "a phone that does not trust it", url: "https://", fails: true, change: func(c *tls.Config) { c.RootCAs = x509.NewCertPool() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := body(client(roots, tt.change).Get(tt.url + at + "/x"))
			if (err != nil) != tt.fails || !strings.HasPrefix(got, tt.want) {
				t.Errorf("answered %q, %v", got, err)
			}
		})
	}
}

func TestOldTLS(t *testing.T) {
	t.Parallel()
	a, roots := authority(t, t.TempDir(), time.Now)
	cert, key := pair(t, t.TempDir(), "cho.example.vn", time.Now().Add(time.Hour))
	files, err := OpenFiles(cert, key, time.Now, quiet)
	if err != nil {
		t.Fatal(err)
	}
	public, err := NewACME([]string{"cho.example.vn"}, "", "", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []Source{a, files, public} {
		if v := s.TLS().MinVersion; v < tls.VersionTLS12 {
			t.Errorf("%T speaks TLS %x", s, v)
		}
	}
	at := served(t, a)
	for version, taken := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		c, err := tls.Dial("tcp", at, &tls.Config{RootCAs: roots, MinVersion: version, MaxVersion: version})
		if (err == nil) != taken {
			t.Errorf("TLS %x: %v", version, err)
		}
		if err == nil {
			c.Close()
		}
	}
}

// speak sends bytes and reads what comes back until the server ends the connection.
func speak(at, text string) (string, error) {
	c, err := net.Dial("tcp", at)
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(HeaderWithin + BodyWithin))
	if _, err := io.WriteString(c, text); err != nil {
		return "", err
	}
	b, err := io.ReadAll(c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return string(b), errors.New("the connection is still open")
	}
	return string(b), nil // an end is an end, however abrupt
}

// TestTwistedRequests are those by which a proxy in front and a server behind could come to disagree on where a request ends.
func TestTwistedRequests(t *testing.T) {
	t.Parallel()
	a, _ := authority(t, t.TempDir(), time.Now)
	at := served(t, a)
	head := "POST /one HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
	const second = "GET /two HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	for _, tt := range []struct{ name, text, status string }{
		{"two lengths", head + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "400"},
		{"two lengths in one", head + "Content-Length: 3, 4\r\n\r\nabcd", "400"},
		{"a length with a sign", head + "Content-Length: +3\r\n\r\nabc", "400"},
		{"a length below none", head + "Content-Length: -3\r\n\r\nabc", "400"},
		{"two encodings", head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", "501"},
		{"an encoding that is none", head + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "501"},
		{"compressed on the way", head + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501"},
		{"a blank before the colon", head + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "400"},
		{"a chunk whose length is no number", head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", "200 "}, // the body cannot be read
		{"two hosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "400"},
		{"no host", "GET / HTTP/1.1\r\n\r\n", "400"},
		{"NUL in a header", "GET / HTTP/1.1\r\nHost: x\r\nX-A: a\x00b\r\n\r\n", "400"},
		{"no request", "hello\r\n\r\n", "400"},
		{"headers of 80 KiB", "GET / HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("a", 80<<10) + "\r\n\r\n", "431"},
		{"10,000 headers", "GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X-A: b\r\n", 10_000) + "\r\n", "431"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := speak(at, tt.text)
			if err != nil {
				t.Error(err)
			}
			if !strings.HasPrefix(got, "HTTP/1.1 "+tt.status) {
				t.Errorf("answered %.80q, want %s", got, tt.status)
			}
			if tt.status == "200 " && !strings.Contains(got, "invalid byte in chunk length") {
				t.Errorf("the body was read: %q", got)
			}
		})
	}
	// With both, Go takes the chunks (RFC 9112, 6.3) and never the length: what stands behind the last chunk is the next request, and
	// behind Connection: close it is none.
	t.Run("a length and chunks", func(t *testing.T) {
		got, _ := speak(at, head+"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"+second)
		if strings.Count(got, "HTTP/1.1 200") != 1 || !strings.Contains(got, "/one 0 <nil>") {
			t.Errorf("answered %q", got)
		}
	})
}

// TestSlowClients holds connections open with half a request, half a handshake, or nothing; the server lets go of each by itself.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	a, _ := authority(t, t.TempDir(), time.Now)
	at := served(t, a)
	var all sync.WaitGroup
	for name, text := range map[string]string{
		"nothing":            "",
		"half a request":     "GET / HTTP/1.1\r\nHost: x\r\nX-A: ",
		"half a handshake":   "\x16\x03\x01\x02\x00\x01",
		"half a first line":  "GE",
		"a header too large": "GET / HTTP/1.1\r\n" + strings.Repeat("X-A: b\r\n", 100),
	} {
		all.Go(func() { // at once, since each takes the whole of its time
			if got, err := speak(at, text); err != nil || strings.Contains(got, "200 OK") {
				t.Errorf("%s: answered %q, %v", name, got, err)
			}
		})
	}
	all.Wait()
	s := Server(nil, quiet)
	for name, limit := range map[string]time.Duration{"header": s.ReadHeaderTimeout, "body": s.ReadTimeout, "answer": s.WriteTimeout, "idle": s.IdleTimeout} {
		if limit <= 0 || limit > 2*time.Minute {
			t.Errorf("%s: %v", name, limit)
		}
	}
}

func TestSplitCloses(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a, b := Split(l)
	open, err := net.Dial("tcp", l.Addr().String()) // says nothing yet
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	for _, half := range []net.Listener{a, b} {
		if _, err := half.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a closed door accepts: %v", err)
		}
	}
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("the address still answers")
	}
	_ = b.Close()
}

func TestAuthority(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "tls")
	at := time.Now()
	now := func() time.Time { return at }
	a, roots := authority(t, dir, now, "192.168.44.5", "Stall-PC")

	t.Run("the key is its owner's alone, and not the root's", func(t *testing.T) {
		file, folder := filepath.Join(dir, "local-authority.pem"), dir
		for path, want := range map[string]os.FileMode{file: 0o600, folder: 0o700} {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: %v, %v", path, info, err)
			}
		}
		if a.root.PublicKey.(*ecdsa.PublicKey).Equal(&a.key.PublicKey) {
			t.Error("the root's key is kept")
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
			t.Errorf("the folder holds %v, %v", left, err)
		}
	})
	t.Run("as phones want it", func(t *testing.T) {
		shown, err := a.certificate(netip.Addr{})
		if err != nil {
			t.Fatal(err)
		}
		if d := a.root.NotAfter.Sub(at); d < 700*24*time.Hour || d > 825*24*time.Hour {
			t.Errorf("the root lives %v", d)
		}
		if d := shown.Leaf.NotAfter.Sub(at); d > 31*24*time.Hour {
			t.Errorf("the server's lives %v", d)
		}
		for _, c := range []*x509.Certificate{a.root, a.cert} {
			if !c.IsCA || !c.PermittedDNSDomainsCritical || len(c.PermittedIPRanges) == 0 || len(c.PermittedDNSDomains) == 0 || c.PublicKey.(*ecdsa.PublicKey).Curve != elliptic.P256() {
				t.Errorf("%s is %+v", c.Subject, c)
			}
		}
		if shown.Leaf.IsCA || !slices.Equal(shown.Leaf.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}) {
			t.Errorf("the server's is %+v", shown.Leaf)
		}
		if print := a.Fingerprint(); len(print) != 95 || strings.Count(print, ":") != 31 || strings.ToUpper(print) != print {
			t.Errorf("fingerprint %q", print)
		}
	})
	middle := x509.NewCertPool()
	middle.AddCert(a.cert)
	verify := func(c *x509.Certificate, host string) error {
		_, err := c.Verify(x509.VerifyOptions{Roots: roots, Intermediates: middle, DNSName: host, CurrentTime: at})
		return err
	}
	t.Run("what it says of this machine is true", func(t *testing.T) {
		shown, err := a.certificate(netip.Addr{})
		if err != nil {
			t.Fatal(err)
		}
		for _, host := range []string{"192.168.44.5", "stall-pc", "127.0.0.1", "localhost"} {
			if err := verify(shown.Leaf, host); err != nil {
				t.Errorf("%s: %v", host, err)
			}
		}
		if err := verify(shown.Leaf, "192.168.44.6"); err == nil {
			t.Error("it is good for another machine")
		}
	})
	// Whoever steals the key signs what they like. Nobody may believe it.
	t.Run("for the internet it counts for nothing", func(t *testing.T) {
		for _, host := range []string{"vietcombank.com.vn", "cho40.vn", "8.8.8.8", "2001:4860:4860::8888", "local.evil.example", "evillocal"} {
			forged := &x509.Certificate{Subject: pkix.Name{CommonName: host}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
			if ip := net.ParseIP(host); ip != nil {
				forged.IPAddresses = []net.IP{ip}
			} else {
				forged.DNSNames = []string{host}
			}
			_, der, err := sign(forged, a.cert, a.key, at, serverLives)
			if err != nil {
				t.Fatal(err)
			}
			c, err := x509.ParseCertificate(der)
			if err != nil {
				t.Fatal(err)
			}
			if err := verify(c, host); err == nil {
				t.Errorf("a phone believes that this is %s", host)
			}
			// Not even a phone that takes the root as it is and asks nothing of it: the second certificate says the same.
			bare := x509.NewCertPool()
			bare.AddCert(a.cert)
			if _, err := c.Verify(x509.VerifyOptions{Roots: bare, DNSName: host, CurrentTime: at}); err == nil {
				t.Errorf("by the second certificate alone a phone believes that this is %s", host)
			}
		}
	})
	t.Run("it is the same again", func(t *testing.T) {
		b, _ := authority(t, dir, now)
		if !bytes.Equal(a.DER(), b.DER()) {
			t.Error("the next start has another root")
		}
	})
	t.Run("a new certificate when half its week is over", func(t *testing.T) {
		shown := func() *tls.Certificate {
			c, err := a.certificate(netip.Addr{})
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		first := shown()
		at = at.Add(3 * 24 * time.Hour)
		if shown() != first {
			t.Error("after three days it is another one")
		}
		at = at.Add(24 * time.Hour)
		if second := shown(); second == first || second.Leaf.NotAfter.Before(at.Add(6*24*time.Hour)) {
			t.Error("after four days it is the same")
		}
	})
	t.Run("a new certificate when the laptop is on another network", func(t *testing.T) {
		moved := netip.MustParseAddr("10.77.0.9")
		c, err := a.certificate(moved)
		if err != nil || verify(c.Leaf, "10.77.0.9") != nil {
			t.Errorf("%v, %v", err, verify(c.Leaf, "10.77.0.9"))
		}
		if again, _ := a.certificate(moved); again != c {
			t.Error("each connection has another one")
		}
		if _, err := a.certificate(netip.MustParseAddr("8.8.8.8")); err != nil {
			t.Error(err)
		}
	})
	t.Run("a new root when its end is near", func(t *testing.T) {
		at = a.root.NotAfter.Add(-24 * time.Hour)
		b, _ := authority(t, dir, now)
		if bytes.Equal(a.DER(), b.DER()) || b.root.NotAfter.Before(at.Add(700*24*time.Hour)) {
			t.Error("it is the same")
		}
	})
}

func TestAuthorityFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		harm  func(path string) error
		hosts []string
		code  string
	}{
		{name: "a public name", hosts: []string{"cho.example.vn"}, code: "host"},
		{name: "a public address", hosts: []string{"8.8.8.8"}, code: "host"},
		{name: "a name that ends like a public one", hosts: []string{"local.vn"}, code: "host"},
		{name: "everything", hosts: []string{"*"}, code: "host"},
		{name: "nothing", hosts: []string{""}, code: "host"},
		{name: "a name that was not there at its making", hosts: []string{"other-pc"}, code: "authority-host"},
		{name: "an address that was not", hosts: []string{"172.16.3.4"}},
		{name: "a name of the network that was not", hosts: []string{"other-pc.local"}},
		{name: "a file that others may read", harm: func(p string) error { return os.Chmod(p, 0o640) }, code: "authority-open"},
		{name: "an empty file", harm: func(p string) error { return os.Truncate(p, 0) }, code: "authority-broken"},
		{name: "half a file", harm: func(p string) error { return os.Truncate(p, 900) }, code: "authority-broken"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			authority(t, dir, time.Now)
			if tt.harm != nil {
				if err := tt.harm(filepath.Join(dir, "local-authority.pem")); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := OpenAuthority(dir, tt.hosts, time.Now, quiet); fault.CodeOf(err) != tt.code {
				t.Errorf("%v, want %q", err, tt.code)
			}
		})
	}
	t.Run("two starts at once have one authority", func(t *testing.T) {
		dir := t.TempDir()
		roots := make(chan []byte)
		for range 4 {
			go func() {
				a, err := OpenAuthority(dir, nil, time.Now, quiet)
				if err != nil {
					t.Error(err)
					roots <- nil
					return
				}
				roots <- a.DER()
			}()
		}
		first := <-roots
		for range 3 {
			if next := <-roots; !bytes.Equal(first, next) {
				t.Error("they differ")
			}
		}
	})
}

// pair writes a certificate that signs itself, and its key.
func pair(t *testing.T, dir, name string, until time.Time) (cert, key string) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(until.Unix()), DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: until, BasicConstraintsValid: true, IsCA: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &secret.PublicKey, secret)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, b := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestFilesAreReadAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := time.Now()
	cert, key := pair(t, dir, "one.example", at.Add(24*time.Hour))
	var log bytes.Buffer
	f, err := OpenFiles(cert, key, func() time.Time { return at }, slog.New(slog.NewJSONHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	shown := func() string {
		at = at.Add(2 * lookAgain)
		return strings.Join(f.Hosts(), " ")
	}
	if got := shown(); got != "one.example" {
		t.Errorf("at first %q", got)
	}
	pair(t, dir, "two.example", at.Add(48*time.Hour))
	if got := shown(); got != "two.example" {
		t.Errorf("with new files %q", got)
	}
	old, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"half of it": old[:len(old)/2], "another key's": func() []byte {
		other := t.TempDir()
		path, _ := pair(t, other, "three.example", at.Add(72*time.Hour))
		b, _ := os.ReadFile(path)
		return b
	}()} {
		if err := os.WriteFile(cert, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := shown(); got != "two.example" {
			t.Errorf("with %s it shows %q", name, got)
		}
	}
	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	if got := shown(); got != "two.example" {
		t.Errorf("without the file it shows %q", got)
	}
	pair(t, dir, "four.example", at.Add(96*time.Hour))
	if got := shown(); got != "four.example" {
		t.Errorf("mended it shows %q", got)
	}
	if n := strings.Count(log.String(), "cannot be used"); n != 3 {
		t.Errorf("the log complains %d times: %s", n, &log)
	}
}

func TestFilesFaults(t *testing.T) {
	t.Parallel()
	a, b := t.TempDir(), t.TempDir()
	certA, keyA := pair(t, a, "a.example", time.Now().Add(time.Hour))
	_, keyB := pair(t, b, "b.example", time.Now().Add(time.Hour))
	for _, tt := range [][2]string{{certA, keyB}, {keyA, certA}, {certA, filepath.Join(a, "none")}, {filepath.Join(a, "none"), keyA}, {a, keyA}} {
		if _, err := OpenFiles(tt[0], tt[1], time.Now, quiet); fault.CodeOf(err) != "tls-files" {
			t.Errorf("%v: %v", tt, err)
		}
	}
}

func TestHTTP2Streams(t *testing.T) {
	t.Parallel()
	a, roots := authority(t, t.TempDir(), time.Now)
	at := served(t, a)
	c := client(roots, nil)
	res, err := c.Post("https://"+at+"/big", "text/plain", strings.NewReader(strings.Repeat("x", 1<<20)))
	if got, err := body(res, err); err != nil || got != "secure HTTP/2.0 /big 1048576 <nil>" {
		t.Errorf("%q, %v", got, err)
	}
}

// A client that goes on slowly within the limits is served.
func TestBytesOneByOne(t *testing.T) {
	t.Parallel()
	a, _ := authority(t, t.TempDir(), time.Now)
	c, err := net.Dial("tcp", served(t, a))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, b := range []byte("GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") {
		if _, err := c.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if got, err := body(res, err); err != nil || got != "clear HTTP/1.1 /slow 0 <nil>" {
		t.Errorf("%q, %v", got, err)
	}
}
