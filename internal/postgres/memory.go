//go:build unix

package postgres

import (
	"io/fs"
	"path"
	"strconv"
	"strings"
)

const (
	leastBuffers = 128 << 20 // bytes; what PostgreSQL takes by itself
	mostBuffers  = 8 << 30
)

// buffers is in how many bytes of memory PostgreSQL is to keep pages: a quarter of what there is, as its manual advises for shared_buffers. They are taken
// only as pages come in. 0: as PostgreSQL does by itself, where there is little or nobody says how much. root is the machine's file system.
func buffers(root fs.FS) int64 {
	if text(root, "proc/sys/vm/overcommit_memory") == "2" { // there all of it is taken at once
		return 0
	}
	var all int64
	for line := range strings.Lines(text(root, "proc/meminfo")) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "MemTotal:" && f[2] == "kB" {
			kilobytes, _ := strconv.ParseInt(f[1], 10, 64)
			all = kilobytes << 10
		}
	}
	for _, file := range limits(root) {
		if n, err := strconv.ParseInt(text(root, file), 10, 64); err == nil && n < all {
			all = n
		}
	}
	if quarter := all / 4; quarter > leastBuffers {
		return min(quarter, mostBuffers)
	}
	return 0
}

// limits are the files that may hold a limit of memory set for this process: its control groups' and those above them.
func limits(root fs.FS) (files []string) {
	for line := range strings.Lines(text(root, "proc/self/cgroup")) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		for at := path.Clean("/" + parts[2]); ; at = path.Dir(at) {
			switch parts[1] {
			case "":
				files = append(files, path.Join("sys/fs/cgroup", at, "memory.max"))
			case "memory":
				files = append(files, path.Join("sys/fs/cgroup/memory", at, "memory.limit_in_bytes"))
			}
			if at == "/" {
				break
			}
		}
	}
	return files
}

// text is what a small file holds, empty if there is none.
func text(root fs.FS, file string) string {
	b, _ := fs.ReadFile(root, file)
	return strings.TrimSpace(string(b))
}
