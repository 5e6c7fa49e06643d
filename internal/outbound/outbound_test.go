package outbound_test

import (
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"cho40/internal/outbound"
)

func TestPublic(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"1.1.1.1": true, "203.162.0.10": true, "2001:4860:4860::8888": true, "::ffff:1.1.1.1": true,
		"127.0.0.1": false, "::1": false, "10.0.0.1": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false,
		"0.0.0.0": false, "0.1.2.3": false, "::": false, "224.0.0.1": false, "255.255.255.255": false, "240.0.0.1": false, "198.18.0.1": false, "192.0.2.1": false,
		"fe80::1": false, "fe80::1%eth0": false, "fc00::1": false, "fd12::1": false, "ff02::1": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false,
		"64:ff9b::7f00:1": false, "2002:7f00:1::": false, "::127.0.0.1": false, "2001:db8::1": false, "fec0::1": false,
	} {
		if got := outbound.Public(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: public %v, want %v", address, got, want)
		}
	}
}

func TestPost(t *testing.T) {
	t.Parallel()
	seen := make(chan string, 10)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen <- r.Header.Get("X-Test") + " " + string(body)
		if r.URL.Path == "/elsewhere" {
			http.Redirect(w, r, "/", http.StatusFound)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, strings.Repeat("x", 1<<20))
	})
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	mine := outbound.NewPoster(true, roots)
	for _, tt := range []struct {
		name   string
		by     *outbound.Poster
		url    string
		status int
		err    string
		asked  bool
	}{
		{"taken", mine, server.URL, 202, "", true},
		{"a redirect is not followed", mine, server.URL + "/elsewhere", 302, "", true},
		{"not to this machine", outbound.NewPoster(false, roots), server.URL, 0, "address is not on the public internet", false},
		{"not by a name of this machine", outbound.NewPoster(false, roots), strings.Replace(server.URL, "127.0.0.1", "localhost", 1), 0, "address is not on the public internet", false},
		{"not to a private network, loopback or not", mine, "https://10.1.2.3:9/", 0, "address is not on the public internet", false},
		{"not to the cloud's own", mine, "http://169.254.169.254/latest/meta-data", 0, "address is not on the public internet", false},
		{"a certificate of nobody's", outbound.NewPoster(true, x509.NewCertPool()), server.URL, 0, "certificate is not trusted", false},
		{"no address", mine, "https://%", 0, "address cannot be read", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, err := tt.by.Post(t.Context(), tt.url, map[string]string{"X-Test": "a"}, []byte("{}"))
			said := ""
			if err != nil {
				said = err.Error()
			}
			if status != tt.status || said != tt.err {
				t.Errorf("%d, %q; want %d, %q", status, said, tt.status, tt.err)
			}
			asked := false
			select {
			case got := <-seen:
				asked = got == "a {}"
			default:
			}
			if asked != tt.asked {
				t.Errorf("the server was asked: %v", asked)
			}
		})
	}
}
