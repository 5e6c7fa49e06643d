package auth

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestCheckPassword(t *testing.T) {
	t.Parallel()
	const name = "Nguyễn Thị Bưởi"
	for _, tt := range []struct{ name, password, want string }{
		{"words", "trâu ăn lúa ngoài ruộng", ""},
		{"random", "kV8#qz!mRw2T", ""},
		{"a word and enough else", "password kV8#qz", ""},
		{"emoji count one each", "🐃🌾🍚🐟🦆🌶️🥬🍋🥥🍍🐂🐓", ""},
		{"Khmer", "ស្រូវទឹកដោះគោផ្សារ", ""},
		{"two hundred", strings.Repeat("kV8#qz!mRw2T wòe", 12) + "12345678", ""},
		{"eleven", "kV8#qz!mRw2", "too-short"},
		{"eleven in many bytes", "ệệộộứứậậẫẫễ", "too-short"},
		{"empty", "", "too-short"},
		{"two hundred and one", strings.Repeat("kV8#qz!mRw2T wòe", 12) + "123456789", "too-long"},
		{"ten thousand", strings.Repeat("ệ", 10_000), "too-long"},
		{"NUL", "kV8#qz!mRw2T\x00", "bad-character"},
		{"no text", "kV8#qz!mRw2T\xff", "bad-character"},
		{"own name", "nguyễn thị bưởi 99", "holds-name"},
		{"own name written together", "xxNguyenThiBuoi1", "holds-name"},
		{"parts of the own name", "Bưởi@Nguyễn1", "common"},
		{"a phone number", "0912345016000", "digits"},
		{"one character", "aaaaaaaaaaaa", "common"},
		{"two taking turns", "abababababab", "common"},
		{"a word twice", "ruộng vịtruộng vịt", "common"},
		{"a password twice", "kV8#qz!mRw2TkV8#qz!mRw2T", ""},
		{"the alphabet", "abcdefghijkl", "common"},
		{"backwards", "zyxwvutsrqpo", "common"},
		{"a row of keys", "qwertyuiop12", "common"},
		{"a column of keys", "1qaz2wsx3edc", "common"},
		{"the word itself", "Password1234", "common"},
		{"in disguise", "P@ssw0rd!!!!", "common"},
		{"here", "Matkhau@123456", "common"},
		{"with accents", "Mật khẩu 2026", "common"},
		{"a place and a year", "HauGiang@2026!", "common"},
		{"a firm", "Viettel@12345", "common"},
		{"love", "anhyeuem12345", "common"},
		{"the famous one", "correct horse battery staple", "common"},
		{"blanks", "            ", "common"},
		{"the service", "cho40cho40cho40", "common"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			if bad := checkPassword(tt.password, name); len(bad) > 0 {
				got = bad[0].Code
			}
			if got != tt.want {
				t.Errorf("%q: %q, want %q (%d pieces)", tt.password, got, tt.want, pieces(noBlanks(letters(tt.password)), nil))
			}
		})
	}
}

func TestPiecesProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := letters(rapid.String().Draw(t, "a"))
		b := letters(rapid.String().Draw(t, "b"))
		n := pieces(a, nil)
		if n > len(a) || n == 0 && len(a) > 0 {
			t.Fatalf("%d pieces of %d characters", n, len(a))
		}
		if twice := pieces(slices.Concat(a, a, a), nil); twice > n+leastWord {
			t.Fatalf("repeating made %d pieces of %d", twice, n)
		}
		_ = checkPassword(string(a)+string(b), string(b)) // never panics
	})
}

// TestRandomPasswordsPass: what a password manager makes is never among the first to be guessed.
func TestRandomPasswordsPass(t *testing.T) {
	t.Parallel()
	for range 2000 {
		secret, _ := newSecret("")
		if bad := checkPassword(secret, "Nguyễn Thị Lan"); bad != nil {
			t.Fatalf("%q: %v", secret, bad)
		}
	}
}

func TestNobodysHashTakesTheSameWork(t *testing.T) {
	t.Parallel()
	s := New(nil, time.Now)
	hash, err := s.newHash(t.Context(), "trâu ăn lúa ngoài ruộng", "")
	if err != nil {
		t.Fatal(err)
	}
	cost := func(h string) []string { return strings.Split(h, "$")[:4] }
	if !slices.Equal(cost(*hash), cost(nobodysHash)) || len(*hash) != len(nobodysHash) {
		t.Errorf("somebody's %v, nobody's %v", cost(*hash), cost(nobodysHash))
	}
	for password, want := range map[string]bool{"trâu ăn lúa ngoài ruộng": true, "": false, "trâu": false, strings.Repeat("x", 10_000): false, "\xff": false} {
		if got, err := s.matches(t.Context(), password, *hash); got != want || err != nil {
			t.Errorf("%.20q matches: %v, %v; want %v", password, got, err, want)
		}
		if got, err := s.matches(t.Context(), password, nobodysHash); got || err != nil {
			t.Errorf("%.20q is nobody's: %v, %v", password, got, err)
		}
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)
	every := func(d time.Duration, n int) (at []time.Time) {
		for i := range n {
			at = append(at, start.Add(time.Duration(i)*d))
		}
		return at
	}
	for _, tt := range []struct {
		name     string
		failures []time.Time
		after    time.Duration // the last failure
		want     time.Duration
	}{
		{"none", nil, 0, 0},
		{"nine", every(time.Second, 9), 0, 0},
		{"ten", every(time.Second, 10), 0, 30 * time.Second},
		{"ten and a while", every(time.Second, 10), 10 * time.Second, 20 * time.Second},
		{"ten and long enough", every(time.Second, 10), 30 * time.Second, 0},
		{"eleven", every(time.Second, 11), 0, time.Minute},
		{"fourteen", every(time.Second, 14), 0, 8 * time.Minute},
		{"fifteen", every(time.Second, 15), 0, 15 * time.Minute},
		{"a hundred", every(time.Second, 100), 0, 15 * time.Minute},
		{"ten, just over the window", every(FailureWindow/9, 10), 0, 0},
		{"ten, just within", every(FailureWindow/9-time.Second, 10), 0, 30 * time.Second},
		{"slowly, all day", every(2*time.Minute, 700), 0, 0},
		{"the run goes on while its delays are waited out", append(every(time.Second, 15), start.Add(20*time.Minute), start.Add(40*time.Minute)), 0, 15 * time.Minute},
		{"and ends with calm", append(every(time.Second, 15), start.Add(31*time.Minute)), 0, 0},
		{"a clock that went back", every(time.Second, 15), -time.Hour, 15 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			now := start
			if n := len(tt.failures); n > 0 {
				now = tt.failures[n-1]
			}
			if got := wait(now.Add(tt.after), tt.failures); got != tt.want {
				t.Errorf("wait = %v, want %v", got, tt.want)
			}
		})
	}
}

// TestGuessesADay: whoever tries as often as the brake allows gets few guesses, however patient.
func TestGuessesADay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)
		end := now.Add(failuresKept)
		pause := time.Duration(rapid.Int64Range(0, int64(3*calm)).Draw(t, "pause"))
		burst := rapid.IntRange(1, 40).Draw(t, "burst")
		var failures []time.Time
		for n := 0; now.Before(end); n++ {
			if n%burst == burst-1 {
				now = now.Add(pause)
			}
			d := wait(now, failures)
			if d < 0 || d > LongestDelay {
				t.Fatalf("wait = %v", d)
			}
			now = now.Add(d + time.Second)
			failures = append(failures, now)
		}
		// The most: nine in each window, without ever being braked.
		if most := 10 * int(failuresKept/FailureWindow); len(failures) > most {
			t.Fatalf("%d guesses, want at most %d", len(failures), most)
		}
	})
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, address, want string }{
		{"IPv4", "192.0.2.1", "192.0.2.1"},
		{"IPv4 in IPv6", "::ffff:192.0.2.1", "192.0.2.1"},
		{"with a port", "192.0.2.1:5000", "192.0.2.1"},
		{"IPv6", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
		{"IPv6 with a port", "[2001:db8:1:2::1]:443", "2001:db8:1:2::/64"},
		{"IPv6 with a zone", "fe80::1%eth0", "fe80::/64"},
		{"none", "", ""},
		{"something else", "Unix", "unix"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := network(tt.address); got != tt.want {
				t.Errorf("network(%q) = %q, want %q", tt.address, got, tt.want)
			}
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "address")
		a, _ := netip.AddrFromSlice(b)
		b[15]++
		c, _ := netip.AddrFromSlice(b)
		if same := network(a.String()) == network(c.String()); same == a.Is4In6() {
			t.Fatalf("%v and %v are one network: %v", a, c, same)
		}
	})
}
