// Package id gives every sort of record its own type of identifier, so that a stall's does not compile where a vendor's is due.
package id

import (
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
)

// ID is a UUID, version 7 where we mint it, of a record of type T. The zero ID is no record.
type ID[T any] struct{ u uuid.UUID }

// New mints an ID. Those of one process sort by the time they were made.
func New[T any]() ID[T] {
	return ID[T]{uuid.Must(uuid.NewV7())}
}

// Parse reads the 36-character form and refuses every other, so that one record has one spelling.
func Parse[T any](s string) (ID[T], error) {
	if len(s) != 36 {
		return ID[T]{}, fmt.Errorf("an identifier has 36 characters, this has %d", len(s))
	}
	u, err := uuid.Parse(s)
	return ID[T]{u}, err
}

// IsZero reports whether the ID names no record.
func (i ID[T]) IsZero() bool { return i.u == uuid.Nil }

// String is the 36-character form; empty for the zero ID.
func (i ID[T]) String() string {
	if i.IsZero() {
		return ""
	}
	return i.u.String()
}

// MarshalText writes the 36-character form.
func (i ID[T]) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText reads what MarshalText wrote; empty text is the zero ID.
func (i *ID[T]) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*i = ID[T]{}
		return nil
	}
	v, err := Parse[T](string(b))
	if err == nil {
		*i = v
	}
	return err
}

// UUIDValue stores the ID; the zero ID is NULL.
func (i ID[T]) UUIDValue() (pgtype.UUID, error) {
	return pgtype.UUID{Bytes: i.u, Valid: !i.IsZero()}, nil
}

// ScanUUID reads the ID; NULL is the zero ID.
func (i *ID[T]) ScanUUID(v pgtype.UUID) error {
	if !v.Valid {
		*i = ID[T]{}
		return nil
	}
	i.u = v.Bytes
	return nil
}
