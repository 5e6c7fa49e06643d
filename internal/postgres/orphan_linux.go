package postgres

import "syscall"

// dieWithParent sends the child sig when the thread that started it ends.
func dieWithParent(attr *syscall.SysProcAttr, sig syscall.Signal) { attr.Pdeathsig = sig }
