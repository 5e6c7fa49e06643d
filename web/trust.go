package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/template"
	"time"

	"cho40/qrgen"

	"github.com/labstack/echo/v4"
)

// Authority is a local certificate authority as phones are told about it.
type Authority struct {
	Name        string // as phones call it
	DER         []byte
	Fingerprint string // SHA-256, as phones show it
	Until       time.Time
}

// Clear is what is said without TLS where there is TLS.
type Clear struct {
	Now func() time.Time
	Log *slog.Logger
	// Ways are the addresses of this answer and of the service for whoever came to a host: clear begins with http, secure with https.
	Ways func(host string) (clear, secure *url.URL)
	// Authority is the one to trust; nil: browsers trust the certificate as it is.
	Authority *Authority
}

// ClearHandler sends readers on to the service over HTTPS. With a local authority its front page says first how a phone learns to
// trust it, and hands over the certificate.
func ClearHandler(c Clear) http.Handler {
	s := &Server{now: c.Now, log: c.Log, pages: parsed(), https: httpsFor}
	e := s.door()
	e.Use(address, plainBody)
	onward := func(e echo.Context) error {
		_, secure := c.Ways(e.Request().Host)
		return elsewhere(e, secure)
	}
	e.RouteNotFound("/*", onward)
	e.GET("/healthz", func(c echo.Context) error { return c.String(http.StatusOK, "ok\n") })
	if c.Authority == nil {
		return e
	}
	e.GET("/", func(e echo.Context) error { return s.trustPage(e, c) })
	e.GET("/static/*", s.static)
	e.GET("/language/:lang", s.chooseLanguage)
	e.GET("/address.svg", func(e echo.Context) error {
		clear, _ := c.Ways(e.Request().Host)
		symbol, err := qrgen.NewSymbol(clear.String())
		if err != nil {
			return err
		}
		return e.Blob(http.StatusOK, "image/svg+xml", symbol.SVG())
	})
	e.GET("/cho40-ca.crt", func(e echo.Context) error {
		e.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="cho40-ca.crt"`)
		return e.Blob(http.StatusOK, "application/x-x509-ca-cert", c.Authority.DER)
	})
	e.GET("/cho40-ca.mobileconfig", func(e echo.Context) error {
		profile, err := c.Authority.profile()
		if err != nil {
			return err
		}
		e.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="cho40-ca.mobileconfig"`)
		return e.Blob(http.StatusOK, "application/x-apple-aspen-config", profile)
	})
	return e
}

type trustPage struct {
	frame
	Authority
	Clear, Secure string
}

// Groups are the fingerprint in eight parts, as eyes compare it.
func (a Authority) Groups() []string {
	pairs := strings.Split(a.Fingerprint, ":")
	var all []string
	for part := range slices.Chunk(pairs, 4) {
		all = append(all, strings.Join(part, ":"))
	}
	return all
}

// trustPage walks somebody with a phone through it.
func (s *Server) trustPage(c echo.Context, with Clear) error {
	clear, secure := with.Ways(c.Request().Host)
	return s.show(c, http.StatusOK, "trust.html", trustPage{s.frame(c, language(c).T("Prepare your phone"), nil, ""), *with.Authority, clear.String(), secure.String() + "/"})
}

// profile is the authority as iPhones take one: a configuration profile, which goes by itself when the authority ends. Its
// identifiers follow from the certificate, so that the same one replaces itself.
func (a Authority) profile() ([]byte, error) {
	sum := sha256.Sum256(a.DER)
	identifier := func(of string) string {
		h := sha256.Sum256([]byte(of + string(sum[:])))
		h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80 // RFC 9562, version 8
		x := hex.EncodeToString(h[:16])
		return x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]
	}
	var b bytes.Buffer
	err := mobileconfig.Execute(&b, map[string]string{
		"Name": a.Name, "Certificate": base64.StdEncoding.EncodeToString(a.DER), "Until": a.Until.UTC().Format(time.RFC3339),
		"Outer": identifier("profile"), "Inner": identifier("root"),
	})
	return b.Bytes(), err
}

// Apple's "Configuration Profile Reference", payload com.apple.security.root.
var mobileconfig = template.Must(template.New("").Parse(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>PayloadType</key><string>Configuration</string>
	<key>PayloadVersion</key><integer>1</integer>
	<key>PayloadIdentifier</key><string>cho40.{{.Outer}}</string>
	<key>PayloadUUID</key><string>{{.Outer}}</string>
	<key>PayloadDisplayName</key><string>{{html .Name}}</string>
	<key>PayloadDescription</key><string>Private addresses such as 192.168.x.x and names such as laptop.local only.</string>
	<key>PayloadRemovalDisallowed</key><false/>
	<key>RemovalDate</key><date>{{.Until}}</date>
	<key>PayloadContent</key>
	<array>
		<dict>
			<key>PayloadType</key><string>com.apple.security.root</string>
			<key>PayloadVersion</key><integer>1</integer>
			<key>PayloadIdentifier</key><string>cho40.{{.Inner}}</string>
			<key>PayloadUUID</key><string>{{.Inner}}</string>
			<key>PayloadDisplayName</key><string>{{html .Name}}</string>
			<key>PayloadCertificateFileName</key><string>cho40-ca.crt</string>
			<key>PayloadContent</key><data>{{.Certificate}}</data>
		</dict>
	</array>
</dict>
</plist>
`))
