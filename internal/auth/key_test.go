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

func TestRotateKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	manager := w.actor(t, "quản lý", managerVT)
	first, old, err := w.AddKey(ctx, manager, "máy in", []registry.Grant{clerkVT}, 30*24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	lives := func(t *testing.T, secret string, want bool) {
		t.Helper()
		if _, err := w.KeyActor(ctx, secret, ""); (err == nil) != want {
			t.Errorf("lives: %v, want %v", err, want)
		}
	}
	_, _, err = w.RotateKey(ctx, w.actor(t, "thư ký", clerkVT), "máy in")
	wantCode(t, err, "grant-not-allowed")
	_, _, err = w.RotateKey(ctx, w.actor(t, "nơi khác", grant("manager", "market:HP")), "máy in")
	wantCode(t, err, "key-not-found")
	w.pass(24 * time.Hour)
	second, k, err := w.RotateKey(ctx, manager, "máy in")
	if err != nil || k.Name != "máy in" || *k.Replaces != old.ID || !slices.Equal(k.Grants, old.Grants) || k.ExpiresAt.Sub(w.now()) != auth.KeyLongest {
		t.Fatalf("%+v, %v", k, err)
	}
	lives(t, first, true) // two are live
	lives(t, second, true)
	_, _, err = w.RotateKey(ctx, manager, "máy in")
	wantCode(t, err, "key-rotating")
	_, _, err = w.RotateKey(ctx, manager, old.Prefix)
	wantCode(t, err, "key-rotating") // a key has one heir
	w.pass(auth.KeyOverlap)
	lives(t, first, false)
	lives(t, second, true)
	third, _, err := w.RotateKey(ctx, manager, "máy in")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.RevokeKey(ctx, manager, k.Prefix); err != nil {
		t.Fatal(err)
	}
	lives(t, second, false)
	lives(t, third, true)
	_, _, err = w.RotateKey(ctx, manager, k.Prefix)
	wantCode(t, err, "key-over")
	if _, _, err := w.AddKey(ctx, manager, "máy in", []registry.Grant{clerkVT}, 0); err != nil {
		t.Fatal(err)
	}
	_, _, err = w.RotateKey(ctx, manager, "máy in")
	wantCode(t, err, "key-ambiguous")
	_, _, err = w.RotateKey(ctx, manager, "máy nào")
	wantCode(t, err, "key-not-found")
}

// A board sees the people and keys of its market, knows which it may touch, and nobody else's.
func TestListsOfPeopleAndKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	who := map[string]registry.Actor{
		"manager": w.actor(t, "1 quản lý", managerVT), "leader": w.actor(t, "2 tổ trưởng", grant("leader", "market:VT")),
		"officer": w.actor(t, "3 cán bộ", grant("officer", "area:92")), "admin": w.actor(t, "4 quản trị", admin),
		"clerk": w.actor(t, "5 thư ký", clerkVT), "far": w.actor(t, "6 xa", grant("manager", "market:HP")),
		"auditor": w.actor(t, "7 soát", grant("auditor", "all")), "volunteer": w.actor(t, "8 tình nguyện", grant("volunteer", "market:VT")),
	}
	for code, g := range map[string]registry.Grant{"k1": clerkVT, "k2": grant("clerk", "market:HP"), "k3": grant("partner", "provider:vcb")} {
		if _, _, err := w.AddKey(ctx, registry.Console(), code, []registry.Grant{g}, 0); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ by, people, keys, refused string }{ // digits of the people seen, + for those who are theirs
		{"manager", "1 2+ 5+ 8+", "k1+", ""},
		{"leader", "1 2 5 8+", "k1", ""},
		{"officer", "1+ 2+ 5+ 8+", "k1+", ""},
		{"admin", "1+ 2+ 3+ 4 5+ 6+ 7+ 8+", "k1+ k2+ k3+", ""},
		{"far", "6", "k2+", ""},
		{"clerk", "", "", "not-allowed"}, {"auditor", "", "", "not-allowed"}, {"volunteer", "", "", "not-allowed"},
	} {
		t.Run(tt.by, func(t *testing.T) {
			page, err := w.Colleagues(ctx, who[tt.by], "", registry.List{})
			wantCode(t, err, tt.refused)
			var said []string
			for _, c := range page.Items {
				mark := c.Name[:1]
				if c.Yours {
					mark += "+"
				}
				said = append(said, mark)
				if got, err := w.Colleague(ctx, who[tt.by], c.ID.String()); err != nil || got.Yours != c.Yours {
					t.Errorf("%s alone: %+v, %v", c.Name, got, err)
				}
			}
			if got := strings.Join(said, " "); got != tt.people {
				t.Errorf("people %q, want %q", got, tt.people)
			}
			keys, err := w.KeysFor(ctx, who[tt.by], registry.List{})
			wantCode(t, err, tt.refused)
			said = nil
			for _, k := range keys.Items {
				mark := k.Name
				if k.Yours {
					mark += "+"
				}
				said = append(said, mark)
			}
			slices.Sort(said)
			if got := strings.Join(said, " "); got != tt.keys {
				t.Errorf("keys %q, want %q", got, tt.keys)
			}
		})
	}
	_, err := w.Colleague(ctx, who["manager"], "6 xa")
	wantCode(t, err, "person-not-found")
	_, err = w.Colleagues(ctx, who["manager"], "", registry.List{Limit: 201})
	wantCode(t, err, "limit-invalid")
	// Page by page, and by words.
	names := ""
	for l := (registry.List{Limit: 3}); ; {
		page, err := w.Colleagues(ctx, who["admin"], "", l)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range page.Items {
			names += c.Name[:1]
		}
		if page.Next == nil {
			break
		}
		l.Cursor = *page.Next
	}
	if names != "12345678" {
		t.Errorf("page by page: %s", names)
	}
	page, err := w.Colleagues(ctx, who["admin"], "QUẢN", registry.List{})
	if err != nil || len(page.Items) != 2 {
		t.Errorf("words: %+v, %v", page.Items, err)
	}
}

func TestAmend(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	manager := w.actor(t, "quản lý", managerVT)
	w.actor(t, "Lan", clerkVT)
	seen, err := w.Colleague(ctx, manager, "Lan")
	if err != nil {
		t.Fatal(err)
	}
	yes := true
	leader := []registry.Grant{grant("leader", "market:VT")}
	for _, tt := range []struct {
		name, etag string
		in         auth.Amendment
		want       string
	}{
		{"no version", "", auth.Amendment{Disabled: &yes}, "version-needed"},
		{"an old version", `"0"`, auth.Amendment{Disabled: &yes}, "stale"},
		{"nothing", seen.ETag(), auth.Amendment{}, "amendment-invalid"},
		{"both", seen.ETag(), auth.Amendment{Disabled: &yes, Grants: leader}, "amendment-invalid"},
		{"no role", seen.ETag(), auth.Amendment{Grants: []registry.Grant{}}, "grants-invalid"},
		{"a role", seen.ETag(), auth.Amendment{Grants: leader}, ""},
		{"that version again", seen.ETag(), auth.Amendment{Disabled: &yes}, "stale"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := w.Amend(ctx, manager, seen.ID.String(), tt.etag, tt.in)
			wantCode(t, err, tt.want)
		})
	}
}
