package main_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"cho40/internal/postgres/pgtest"
)

const goodPassword = "ghe tre song chieu muong bay vo"

// phone is a browser that trusts these certificates; it follows no redirect.
func phone(t *testing.T, trusted ...*x509.Certificate) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	for _, c := range trusted {
		roots.AddCert(c)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func fetch(t *testing.T, c *http.Client, method, url, body string) (*http.Response, []byte) {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, b
}

// TestServeToPhones is a laptop on a market's Wi-Fi: a phone comes in the clear, gets the authority, and signs in over HTTPS.
func TestServeToPhones(t *testing.T) {
	t.Parallel()
	p := quick(t)
	p.ends(0, "market", "add", "--code", "VT", "--name", "Chợ Vị Thanh")
	if a := p.run(goodPassword+"\n", "user", "add", "Lý Minh Tâm", "--role", "clerk", "--scope", "market:VT", "--password-stdin"); a.code != 0 {
		t.Fatal(a.stderr)
	}
	s := p.serve("--tls-local", "--host", "127.0.0.1")
	host, secure := strings.CutPrefix(s.url, "https://")
	if !secure {
		t.Fatalf("it listens on %s", s.url)
	}
	stranger := phone(t)
	_, der := fetch(t, stranger, "GET", "http://"+host+"/cho40-ca.crt", "")
	root, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	print := strings.ReplaceAll(fmt.Sprintf("% X", sha256.Sum256(der)), " ", ":")
	if said := strings.ReplaceAll(s.said, "\n", ""); !strings.Contains(said, print) || !strings.Contains(said, "http://"+host) || !strings.Contains(said, "█▀") || !strings.Contains(said, root.Subject.CommonName) {
		t.Errorf("the laptop shows\n%s\nwithout %s", s.said, print)
	}
	if _, page := fetch(t, stranger, "GET", "http://"+host+"/", ""); !bytes.Contains(page, []byte(print[:11])) {
		t.Error("the page does not show the fingerprint")
	}
	if _, err := stranger.Get("https://" + host + "/healthz"); err == nil {
		t.Error("a phone that was told nothing trusts it")
	}
	c := phone(t, root)
	if res, _ := fetch(t, c, "GET", "http://"+host+"/markets/VT", ""); res.StatusCode != 308 || res.Header.Get("Location") != s.url+"/markets/VT" {
		t.Errorf("in the clear: %d to %s", res.StatusCode, res.Header.Get("Location"))
	}
	credentials, err := json.Marshal(map[string]string{"name": "Lý Minh Tâm", "password": goodPassword})
	if err != nil {
		t.Fatal(err)
	}
	if res, _ := fetch(t, c, "POST", "http://"+host+"/api/v1/session", string(credentials)); res.StatusCode != http.StatusMisdirectedRequest || len(res.Cookies()) > 0 {
		t.Errorf("a password in the clear: %d %v", res.StatusCode, res.Cookies())
	}
	res, body := fetch(t, c, "POST", s.url+"/api/v1/session", string(credentials))
	if k := res.Cookies(); res.StatusCode != 201 || len(k) != 1 || k[0].Name != "__Host-cho40" || !k[0].Secure || res.ProtoMajor != 2 {
		t.Fatalf("over HTTPS: %s %d %s %v", res.Proto, res.StatusCode, body, k)
	}
	if res, body := fetch(t, c, "GET", s.url+"/api/v1/markets/VT", ""); res.StatusCode != 200 || res.Header.Get("Strict-Transport-Security") != "max-age=86400" {
		t.Errorf("signed in: %d %v %s", res.StatusCode, res.Header, body)
	}
	s.stop()
	again := p.serve("--tls-local", "--host", "127.0.0.1")
	if res, _ := fetch(t, phone(t, root), "GET", again.url+"/healthz", ""); res.StatusCode != 200 {
		t.Errorf("after the next start: %d", res.StatusCode)
	}
	again.stop()
}

func TestServeWithFiles(t *testing.T) {
	t.Parallel()
	p := quick(t)
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	renew := func(number int64) *x509.Certificate {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(number), DNSNames: []string{"cho.example.vn"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour),
			NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true, IsCA: true}
		der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		secret, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		for path, b := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: secret}} {
			if err := os.WriteFile(path, pem.EncodeToMemory(b), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	first := renew(1)
	s := p.serve("--tls-cert", certFile, "--tls-key", keyFile, "--http", "127.0.0.1:0")
	port := s.url[strings.LastIndex(s.url, ":"):]
	if s.url != "https://cho.example.vn"+port {
		t.Errorf("it listens on %s", s.url)
	}
	if res, _ := fetch(t, phone(t, first), "GET", "https://127.0.0.1"+port+"/healthz", ""); res.StatusCode != 200 || res.Header.Get("Strict-Transport-Security") != "max-age=31536000" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
	if res, _ := fetch(t, phone(t), "GET", "http://127.0.0.1"+port+"/docs", ""); res.Header.Get("Location") != s.url+"/docs" {
		t.Errorf("in the clear: %d to %s", res.StatusCode, res.Header.Get("Location"))
	}
	second := renew(2)
	shown := func() int64 {
		c, err := tls.Dial("tcp", "127.0.0.1"+port, &tls.Config{RootCAs: func() *x509.CertPool { r := x509.NewCertPool(); r.AddCert(first); r.AddCert(second); return r }()})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	for deadline := time.Now().Add(time.Minute); shown() != 2; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the new certificate is not shown")
		}
	}
	s.stop()
}

// The authority in this test is not there: the service starts all the same, says so, and leads on to its name.
func TestServeWithACME(t *testing.T) {
	t.Parallel()
	s := quick(t).serve("--acme", "cho.example.vn", "--acme-directory", "http://127.0.0.1:1/directory", "--http", "off")
	port := s.url[strings.LastIndex(s.url, ":"):]
	if s.url != "https://cho.example.vn"+port {
		t.Errorf("it listens on %s", s.url)
	}
	if res, _ := fetch(t, phone(t), "GET", "http://127.0.0.1"+port+"/docs", ""); res.StatusCode != 308 || res.Header.Get("Location") != s.url+"/docs" {
		t.Errorf("in the clear: %d to %s", res.StatusCode, res.Header.Get("Location"))
	}
	for deadline := time.Now().Add(time.Minute); !strings.Contains(s.log.String(), "no certificate for cho.example.vn"); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("nobody is told: %s", s.log)
		}
	}
	s.stop()
}

func TestServeBehindAProxy(t *testing.T) {
	t.Parallel()
	p := quick(t)
	p.env = append(p.env, "CHO40_PUBLIC_URL=https://cho.example.vn")
	s := p.serve("--trust-proxy", "127.0.0.1")
	for host, want := range map[string]string{"cho.example.vn": "", "evil.example": "https://cho.example.vn/sign-in"} {
		r, err := http.NewRequest(http.MethodGet, s.url+"/sign-in", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		r.Header.Set("X-Forwarded-Proto", "https")
		res, err := phone(t).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.Header.Get("Location") != want || res.Header.Get("Strict-Transport-Security") == "" {
			t.Errorf("%s: %d, %v", host, res.StatusCode, res.Header)
		}
	}
	s.stop()
	if out := p.must("user", "add", "lan", "--role", "admin", "--scope", "all"); !strings.Contains(out, "\nhttps://cho.example.vn/welcome/") {
		t.Errorf("the link is %q", out)
	}
}

// Whoever serves a network in the clear is told what that means, unless it is meant.
func TestServeWarns(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		args []string
		warn bool
	}{
		{"this machine alone", nil, false},
		{"the network", []string{"--listen", "0.0.0.0:0"}, true},
		{"the network, as it is meant", []string{"--listen", "0.0.0.0:0", "--insecure"}, false},
		{"the network, behind a proxy", []string{"--listen", "0.0.0.0:0", "--trust-proxy", "10.0.0.0/8"}, false},
		{"the network over HTTPS", []string{"--listen", "0.0.0.0:0", "--tls-local"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := program{TB: t, env: environment(t, "DATABASE_URL="+pgtest.URL(t))}.serve(tt.args...)
			s.stop()
			if log := s.log.String(); strings.Contains(log, "WARNING") != tt.warn || strings.Contains(log, "CẢNH BÁO") != tt.warn {
				t.Errorf("it says %s", log)
			}
		})
	}
}

// A folder that cannot be made is said in both languages by whoever wants it.
func TestNoFolderToKeepIn(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := program{TB: t, env: append(environment(t, "DATABASE_URL="+pgtest.URL(t)), "CHO40_DATA="+filepath.Join(file, "data"))}
	for _, args := range [][]string{{"serve", "--listen", "127.0.0.1:0", "--tls-local"}, {"audit", "verify"}, {"erasure", "replay"}} {
		if a := p.run("", args...); a.code == 0 || !regexp.MustCompile(`cho40: .*`+file+`.*\n       .*`+file).MatchString(a.stderr) {
			t.Errorf("%s: code %d, %s", args, a.code, a.stderr)
		}
	}
}
