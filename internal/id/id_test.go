package id_test

import (
	"encoding/json"
	"testing"

	"cho40/internal/id"
)

type thing struct{}

func TestIDsSortByTheTimeTheyWereMade(t *testing.T) {
	last := ""
	for range 1000 {
		now := id.New[thing]().String()
		if now <= last {
			t.Fatalf("%s was made after %s", now, last)
		}
		if now[14] != '7' {
			t.Fatalf("%s is no UUID of version 7", now)
		}
		last = now
	}
}

func TestParse(t *testing.T) {
	good := id.New[thing]()
	if got, err := id.Parse[thing](good.String()); err != nil || got != good {
		t.Errorf("Parse(%s) = %v, %v", good, got, err)
	}
	for _, bad := range []string{"", "x", good.String()[1:], "{" + good.String() + "}", "urn:uuid:" + good.String(), good.String() + " ", "zzzzzzzz-zzzz-zzzz-zzzz-zzzzzzzzzzzz"} {
		if got, err := id.Parse[thing](bad); err == nil {
			t.Errorf("Parse(%q) = %v, want an error", bad, got)
		}
	}
}

func TestJSON(t *testing.T) {
	v := id.New[thing]()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var back id.ID[thing]
	if err := json.Unmarshal(b, &back); err != nil || back != v {
		t.Errorf("%s came back as %v, %v", b, back, err)
	}
	var zero id.ID[thing]
	if b, _ := json.Marshal(zero); string(b) != `""` {
		t.Errorf("the zero ID is %s", b)
	}
	if err := json.Unmarshal([]byte(`""`), &back); err != nil || !back.IsZero() {
		t.Errorf(`"" is %v, %v`, back, err)
	}
	if err := json.Unmarshal([]byte(`"nonsense"`), &back); err == nil {
		t.Error("nonsense was read")
	}
}
