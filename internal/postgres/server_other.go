//go:build !unix

package postgres

import (
	"context"
	"os"

	"cho40/internal/fault"
)

// Server does not exist here.
type Server struct{}

// Start runs nothing here.
//
// Faults: NotFound postgres-unix.
func Start(context.Context, string) (*Server, error) {
	return nil, fault.New(fault.NotFound, "postgres-unix", "The embedded database runs on Linux and macOS. Set DATABASE_URL to a PostgreSQL server, or use WSL.")
}

// StartThrowaway runs nothing here.
func StartThrowaway(ctx context.Context, dir string, _ int) (*Server, error) { return Start(ctx, dir) }

// URL is empty.
func (*Server) URL() string { return "" }

// Stop does nothing.
func (*Server) Stop() error { return nil }

// DefaultDir is empty.
func DefaultDir() (string, error) { return "", nil }

// MakeDir makes a folder for what is kept beside a database.
//
// Faults: Conflict data-folder.
func MakeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fault.New(fault.Conflict, "data-folder", "%s cannot be used: %s. Set CHO40_DATA to another folder.", dir, err)
	}
	return nil
}

// Cache is empty.
func Cache() string { return "" }
