package web_test

import (
	"strings"
	"testing"
)

// form is a multipart form: a ledger, and what is said of its columns before or behind it.
func mappedUpload(content string, fields ...string) raw {
	var b strings.Builder
	part := func(head, body string) {
		b.WriteString("--x\r\nContent-Disposition: form-data; " + head + "\r\n\r\n" + body + "\r\n")
	}
	for i := 0; i < len(fields); i += 2 {
		if i == 2 {
			part(`name="file"; filename="so.csv"`, content)
		}
		part(`name="`+fields[i]+`"`, fields[i+1])
	}
	if len(fields) < 3 {
		part(`name="file"; filename="so.csv"`, content)
	}
	return raw{"multipart/form-data; boundary=x", b.String() + "--x--\r\n"}
}

func TestMappingByAPI(t *testing.T) {
	t.Parallel()
	const odd = "Mốc;Ai;Gọi\nA-1;Lý Minh Tâm;0710000001\nA-2;Trần Thị Bé;0712\n"
	w := newWorld(t)
	send := "POST " + near + "/imports"
	w.secret("Lý Minh Tâm", "0710000001")
	w.walk(t, []step{
		{name: "what is missing is named", as: "clerk", do: send, body: mappedUpload(odd), status: 422, want: []string{"ledger-no-heading", `"#/mapping/A"`, `"column":"C"`, `"column-unknown"`}},
		{name: "no JSON", as: "clerk", do: send, body: mappedUpload(odd, "mapping", "A=code"), status: 422, want: []string{"mapping-invalid", `"#/mapping"`}},
		{name: "an unknown role", as: "clerk", do: send, body: mappedUpload(odd, "mapping", `{"A":"doctor"}`), status: 422, want: []string{"mapping-invalid", `"#/mapping/A"`}},
		{name: "told", as: "clerk", do: send, body: mappedUpload(odd, "mapping", `{"A":"code","ai":"vendor"}`, "remember", "true"), status: 201, keep: map[string]string{"import": "id"},
			want: []string{`{"column":"A","heading":"Mốc","role":"code","guessed":false}`, `{"column":"C","heading":"Gọi","role":"","guessed":false}`}},
		{name: "told more", as: "clerk", do: "POST /api/v1/imports/$import/mapping", body: `{"mapping":{"Gọi":"phone"},"remember":true}`, status: 200, want: []string{`"role":"phone"`, `"phone-bad"`}},
		{name: "no column of it", as: "clerk", do: "POST /api/v1/imports/$import/rows", body: `{"rows":[{"row":3,"cells":{"Tên":"x"}}]}`, status: 422, want: []string{`"#/rows/0/cells/Tên"`}},
		{name: "an unknown field", as: "clerk", do: "POST /api/v1/imports/$import/rows", body: `{"rows":[{"row":3,"cell":{}}]}`, status: 422, want: []string{"unknown-field"}},
		{name: "typed anew", as: "clerk", do: "POST /api/v1/imports/$import/rows", body: `{"rows":[{"row":3,"cells":{"Gọi":"0710000002"}}]}`, header: []string{"Idempotency-Key", "k1"}, status: 200, want: []string{`"good":2`}},
		{name: "committed", as: "clerk", do: "POST /api/v1/imports/$import/commit", body: `{"attested":"vi-1"}`, status: 200, want: []string{`"good":2`}},
		{name: "remembered, and field by field", as: "clerk", do: send, body: mappedUpload("Mốc;Ai;Gọi\nA-1;Lý Minh Tâm;0710000009\n"), status: 201, keep: map[string]string{"again": "id"},
			want: []string{"mapping-remembered", `"changes":[{"field":"phone","from":"07•• ••• 001","to":"07•• ••• 009"}]`}},
		{name: "changes a stall", as: "clerk", do: "POST /api/v1/imports/$again/commit", body: `{"attested":"vi-1"}`, status: 200, want: []string{`"changed":1`}},
		{name: "what stands in the way is named", as: "clerk", do: "DELETE /api/v1/imports/$again", status: 409, want: []string{"import-built-on", `"#/stalls/A-1"`, "stall-changed-by-it"}},
	})
}
