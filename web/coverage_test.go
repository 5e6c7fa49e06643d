package web_test

import "testing"

// Series and the closing of a quarter through the API.
func TestHistoryThroughTheAPI(t *testing.T) {
	t.Parallel()
	w := stalled(t)
	w.approveAll(t, "manager")
	const history, quarters = "GET /api/v1/coverage/history?market=NEAR", "POST /api/v1/coverage/quarters"
	w.walk(t, []step{
		{name: "by week, a year back, to now", as: "clerk", do: history, status: 200, want: []string{`"every":"week"`, `"as_of":"2025-11-30"`, `{"as_of":"2026-11-22","vendors":4,"accepting":0,"share":0,"equipped":0,"used":null`, `"share":null`}},
		{name: "by quarter and provider", as: "clerk", do: history + "&every=quarter&by=provider&from=2026-04-01", status: 200, want: []string{`"as_of":"2026-06-30"`, `"key":"viettel_money","name":"Viettel Money","points":`}},
		{name: "as it was known", as: "clerk", do: history + "&every=month&recorded_until=2026-11-21", status: 200, want: []string{`"recorded_until":"2026-11-21T16:59:59.999999Z"`, `{"as_of":"2026-11-21","vendors":0`}},
		{name: "every day", as: "clerk", do: history + "&every=day", status: 422, want: []string{"every-unknown", `"#/every"`}},
		{name: "from a day to come", as: "clerk", do: history + "&from=2026-12-01", status: 422, want: []string{"range-invalid"}},
		{name: "a time that is none", as: "clerk", do: "GET /api/v1/coverage?market=NEAR&recorded_until=yesterday", status: 422, want: []string{"time-invalid"}},
		{name: "what was known by section", as: "clerk", do: "GET /api/v1/coverage?market=NEAR&by=section&recorded_until=2026-11-22", status: 422, want: []string{"split-not-then"}},
		{name: "a quarter that goes on", as: "officer", do: quarters, body: `{"quarter":"2026-Q4","market":"NEAR"}`, status: 422, want: []string{"quarter-open"}},
		{name: "a quarter that is none", as: "officer", do: quarters, body: `{"quarter":"Q3/2026"}`, status: 422, want: []string{"quarter-invalid"}},
		{name: "a market out of scope", as: "officer far", do: quarters, body: `{"quarter":"2026-Q3","market":"NEAR"}`, status: 404, want: []string{"market-not-found"}},
		{name: "not by a manager", as: "manager", do: quarters, body: `{"quarter":"2026-Q3","market":"NEAR"}`, status: 403},
		{name: "closed", as: "officer", do: quarters, body: `{"quarter":"2026-Q3","area":"92"}`, status: 200, want: []string{`"closed":1,"before":0,"hash":"`}},
		{name: "once more", as: "officer", do: quarters, body: `{"quarter":"2026-Q3"}`, status: 200, want: []string{`"closed":0,"before":1`}},
		{name: "its figure says so", as: "clerk", do: "GET /api/v1/coverage?market=NEAR&as_of=2026-09-30", status: 200, want: []string{`"closed":{"quarter":"2026-Q3","closed_at":"2026-11-22T`, `"hash":"`}},
	})
}
