package transport

import (
	"crypto/tls"
	"crypto/x509"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"cho40/internal/fault"
)

// lookAgain is how soon files that somebody renewed are seen.
const lookAgain = time.Second

// Files is a certificate that somebody else renews. New files are shown from the next connection on.
type Files struct {
	cert, key string
	now       func() time.Time
	log       *slog.Logger

	mu     sync.Mutex
	pair   *tls.Certificate
	seen   [2]stamp // of the files as they were read, whether they were good or not
	looked time.Time
}

type stamp struct {
	at   time.Time
	size int64
}

// OpenFiles reads a certificate, with those that it hangs on behind it, and its key, both PEM.
//
// Faults: Invalid tls-files.
func OpenFiles(cert, key string, now func() time.Time, log *slog.Logger) (*Files, error) {
	f := &Files{cert: cert, key: key, now: now, log: log}
	if err := f.read(); err != nil {
		return nil, fault.New(fault.Invalid, "tls-files", "The certificate %s and the key %s cannot be used together. Both are PEM files, the certificate first, then those that it hangs on.", cert, key).Because(err)
	}
	if info, err := os.Stat(key); err == nil && info.Mode().Perm()&0o077 != 0 {
		log.Warn("others may read the key: chmod 600", "file", key)
	}
	return f, nil
}

// read takes the files as they are now.
func (f *Files) read() error {
	seen, err := f.stamps()
	if err != nil {
		return err
	}
	f.seen = seen
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return err
	}
	if pair.Leaf.NotAfter.Before(f.now()) {
		f.log.Warn("the certificate has expired", "file", f.cert, "until", pair.Leaf.NotAfter)
	}
	f.pair = &pair
	return nil
}

func (f *Files) stamps() (both [2]stamp, err error) {
	for i, path := range []string{f.cert, f.key} {
		var info fs.FileInfo
		if info, err = os.Stat(path); err != nil {
			return both, err
		}
		both[i] = stamp{info.ModTime(), info.Size()}
	}
	return both, nil
}

// shown is the pair to show. While one file is new and the other still old, the pair before stays.
func (f *Files) shown() *tls.Certificate {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := f.now(); now.Sub(f.looked) >= lookAgain {
		f.looked = now
		seen, err := f.stamps()
		if err == nil && seen != f.seen {
			if err = f.read(); err == nil {
				f.log.Info("certificate read again", "file", f.cert, "until", f.pair.Leaf.NotAfter)
			}
		}
		if err != nil {
			f.log.Warn("the new certificate cannot be used, the one before stays", "error", err)
		}
	}
	return f.pair
}

// TLS is what a server shows.
func (f *Files) TLS() *tls.Config {
	return &tls.Config{MinVersion: least, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return f.shown(), nil }}
}

// Hosts are the certificate's names, then its addresses.
func (f *Files) Hosts() []string { return hostsOf(f.shown().Leaf) }

func hostsOf(c *x509.Certificate) []string {
	all := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	return all
}
