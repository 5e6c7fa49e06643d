//go:build unix

package postgres

import (
	"errors"
	"testing"
	"time"
)

// What was found of a replica is believed for a while: one too far behind is not read, and one that does not answer not asked.
func TestReplicaIsBelieved(t *testing.T) {
	t.Parallel()
	gone := errors.New("gone")
	for _, tt := range []struct {
		name  string
		age   time.Duration
		found error
		ago   time.Duration // since that was found
		want  error
	}{
		{"it is there", 0, nil, 0, nil},
		{"a little behind", ReplicaWithin - time.Second, nil, 0, nil},
		{"too far behind", ReplicaWithin + time.Second, nil, 0, ErrBehind},
		{"too far behind since it was asked", ReplicaWithin - lagEvery/4, nil, lagEvery / 2, ErrBehind},
		{"a server of its own", 0, ErrBehind, lagEvery / 2, ErrBehind},
		{"silent", 0, gone, silent / 2, gone},
	} {
		r := &Replica{age: tt.age, err: tt.found, asked: time.Now().Add(-tt.ago)}
		if _, _, err := r.Reader(t.Context()); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

// A server that follows nobody is no replica, whatever is in it: somebody made it a main one, or the address is wrong.
func TestAnotherServerIsNoReplica(t *testing.T) {
	t.Parallel()
	main, other := begin(t, folder(t)), begin(t, folder(t))
	defer main.end(t)
	defer other.end(t)
	pool, err := Open(t.Context(), main.url)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	r, err := OpenReplica(t.Context(), other.url, pool)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, _, err := r.Reader(t.Context()); !errors.Is(err, ErrBehind) {
		t.Errorf("it is read: %v", err)
	}
	same, err := OpenReplica(t.Context(), main.url, pool)
	if err != nil {
		t.Fatal(err)
	}
	defer same.Close()
	if _, age, err := same.Reader(t.Context()); err != nil || age > time.Second {
		t.Errorf("the main server itself: %v behind, %v", age, err)
	}
}
