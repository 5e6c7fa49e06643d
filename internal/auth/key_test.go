package auth_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"cho40/internal/auth"
	"cho40/internal/fault"
	registry "cho40/vendor_registry"
)

func TestAddKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tt := range []struct {
		name, key string
		expires   time.Duration
		want      string
		until     time.Duration
	}{
		{"as long as may be", "máy in", 0, "", auth.KeyLongest},
		{"a day", "báo cáo", 24 * time.Hour, "", 24 * time.Hour},
		{"the same name again", "báo cáo", time.Hour, "", time.Hour},
		{"a year and a second", "x", auth.KeyLongest + time.Second, "key-invalid", 0},
		{"in the past", "x", -time.Hour, "key-invalid", 0},
		{"no name", "", 0, "key-invalid", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			secret, k, err := w.AddKey(t.Context(), registry.Console(), tt.key, []registry.Grant{clerkVT}, tt.expires)
			wantCode(t, err, tt.want)
			if err != nil {
				return
			}
			if !strings.HasPrefix(secret, "cho40_") || len(secret) != len("cho40_")+64 || !strings.HasPrefix(secret, k.Prefix) || len(k.Prefix) > 16 {
				t.Errorf("a key of %d characters, prefix %q", len(secret), k.Prefix)
			}
			if got := k.ExpiresAt.Sub(w.now()); got != tt.until {
				t.Errorf("expires after %v, want %v", got, tt.until)
			}
		})
	}
	keys, err := w.Keys(t.Context())
	if err != nil || len(keys) != 3 || keys[2].Name != "máy in" || keys[0].CreatedBy != "console" || !slices.Equal(keys[0].Grants, []registry.Grant{clerkVT}) {
		t.Errorf("keys = %+v, %v", keys, err)
	}
}

func TestKeyActor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	add := func(t *testing.T) (string, auth.Key) {
		t.Helper()
		secret, k, err := w.AddKey(ctx, registry.Console(), "máy", []registry.Grant{clerkVT}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return secret, k
	}
	refused := func(t *testing.T, secret string) {
		t.Helper()
		if _, err := w.KeyActor(ctx, secret, ""); fault.KindOf(err) != fault.Unauthenticated {
			t.Errorf("err = %v, want Unauthenticated", err)
		}
	}

	t.Run("works until it expires", func(t *testing.T) {
		secret, k := add(t)
		w.pass(time.Hour - time.Second)
		by, err := w.KeyActor(ctx, secret, "req-9")
		if err != nil || by.ID != "key:"+k.ID.String() || by.Name != "máy" || by.Via != "api" || by.RequestID != "req-9" || !slices.Equal(by.Grants, k.Grants) {
			t.Errorf("actor = %+v, %v", by, err)
		}
		w.pass(time.Second)
		refused(t, secret)
	})
	t.Run("use is written once a minute", func(t *testing.T) {
		secret, k := add(t)
		used := func() time.Duration {
			if _, err := w.KeyActor(ctx, secret, ""); err != nil {
				t.Fatal(err)
			}
			keys, err := w.Keys(ctx)
			i := slices.IndexFunc(keys, func(o auth.Key) bool { return o.ID == k.ID })
			if err != nil || i < 0 || keys[i].UsedAt == nil {
				t.Fatal(err, keys)
			}
			return keys[i].UsedAt.Sub(k.CreatedAt)
		}
		first := used()
		w.pass(59 * time.Second)
		second := used()
		w.pass(time.Second)
		if third := used(); first != 0 || second != 0 || third != time.Minute {
			t.Errorf("used after %v, %v, %v; want 0, 0, 1m", first, second, third)
		}
	})
	t.Run("grants as they are now", func(t *testing.T) {
		secret, k := add(t)
		w.exec(t, `UPDATE grants SET ends_at = $1 WHERE key_id = $2`, w.now(), k.ID)
		if by, err := w.KeyActor(ctx, secret, ""); err != nil || len(by.Grants) != 0 {
			t.Errorf("grants = %v, %v", by.Grants, err)
		}
	})
	for name, which := range map[string]func(string, auth.Key) string{
		"its ID":     func(_ string, k auth.Key) string { return k.ID.String() },
		"its prefix": func(_ string, k auth.Key) string { return k.Prefix },
		"itself":     func(s string, _ auth.Key) string { return s },
	} {
		t.Run("revoked by "+name, func(t *testing.T) {
			secret, k := add(t)
			got, err := w.RevokeKey(ctx, registry.Console(), which(secret, k))
			if err != nil || got.ID != k.ID || got.RevokedAt == nil {
				t.Fatalf("revoked %+v, %v", got, err)
			}
			refused(t, secret)
			w.pass(time.Minute)
			again, err := w.RevokeKey(ctx, registry.Console(), which(secret, k))
			if err != nil || !again.RevokedAt.Equal(*got.RevokedAt) {
				t.Errorf("again: %v, %v", again.RevokedAt, err)
			}
		})
	}
	t.Run("two of one prefix", func(t *testing.T) {
		_, a := add(t)
		_, b := add(t)
		w.exec(t, `UPDATE keys SET prefix = $1 WHERE id = $2`, a.Prefix, b.ID)
		_, err := w.RevokeKey(ctx, registry.Console(), a.Prefix)
		wantCode(t, err, "key-ambiguous")
	})
	t.Run("by somebody who may not", func(t *testing.T) {
		secret, k := add(t)
		_, err := w.RevokeKey(ctx, w.actor(t, "thư ký", clerkVT), k.Prefix)
		wantCode(t, err, "grant-not-allowed")
		_, err = w.RevokeKey(ctx, w.actor(t, "nơi khác", grant("manager", "market:HP")), k.Prefix)
		wantCode(t, err, "key-not-found")
		if _, err := w.KeyActor(ctx, secret, ""); err != nil {
			t.Error(err)
		}
		if _, err := w.RevokeKey(ctx, w.actor(t, "quản lý", managerVT), k.Prefix); err != nil {
			t.Error(err)
		}
	})
	t.Run("unknown", func(t *testing.T) {
		refused(t, "cho40_"+strings.Repeat("0", 64))
		_, err := w.RevokeKey(ctx, registry.Console(), "cho40_00000000")
		wantCode(t, err, "key-not-found")
	})
}
