package auth

import (
	"context"
	"fmt"

	"cho40/internal/id"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
)

// Retain lets go of what proves nothing any more: sessions that ended, links and doors that were used or whose time is over, phones whose
// enrolment is over, failures that count no more. Doing it again changes nothing.
func (s *Service) Retain(ctx context.Context) ([]registry.LetGo, error) {
	at := s.now()
	gone := []registry.LetGo{}
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		for _, t := range []struct {
			what, sql string
			args      pgx.StrictNamedArgs
		}{
			{"sessions", `DELETE FROM sessions s WHERE NOT (` + liveSession + `)`,
				pgx.StrictNamedArgs{"oldest": at.Add(-SessionLongest), "idle": at.Add(-SessionIdle)}},
			{"links", `DELETE FROM links WHERE expires_at <= @now OR used_at IS NOT NULL`, pgx.StrictNamedArgs{"now": at}},
			{"set_up_links", `DELETE FROM set_up_links WHERE expires_at <= @now OR used_at IS NOT NULL`, pgx.StrictNamedArgs{"now": at}},
			{"doors", `DELETE FROM doors WHERE expires_at <= @now`, pgx.StrictNamedArgs{"now": at}},
			{"phones", `DELETE FROM phones WHERE expires_at <= @now`, pgx.StrictNamedArgs{"now": at}},
			{"failures", `DELETE FROM sign_in_failures WHERE at <= @before`, pgx.StrictNamedArgs{"before": at.Add(-failuresKept)}},
		} {
			tag, err := tx.Exec(ctx, t.sql, t.args)
			if err != nil {
				return err
			}
			gone = append(gone, registry.LetGo{What: t.what, Rows: int(tag.RowsAffected())})
		}
		return registry.AuditRetention(ctx, tx, at, id.ID[registry.Market]{}, gone...)
	})
	if err != nil {
		return nil, fmt.Errorf("retention of sign-in: %w", err)
	}
	return gone, nil
}
