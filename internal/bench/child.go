package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// A child is this program again, in a process of its own: what it needs of memory and processor is then known, and no
// way to print leaves its garbage to the next.

// shelfFile is the number under which a child finds the shelf open.
const shelfFile = 3

// inChild prints n placards in a child, again and again until least has passed; the sample is of one time.
func inChild(way string, n int, least time.Duration) (sample, error) {
	s, err := store()
	if err != nil {
		return sample{}, err
	}
	return childWith(way, n, least, s.file)
}

// childWith starts the program again, with a file at shelfFile or none and more variables, and takes its sample.
func childWith(way string, n int, least time.Duration, shelf *os.File, env ...string) (sample, error) {
	program, err := os.Executable()
	if err != nil {
		return sample{}, err
	}
	child := exec.Command(program, "-child", way, "-n", strconv.Itoa(n), "-time", least.String())
	if shelf != nil {
		child.ExtraFiles = []*os.File{shelf}
	}
	child.Env = append(os.Environ(), env...)
	child.Stderr = os.Stderr
	out, err := child.Output()
	if err != nil {
		return sample{}, err
	}
	var got sample
	return got, json.Unmarshal(out, &got)
}

// serveChild is the child's side. The first placard is printed before the clock starts: a server has read its fonts
// long before somebody prints.
func serveChild(out io.Writer, name string, n int, least time.Duration) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50) // as the program itself
	}
	if w, ok := exporting(name); ok {
		return serveExport(out, w, n, least)
	}
	if name == wholeImport {
		return serveImport(out, least)
	}
	w, err := wayOf(name)
	if err != nil {
		return err
	}
	s := &shelf{os.NewFile(shelfFile, "symbols"), shelved}
	if err := w.print(io.Discard, s, 0, 1); err != nil {
		return err
	}
	var (
		times   int
		written atomic.Uint64
		start   = time.Now()
		before  = processorTime()
	)
	for times == 0 || time.Since(start) < least {
		var work errgroup.Group
		work.SetLimit(workers)
		for from := 0; from < n; from += w.perFile {
			work.Go(func() error { return w.print(counter{&written}, s, from, min(w.perFile, n-from)) })
		}
		if err := work.Wait(); err != nil {
			return err
		}
		times++
	}
	wall, cpu := time.Since(start), processorTime()-before
	return json.NewEncoder(out).Encode(sample{
		Ops: n, Wall: wall / time.Duration(times), CPU: cpu / time.Duration(times),
		Peak: peak(), Output: written.Load() / uint64(times),
	})
}

// counter takes what is written to it for printed.
type counter struct{ *atomic.Uint64 }

func (c counter) Write(p []byte) (int, error) { c.Add(uint64(len(p))); return len(p), nil }

// processorTime is what this process has used so far, in its own code and in the kernel's.
func processorTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// peak is the most memory this process ever held, 0 where there is no /proc. The Maxrss of getrusage is not that: a
// child starts out with the one of the process it was forked from.
func peak() uint64 {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		var kibibytes uint64
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kibibytes); err == nil {
			return kibibytes << 10
		}
	}
	return 0
}
