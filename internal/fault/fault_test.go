package fault_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"cho40/internal/fault"
)

func TestFaultIsFoundInAChain(t *testing.T) {
	cause := errors.New("duplicate key")
	err := fmt.Errorf("register stall A-12: %w", fault.New(fault.Conflict, "stall-exists", "There is a stall %s already.", "A-12").Because(cause))
	if got := fault.KindOf(err); got != fault.Conflict {
		t.Errorf("kind = %v, want Conflict", got)
	}
	if got := fault.CodeOf(err); got != "stall-exists" {
		t.Errorf("code = %q", got)
	}
	if !errors.Is(err, cause) {
		t.Error("the cause is lost")
	}
	if f, ok := fault.As(err); !ok || f.Detail.String() != "There is a stall A-12 already." {
		t.Errorf("detail = %v, %v", f, ok)
	}
	if fault.KindOf(cause) != fault.Unknown || fault.CodeOf(cause) != "" {
		t.Error("an error of our own was taken for a fault")
	}
}

func TestCheck(t *testing.T) {
	if err := fault.Check("x-invalid", nil); err != nil {
		t.Errorf("no bad field, but %v", err)
	}
	err := fault.Check("x-invalid", []fault.Field{fault.At("number", "required", "This must be filled in.").Under("accounts/0")})
	f, ok := fault.As(err)
	if !ok || f.Kind != fault.Invalid || len(f.Fields) != 1 || f.Fields[0].Pointer != "accounts/0/number" {
		t.Errorf("fault = %+v", f)
	}
}

func TestTextKeepsItsValuesThroughJSON(t *testing.T) {
	for _, text := range []fault.Text{
		fault.Say("Nothing."), fault.Say("Row %d, stall %s.", 12, "A-12"), fault.Say("%.2f mm", 0.5), fault.Say("%d", int64(1)<<53+1),
	} {
		b, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		var back fault.Text
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		if back.String() != text.String() {
			t.Errorf("%s came back as %q, want %q", b, back, text)
		}
	}
}
