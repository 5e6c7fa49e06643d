//go:build unix && !linux

package postgres

import "syscall"

// dieWithParent does nothing here: the next keeper takes over a server that its own left behind.
func dieWithParent(*syscall.SysProcAttr, syscall.Signal) {}
