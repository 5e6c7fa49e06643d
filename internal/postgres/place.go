//go:build unix

package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"cho40/internal/fault"
)

// DefaultDir is where the embedded server lives when nothing else is said: cho40 in the user's data folder, and
// /var/lib/cho40 for root, whose own folders the server may not enter.
//
// Faults: Invalid data-folder.
func DefaultDir() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/lib/cho40", nil
	}
	if d := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(d) {
		return filepath.Join(d, "cho40"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fault.New(fault.Invalid, "data-folder", "There is no home folder to keep the data in. Set CHO40_DATA to a folder.").Because(err)
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Application Support", "cho40"), nil
	}
	return filepath.Join(home, ".local", "share", "cho40"), nil
}

// place is where the files of one embedded server are.
type place struct {
	dir  string // absolute
	data string // PGDATA
	run  string // both sockets; short, since the kernel allows a socket 104 bytes
	lock string // held by the keeper
	log  string
}

// longestRun bounds the socket folder's path in bytes, leaving room for the socket's name.
const longestRun = 80

func placeAt(dir string) (place, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return place{}, err
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real // two names of one folder have one socket
	}
	p := place{dir: dir, data: filepath.Join(dir, "postgres")}
	p.run, p.lock, p.log = p.data+".run", p.data+".lock", p.data+".log"
	if len(p.run) > longestRun || strings.ContainsAny(p.run, ",\n") { // a comma in an address separates hosts
		sum := sha256.Sum256([]byte(dir))
		p.run = "/tmp/cho40-" + hex.EncodeToString(sum[:8])
	}
	return p, nil
}

func (p place) keeperSocket() string { return filepath.Join(p.run, "keeper") }

// url names everything, so that nothing is taken from the caller's PG* variables.
func (p place) url() string {
	q := url.Values{"host": {p.run}, "port": {"5432"}, "user": {superuser}, "sslmode": {"disable"}}
	return "postgres:///postgres?" + strings.ReplaceAll(q.Encode(), "+", "%20") // a plus is a plus to pgx
}

// account is the user whom the server runs as and its files belong to.
type account struct {
	name     string
	uid, gid int
}

// accountFor is the caller, unless that is root, as whom PostgreSQL refuses to run: then the owner of the data, or
// postgres, or nobody.
func accountFor(data string) (account, error) {
	info, err := os.Stat(data)
	owner := -1
	if err == nil {
		owner = int(info.Sys().(*syscall.Stat_t).Uid)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return account{}, unusable(data, err)
	}
	me := os.Geteuid()
	switch {
	case owner >= 0 && me != 0 && owner != me:
		return account{}, fault.New(fault.Conflict, "data-owner", "The data in %s belongs to user %s. Run this as that user or as root.", data, userName(owner))
	case me != 0:
		return account{userName(me), me, os.Getegid()}, nil
	case owner > 0:
		return lookup(strconv.Itoa(owner), user.LookupId)
	case owner == 0:
		if left, err := os.ReadDir(data); err != nil || len(left) > 0 {
			return account{}, fault.New(fault.Conflict, "data-owner", "The data in %s belongs to root, as whom PostgreSQL does not run. Give it away: chown -R postgres %s", data, data)
		}
	}
	if a, err := accountOf("postgres"); err == nil {
		return a, nil
	}
	return accountOf("nobody")
}

// accountOf is the account of that name.
func accountOf(name string) (account, error) { return lookup(name, user.Lookup) }

func lookup(key string, by func(string) (*user.User, error)) (account, error) {
	u, err := by(key)
	if err != nil {
		return account{}, fault.New(fault.Conflict, "data-owner", "PostgreSQL does not run as root, and there is no user %s to run it as. Add a user named postgres.", key).Because(err)
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	return account{u.Username, uid, gid}, errors.Join(err1, err2)
}

func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return strconv.Itoa(uid)
}

// credential makes a child run as a; nil when that is who we are.
func (a account) credential() *syscall.Credential {
	if os.Geteuid() != 0 {
		return nil
	}
	return &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
}

// MakeDir makes a folder for the embedded server, and for what is kept beside it: whom the server runs as may pass through.
//
// Faults: Conflict data-folder, Busy disk-full.
func MakeDir(dir string) error {
	mode := fs.FileMode(0o700)
	if os.Geteuid() == 0 {
		mode = 0o711
	}
	if err := os.MkdirAll(dir, mode); err != nil {
		return unusable(dir, err)
	}
	return nil
}

// make makes the folder, through which a may pass.
func (p place) make(a account) error {
	if err := MakeDir(p.dir); err != nil {
		return err
	}
	return a.mayPass(p.dir)
}

// ownFolder makes path a folder of a's alone. A socket folder below /tmp has a name that others can guess, so what is
// there already must be a's too.
func (a account) ownFolder(path string) error {
	err := os.Mkdir(path, 0o700)
	if err == nil {
		return os.Lchown(path, a.uid, a.gid)
	}
	if !errors.Is(err, fs.ErrExist) {
		return unusable(path, err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		return unusable(path, err)
	}
	owner := int(info.Sys().(*syscall.Stat_t).Uid)
	if owner == 0 && os.Geteuid() == 0 && info.IsDir() { // made by a run that was killed before it gave it away
		return os.Lchown(path, a.uid, a.gid)
	}
	if !info.IsDir() || owner != a.uid || info.Mode().Perm()&0o077 != 0 {
		return fault.New(fault.Conflict, "data-folder", "%s must be a folder of user %s alone, with mode 0700. Remove it and start again.", path, a.name)
	}
	return nil
}

// mayPass reports which part of path keeps a from reaching what is in it.
func (a account) mayPass(path string) error {
	if os.Geteuid() != 0 {
		return nil // the system itself will say
	}
	for at := path; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if err != nil {
			return unusable(at, err)
		}
		st, perm := info.Sys().(*syscall.Stat_t), info.Mode().Perm()
		pass := perm & 0o001
		if int(st.Uid) == a.uid {
			pass = perm & 0o100
		} else if int(st.Gid) == a.gid {
			pass = perm & 0o010
		}
		if pass == 0 {
			return fault.New(fault.Conflict, "folder-closed", "PostgreSQL runs as user %s, who may not pass %s on the way to %s. Let them pass (chmod o+x), choose a folder below /var/lib, or run this as an ordinary user.", a.name, at, path)
		}
		if at == filepath.Dir(at) {
			return nil
		}
	}
}

// open opens, and if need be makes, a file of a's. A link in its place is not followed.
func (a account) open(path string, flags int) (*os.File, error) {
	f, err := os.OpenFile(path, flags|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, unusable(path, err)
	}
	if os.Geteuid() == 0 {
		err = f.Chown(a.uid, a.gid)
	}
	if err != nil {
		f.Close()
		return nil, unusable(path, err)
	}
	return f, nil
}

func unusable(path string, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fault.New(fault.Conflict, "data-folder", "User %s may not use %s. Run this as its owner, or set CHO40_DATA to another folder.", userName(os.Geteuid()), path).Because(err)
	}
	if errors.Is(err, syscall.ENOSPC) {
		return fault.New(fault.Busy, "disk-full", "The disk that holds %s is full. Make room and start again.", path).Because(err)
	}
	return fault.New(fault.Conflict, "data-folder", "%s cannot be used: %s. Set CHO40_DATA to another folder.", path, reason(err))
}

// reason is err without the path, which the sentence names already.
func reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return strings.TrimSpace(fmt.Sprint(err))
}
