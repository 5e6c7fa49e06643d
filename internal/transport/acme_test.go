package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cho40/internal/fault"
)

// acmeAuthority speaks as much of RFC 8555 as one order takes, for one name and one sort of challenge. It looks at the service at
// an address that the test says, since the name leads nowhere. It does not look at signatures.
type acmeAuthority struct {
	*Authority
	*httptest.Server
	t         *testing.T
	challenge string
	at        string // where the service is

	mu      sync.Mutex
	asked   int // orders
	name    string
	state   string // of the challenge
	cert    []byte
	refuses bool
}

func newACMEAuthority(t *testing.T, challenge string) *acmeAuthority {
	signer, _ := authority(t, t.TempDir(), time.Now)
	key, der, err := sign(&x509.Certificate{Subject: pkix.Name{CommonName: "a public authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil, nil, time.Now(), authorityLives)
	if err != nil {
		t.Fatal(err)
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	signer.root, signer.cert, signer.key = root, root, key
	a := &acmeAuthority{Authority: signer, t: t, challenge: challenge, state: "pending"}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Server.Close)
	return a
}

func (a *acmeAuthority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w.Header().Set("Replay-Nonce", base64.RawURLEncoding.EncodeToString(fmt.Append(nil, time.Now().UnixNano())))
	var signed struct{ Payload string }
	if r.Method == http.MethodPost {
		if err := json.NewDecoder(r.Body).Decode(&signed); err != nil {
			a.t.Error(err)
		}
	}
	payload, err := base64.RawURLEncoding.DecodeString(signed.Payload)
	if err != nil {
		a.t.Error(err)
	}
	answer := func(status int, v map[string]any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	challenge := map[string]any{"type": a.challenge, "url": a.URL + "/challenge", "token": "a-token", "status": a.state}
	order := func() map[string]any {
		o := map[string]any{"status": "pending", "identifiers": []any{map[string]any{"type": "dns", "value": a.name}}, "authorizations": []string{a.URL + "/authorization"}, "finalize": a.URL + "/finalize"}
		switch {
		case a.cert != nil:
			o["status"], o["certificate"] = "valid", a.URL+"/certificate"
		case a.state == "valid":
			o["status"] = "ready"
		}
		return o
	}
	switch r.URL.Path {
	case "/directory":
		answer(200, map[string]any{"newNonce": a.URL + "/nonce", "newAccount": a.URL + "/account", "newOrder": a.URL + "/orders", "revokeCert": a.URL + "/revoke", "keyChange": a.URL + "/key"})
	case "/nonce":
	case "/account":
		w.Header().Set("Location", a.URL+"/account/1")
		answer(201, map[string]any{"status": "valid"})
	case "/orders":
		if a.refuses {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"type":"urn:ietf:params:acme:error:rejectedIdentifier","detail":"not this name"}`)
			return
		}
		var in struct{ Identifiers []struct{ Value string } }
		if err := json.Unmarshal(payload, &in); err != nil || len(in.Identifiers) != 1 {
			a.t.Errorf("an order of %s, %v", payload, err)
		}
		a.asked++
		a.name, a.state, a.cert = in.Identifiers[0].Value, "pending", nil
		w.Header().Set("Location", a.URL+"/order")
		answer(201, order())
	case "/order":
		answer(200, order())
	case "/authorization":
		answer(200, map[string]any{"status": a.state, "identifier": map[string]any{"type": "dns", "value": a.name}, "challenges": []any{challenge}})
	case "/challenge":
		if err := a.look(); err != nil {
			a.t.Errorf("%s: %v", a.challenge, err)
		} else {
			a.state = "valid"
		}
		challenge["status"] = a.state
		answer(200, challenge)
	case "/finalize":
		var in struct{ CSR string }
		err := json.Unmarshal(payload, &in)
		if err == nil {
			err = a.issue(in.CSR)
		}
		if err != nil {
			a.t.Error(err)
		}
		w.Header().Set("Location", a.URL+"/order")
		answer(200, order())
	case "/certificate":
		w.Header().Set("Content-Type", "application/pem-certificate-chain")
		_, _ = w.Write(a.cert)
	default:
		a.t.Errorf("it was asked for %s", r.URL.Path)
	}
}

// look is how the authority makes sure that the name leads to who asked.
func (a *acmeAuthority) look() error {
	if a.challenge == "http-01" {
		r, err := http.NewRequest(http.MethodGet, "http://"+a.at+"/.well-known/acme-challenge/a-token", nil)
		if err != nil {
			return err
		}
		r.Host = a.name
		got, err := body(http.DefaultClient.Do(r))
		if err == nil && !strings.HasPrefix(got, "a-token.") {
			err = errors.New("answered " + got)
		}
		return err
	}
	c, err := tls.Dial("tcp", a.at, &tls.Config{ServerName: a.name, NextProtos: []string{"acme-tls/1"}, InsecureSkipVerify: true}) // RFC 8737: it signs itself
	if err != nil {
		return err
	}
	defer c.Close()
	shown := c.ConnectionState().PeerCertificates[0]
	if !slices.ContainsFunc(shown.Extensions, func(e pkix.Extension) bool { return e.Id.String() == "1.3.6.1.5.5.7.1.31" && e.Critical }) || !slices.Equal(shown.DNSNames, []string{a.name}) {
		return fmt.Errorf("it shows %v", shown.DNSNames)
	}
	return nil
}

func (a *acmeAuthority) issue(csr string) error {
	der, err := base64.RawURLEncoding.DecodeString(csr)
	if err != nil {
		return err
	}
	asked, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: a.root.SerialNumber, DNSNames: asked.DNSNames, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	made, err := x509.CreateCertificate(nil, template, a.root, asked.PublicKey, a.key)
	if err != nil {
		return err
	}
	a.cert = slices.Concat(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.Raw}))
	return nil
}

func TestACME(t *testing.T) {
	t.Parallel()
	const name = "cho.example.vn"
	for _, challenge := range []string{"http-01", "tls-alpn-01"} {
		t.Run(challenge, func(t *testing.T) {
			t.Parallel()
			public := newACMEAuthority(t, challenge)
			dir := filepath.Join(t.TempDir(), "acme")
			open := func() *ACME {
				a, err := NewACME([]string{name}, "ban@example.vn", public.URL+"/directory", dir)
				if err != nil {
					t.Fatal(err)
				}
				public.mu.Lock()
				defer public.mu.Unlock()
				public.at = served(t, a)
				return a
			}
			a := open()
			if err := a.Obtain(t.Context()); err != nil {
				t.Fatalf("%v, because of %v", err, errors.Unwrap(err))
			}
			roots := x509.NewCertPool()
			roots.AddCert(public.root)
			ask := func() (string, error) {
				return body(client(roots, func(c *tls.Config) { c.ServerName = name }).Get("https://" + public.at + "/x"))
			}
			if got, err := ask(); err != nil || got != "secure HTTP/2.0 /x 0 <nil>" {
				t.Errorf("%q, %v", got, err)
			}
			// The next start has it already.
			b := open()
			if err := b.Obtain(t.Context()); err != nil {
				t.Error(err)
			}
			if got, err := ask(); err != nil || public.asked != 1 {
				t.Errorf("%q, %v; %d orders", got, err, public.asked)
			}
			// For other names, which anybody may ask for, nobody is bothered.
			if _, err := body(client(roots, func(c *tls.Config) { c.ServerName = "other.example.vn" }).Get("https://" + public.at)); err == nil || public.asked != 1 {
				t.Errorf("another name: %v, %d orders", err, public.asked)
			}
			if got, err := body(http.Get("http://" + public.at + "/x")); err != nil || got != "clear HTTP/1.1 /x 0 <nil>" {
				t.Errorf("in the clear: %q, %v", got, err)
			}
		})
	}
}

func TestACMEFaults(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "laptop", "192.0.2.1", "::1", "*.example.vn", "cho.example.vn:443", "https://cho.example.vn", "cho example.vn"} {
		if _, err := NewACME([]string{bad}, "", "", t.TempDir()); fault.CodeOf(err) != "acme-name" {
			t.Errorf("%q: %v", bad, err)
		}
	}
	public := newACMEAuthority(t, "http-01")
	public.refuses = true
	a, err := NewACME([]string{"cho.example.vn"}, "", public.URL+"/directory", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Obtain(t.Context()); fault.CodeOf(err) != "acme-refused" {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Obtain(ended); err == nil {
		t.Error("after the end it goes on")
	}
}
