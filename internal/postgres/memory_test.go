//go:build unix

package postgres

import (
	"testing"
	"testing/fstest"
)

func TestBuffers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  int64 // MiB
	}{
		{"a machine that says nothing", nil, 0},
		{"a laptop", map[string]string{"proc/meminfo": "MemTotal:        8388608 kB\nMemFree:          100000 kB\n"}, 2048},
		{"a small board", map[string]string{"proc/meminfo": "MemTotal:         524288 kB\n"}, 0},
		{"a big server", map[string]string{"proc/meminfo": "MemTotal:      134217728 kB\n"}, 8192},
		{"a container", map[string]string{"proc/meminfo": "MemTotal:      134217728 kB\n", "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "1073741824\n"}, 256},
		{"a unit of a slice with a limit", map[string]string{"proc/meminfo": "MemTotal:      134217728 kB\n", "proc/self/cgroup": "0::/market.slice/cho40.service\n",
			"sys/fs/cgroup/market.slice/memory.max": "2147483648\n", "sys/fs/cgroup/market.slice/cho40.service/memory.max": "max\n"}, 512},
		{"an older container", map[string]string{"proc/meminfo": "MemTotal:        8388608 kB\n", "proc/self/cgroup": "9:cpu:/\n4:memory:/docker/a\n",
			"sys/fs/cgroup/memory/docker/a/memory.limit_in_bytes": "4294967296\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 1024},
		{"memory is taken at once", map[string]string{"proc/meminfo": "MemTotal:        8388608 kB\n", "proc/sys/vm/overcommit_memory": "2\n"}, 0},
	} {
		root := fstest.MapFS{}
		for name, text := range tt.files {
			root[name] = &fstest.MapFile{Data: []byte(text)}
		}
		if got := buffers(root); got != tt.want<<20 {
			t.Errorf("%s: %d MiB, want %d", tt.name, got>>20, tt.want)
		}
	}
}
