package coverage

import (
	"context"
	"time"

	"cho40/internal/postgres"
)

// From lets Share and History be read from a replica while it is not too far behind; nil: there is none. Everything else stays with the main
// database. Freshness then says how old a figure may be.
func (s *Service) From(replica *postgres.Replica) *Service {
	return &Service{db: s.db, now: s.now, replica: replica}
}

// fromReplica answers from the replica, and from the main database when there is none, it is behind, or anything at all is wrong: a market that was
// added a moment ago is not unknown.
func fromReplica[T any](ctx context.Context, s *Service, answer func(s *Service, age time.Duration) (T, error)) (T, error) {
	if s.replica != nil {
		if db, age, err := s.replica.Reader(ctx); err == nil {
			if out, err := answer(&Service{db: db, now: s.now}, age.Truncate(time.Microsecond)); err == nil {
				return out, nil
			}
		}
	}
	return answer(&Service{db: s.db, now: s.now}, 0)
}
