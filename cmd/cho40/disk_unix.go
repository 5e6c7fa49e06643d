//go:build linux || darwin

package main

import "golang.org/x/sys/unix"

// freeSpace is how much a disk still takes, in bytes, where a folder lies.
func freeSpace(folder string) (uint64, error) {
	var s unix.Statfs_t
	err := unix.Statfs(folder, &s)
	return uint64(s.Bavail) * uint64(s.Bsize), err
}
