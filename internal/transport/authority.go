package transport

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"cho40/internal/fault"
)

// How long what the authority signs is good for. A phone whose clock is off by a day still agrees.
const (
	authorityLives   = 2 * 365 * 24 * time.Hour // iOS takes at most 825 days below an authority that its owner added
	authorityRenewed = 30 * 24 * time.Hour      // before its end
	serverLives      = 7 * 24 * time.Hour
	clocksDiffer     = 24 * time.Hour
)

// Authority signs certificates for this machine alone. Whoever adds it to a phone trusts it for private addresses, for names
// such as laptop.local and for nothing on the internet: its certificates say so (RFC 5280, name constraints).
//
// There are two of them. The root is what phones are told to trust; its key signed the second and was forgotten. The second
// signs what the server shows. RFC 5280 does not ask phones to hold a root to its constraints, it does for those below: so even who
// steals the key, which is the second's, can speak for no bank.
type Authority struct {
	root  *x509.Certificate
	cert  *x509.Certificate // the second
	key   *ecdsa.PrivateKey
	hosts []string // that were asked for
	now   func() time.Time
	log   *slog.Logger

	mu    sync.Mutex
	shown *tls.Certificate
}

// OpenAuthority reads the authority in dir, or makes one: with its key in one file that only its owner may read. A certificate
// is for this machine's addresses and name, and for these hosts besides.
//
// Faults: Conflict authority-open, authority-broken, authority-host; Invalid host.
func OpenAuthority(dir string, hosts []string, now func() time.Time, log *slog.Logger) (*Authority, error) {
	hosts = slices.Clone(hosts)
	for i, h := range hosts {
		hosts[i] = strings.ToLower(strings.TrimSuffix(h, "."))
		if a, err := netip.ParseAddr(hosts[i]); err == nil && isPrivate(a) || below(hosts[i], local) || label(hosts[i]) {
			continue
		}
		return nil, fault.New(fault.Invalid, "host", "%q is no host of a private network. It looks like 192.168.1.5, laptop or laptop.local; for a public name there is --acme.", h)
	}
	path := filepath.Join(dir, "local-authority.pem")
	a, err := readAuthority(path)
	if errors.Is(err, fs.ErrNotExist) {
		a, err = makeAuthority(path, hosts, now())
	} else if err == nil && a.cert.NotAfter.Before(now().Add(authorityRenewed)) {
		log.Warn("the local authority ends: a new one is made, which each phone has to be told to trust", "until", a.cert.NotAfter)
		if err = os.Rename(path, path+".old"); err == nil {
			a, err = makeAuthority(path, hosts, now())
		}
	}
	if err != nil {
		return nil, err
	}
	for _, h := range hosts {
		if _, err := netip.ParseAddr(h); err != nil && !below(h, a.cert.PermittedDNSDomains) {
			return nil, fault.New(fault.Conflict, "authority-host", "The local authority was made without the name %s, and phones hold it to that. Use an address, or a name that ends in .local.", h)
		}
	}
	a.hosts, a.now, a.log = hosts, now, log
	_, err = a.certificate(netip.Addr{})
	return a, err
}

func readAuthority(path string) (*Authority, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fault.New(fault.Conflict, "authority-open", "Others may read %s, so they may have signed with it. Remove the file, start again, and take the old authority off the phones.", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	broken := func(err error) error {
		return fault.New(fault.Conflict, "authority-broken", "The local authority in %s cannot be read. Remove the file: a new one is made, which each phone has to be told to trust.", path).Because(err)
	}
	pair, err := tls.X509KeyPair(text, text)
	if err != nil {
		return nil, broken(err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA || len(pair.Certificate) != 2 {
		return nil, broken(errors.New("it is no authority"))
	}
	root, err := x509.ParseCertificate(pair.Certificate[1])
	if err == nil {
		err = pair.Leaf.CheckSignatureFrom(root)
	}
	if err != nil {
		return nil, broken(err)
	}
	return &Authority{root: root, cert: pair.Leaf, key: key}, nil
}

func makeAuthority(path string, hosts []string, now time.Time) (*Authority, error) {
	names := slices.Clone(local)
	for _, h := range append(slices.Clone(hosts), thisMachine()) {
		if label(h) && !slices.Contains(names, h) {
			names = append(names, h)
		}
	}
	of := "this machine"
	if m := thisMachine(); m != "" {
		of = m
	}
	authority := func(name string, further int) *x509.Certificate {
		return &x509.Certificate{
			Subject:               pkix.Name{CommonName: name, Organization: []string{"cho40"}},
			IsCA:                  true,
			BasicConstraintsValid: true,
			MaxPathLen:            further, // authorities below it
			MaxPathLenZero:        true,
			KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
			ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},

			PermittedDNSDomainsCritical: true, // all of them, not only the domains
			PermittedDNSDomains:         names,
			PermittedIPRanges:           ranges(),
		}
	}
	root := authority("cho40 "+of+" "+now.Format(time.DateOnly), 1)
	rootKey, rootDER, err := sign(root, nil, nil, now, authorityLives)
	if err != nil {
		return nil, err
	}
	if root, err = x509.ParseCertificate(rootDER); err != nil {
		return nil, err
	}
	key, der, err := sign(authority("cho40 "+of, 0), root, rootKey, now, authorityLives)
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	for _, b := range []pem.Block{{Type: "CERTIFICATE", Bytes: der}, {Type: "CERTIFICATE", Bytes: rootDER}, {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := pem.Encode(&text, &b); err != nil {
			return nil, err
		}
	}
	if err := writeOnce(path, text.Bytes()); err != nil {
		return nil, err
	}
	return readAuthority(path) // another service may have been faster
}

// writeOnce writes a whole file for its owner alone, unless there is one.
func writeOnce(path string, data []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*") // its mode is 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// sign makes a key and a certificate for it, by itself when there is no authority yet.
func sign(template, by *x509.Certificate, with *ecdsa.PrivateKey, now time.Time, lives time.Duration) (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return nil, nil, err
	}
	template.NotBefore, template.NotAfter = now.Add(-clocksDiffer), now.Add(lives)
	if by == nil {
		by, with = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by, &key.PublicKey, with)
	return key, der, err
}

func ranges() (all []*net.IPNet) {
	for _, p := range private {
		all = append(all, &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())})
	}
	return all
}

// thisMachine is the machine's own name in its network; empty when it has none that others could use.
func thisMachine() string {
	name, _ := os.Hostname()
	name, _, _ = strings.Cut(strings.ToLower(name), ".")
	if !label(name) {
		return ""
	}
	return name
}

// certificate is the one to show on a connection to this address of ours: a new one when the week is half over or the machine
// has moved to another network.
func (a *Authority) certificate(at netip.Addr) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	if a.shown != nil {
		leaf := a.shown.Leaf
		missing := at.IsValid() && isPrivate(at) && !slices.ContainsFunc(leaf.IPAddresses, func(ip net.IP) bool { return ip.Equal(net.IP(at.AsSlice())) })
		if !missing && now.Before(leaf.NotAfter.Add(-serverLives/2)) {
			return a.shown, nil
		}
	}
	template := &x509.Certificate{Subject: pkix.Name{CommonName: "cho40"}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	for _, h := range a.all() {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	template.DNSNames = append(template.DNSNames, "localhost")
	for _, more := range []netip.Addr{at, netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()} {
		if more.IsValid() && isPrivate(more) {
			template.IPAddresses = append(template.IPAddresses, net.IP(more.AsSlice()))
		}
	}
	key, der, err := sign(template, a.cert, a.key, now, serverLives)
	if err != nil {
		return nil, fmt.Errorf("sign a certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	a.shown = &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key, Leaf: leaf}
	a.log.Info("certificate signed", "for", hostsOf(leaf), "until", leaf.NotAfter)
	return a.shown, nil
}

// all are the hosts that people may be told: those asked for, the machine's addresses as they are now, its name.
func (a *Authority) all() []string {
	all := slices.Clone(a.hosts)
	add := func(h string) {
		if !slices.Contains(all, h) {
			all = append(all, h)
		}
	}
	for _, ip := range LAN() {
		add(ip.String())
	}
	if m := thisMachine(); m != "" {
		add(m + ".local")
		if below(m, a.cert.PermittedDNSDomains) {
			add(m)
		}
	}
	return all
}

// TLS is what a server shows.
func (a *Authority) TLS() *tls.Config {
	return &tls.Config{MinVersion: least, GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		var at netip.Addr
		if hello.Conn != nil {
			at = ofAddr(hello.Conn.LocalAddr())
		}
		return a.certificate(at)
	}}
}

// Hosts are the hosts to tell people.
func (a *Authority) Hosts() []string { return a.all() }

// DER is the root, which phones are told to trust.
func (a *Authority) DER() []byte { return a.root.Raw }

// Name is what phones call it.
func (a *Authority) Name() string { return a.root.Subject.CommonName }

// Until is when it ends.
func (a *Authority) Until() time.Time { return a.root.NotAfter }

// Fingerprint is the SHA-256 of the root as phones show it: 32 pairs of hexadecimal digits.
func (a *Authority) Fingerprint() string {
	return strings.ReplaceAll(fmt.Sprintf("% X", sha256.Sum256(a.root.Raw)), " ", ":")
}
