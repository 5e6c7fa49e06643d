package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/qrgen"
	registry "cho40/vendor_registry"

	"github.com/labstack/echo/v4"
)

// The columns of the matrix, in the order of the security model.
var roles = []string{"clerk", "manager", "volunteer", "leader", "officer", "partner", "auditor", "admin"}

// matrix is who may do what within their scope, row by row from the security model and not from the program: + allowed, - not.
var matrix = map[string]string{
	"signed in":                  "++++++++",
	"market":                     "++++++++",
	"open a market":              "----+--+",
	"register, edit":             "++++----",
	"name and stall":             "+++++---", // a partner only with the vendor's consent, which cannot be recorded yet
	"name and stall, masked too": "+++++-+-",
	"propose an account":         "++++----",
	"approve a first account":    "-+-++---",
	"approve a change":           "-+--+---",
	"import":                     "++------",
	"print":                      "++++----",
	"sheets and designs":         "++------",
	"consent, placard at stall":  "++++----",
	"suspend":                    "+++++---",
	"resume":                     "-+--+---",
	"coverage":                   "+++++++-",
	"reports":                    "+++++-+-",
	"close a quarter":            "----+---",
	"see targets":                "+++++-+-",
	"targets":                    "-+--+---",
	"report figures":             "-+--++--",
	"campaigns":                  "----++--",
	"settle a clash":             "-+-+----",
	"follow changes":             "-+--++--",
	"webhooks":                   "-----+-+",
	"see teams":                  "+++++---",
	"look after a team":          "-+-++---",
	"make and send teams":        "-+--+---",
	"export vendor rows":         "-+------", // a partner only its own customers, by the next row
	"export own customers":       "-----+--",
	"full phone or account":      "++-+----",
	"what people ask of theirs":  "++------",
	"erase a person":             "-+------", // with a fresh second factor
	"audit trail":                "++--+++-", // a partner what its own keys did
	"audit verification":         "------++",
	"audit export":               "------+-",
	"audit page":                 "++--++++", // an administrator sees whether it is whole, no events
	"service's audit trail":      "-----+--", // else who is officer or auditor over everything
	"service's audit page":       "-----+++",
	"service's audit export":     "--------",
	"people, grants, keys":       "-+-++--+", // which ones, TestWhoMayGrantWhat of internal/auth tries
	"a volunteer's phone":        "--+-----",
}

// try is one way to use a route. Where it is about something in a market, $a stands for the market, and other is the same
// request for something that does not exist.
type try struct {
	route  string
	row    string // of the matrix
	path   string // as in a step
	other  string // empty: it is about no market
	body   any
	header []string
	status int    // for who may
	people bool   // not for programs
	own    bool   // about the reader's own markets, so that nothing is outside
	fresh  string // what is made anew for each who tries: stall, proposal, change, preview, placard, hung, stopped
}

const nobody = "01a2b3c4-d5e6-7f80-9123-456789abcdef"

const noRecord = "NEAR.01a2b3c4-d5e6-7f80-9123-456789abcdef"

var tries = []try{
	{route: "GET /api/v1/session", row: "signed in", path: "/api/v1/session", status: 200},
	{route: "DELETE /api/v1/session", row: "signed in", path: "/api/v1/session", status: 204, fresh: "session"},
	{route: "GET /api/v1/sessions", row: "signed in", path: "/api/v1/sessions", status: 200, people: true},
	{route: "DELETE /api/v1/sessions/{session}", row: "signed in", path: "/api/v1/sessions/0123456789abcdef", status: 404, people: true},
	{route: "POST /api/v1/session/step-up", row: "signed in", path: "/api/v1/session/step-up", body: `{"code":1}`, status: 422, people: true},
	{route: "GET /api/v1/session/second-factor", row: "signed in", path: "/api/v1/session/second-factor", status: 200, people: true},
	{route: "POST /api/v1/session/second-factor", row: "signed in", path: "/api/v1/session/second-factor", status: 201, people: true},
	{route: "POST /api/v1/session/second-factor/code", row: "signed in", path: "/api/v1/session/second-factor/code", body: `{"code":"000"}`, status: 422, people: true},
	{route: "POST /api/v1/session/phone", row: "a volunteer's phone", path: "/api/v1/session/phone", body: `{"pin":"270419"}`, status: 201, people: true},
	{route: "DELETE /api/v1/session/phone", row: "signed in", path: "/api/v1/session/phone", status: 204, people: true},
	{route: "GET /api/v1/people", row: "people, grants, keys", path: "/api/v1/people", status: 200},
	{route: "POST /api/v1/people", row: "people, grants, keys", path: "/api/v1/people", body: `{"name":"$code","grants":[{"role":"volunteer","scope":"market","code":"NEAR"}]}`, status: 201, fresh: "name"},
	{route: "GET /api/v1/people/{person}", row: "people, grants, keys", path: "/api/v1/people/$person", other: "/api/v1/people/" + nobody, status: 200, fresh: "person"},
	{route: "PATCH /api/v1/people/{person}", row: "people, grants, keys", path: "/api/v1/people/$person", other: "/api/v1/people/" + nobody, body: `{"disabled":true}`, header: []string{"If-Match", "$etag"}, status: 200, fresh: "person"},
	{route: "POST /api/v1/people/{person}/link", row: "people, grants, keys", path: "/api/v1/people/$person/link", other: "/api/v1/people/" + nobody + "/link", status: 201, fresh: "person"},
	{route: "DELETE /api/v1/people/{person}/second-factor", row: "people, grants, keys", path: "/api/v1/people/$person/second-factor", other: "/api/v1/people/" + nobody + "/second-factor", status: 204, fresh: "person"},
	{route: "DELETE /api/v1/people/{person}/phone", row: "people, grants, keys", path: "/api/v1/people/$person/phone", other: "/api/v1/people/" + nobody + "/phone", status: 204, fresh: "person"},
	{route: "GET /api/v1/keys", row: "people, grants, keys", path: "/api/v1/keys", status: 200},
	{route: "POST /api/v1/keys", row: "people, grants, keys", path: "/api/v1/keys", body: `{"name":"máy","grants":[{"role":"volunteer","scope":"market","code":"NEAR"}],"days":30}`, status: 201},
	{route: "POST /api/v1/keys/{key}/rotation", row: "people, grants, keys", path: "/api/v1/keys/$key/rotation", other: "/api/v1/keys/" + nobody + "/rotation", status: 201, fresh: "key"},
	{route: "DELETE /api/v1/keys/{key}", row: "people, grants, keys", path: "/api/v1/keys/$key", other: "/api/v1/keys/" + nobody, status: 204, fresh: "key"},
	{route: "POST /api/v1/qr/decode", row: "signed in", path: "/api/v1/qr/decode", body: `{}`, status: 422},
	{route: "GET /api/v1/markets", row: "signed in", path: "/api/v1/markets", status: 200},
	{route: "POST /api/v1/markets", row: "open a market", path: "/api/v1/markets", body: `{"code":"$code","name":"Chợ","area":"31321"}`, status: 201},
	{route: "GET /api/v1/markets/{market}", row: "market", path: near, other: "/api/v1/markets/NONE", status: 200},
	{route: "PATCH /api/v1/markets/{market}", row: "open a market", path: near, other: "/api/v1/markets/NONE", body: `{"signal":"weak"}`, header: []string{"If-Match", "$marketetag"}, status: 200, fresh: "market"},
	{route: "GET /api/v1/markets/{market}/sections", row: "name and stall, masked too", path: near + "/sections", other: "/api/v1/markets/NONE/sections", status: 200},
	{route: "PUT /api/v1/markets/{market}/sections", row: "register, edit", path: near + "/sections", other: "/api/v1/markets/NONE/sections", body: `$order`, header: []string{"If-Match", "$walketag"}, status: 200, fresh: "walk"},
	{route: "PATCH /api/v1/markets/{market}/sections", row: "register, edit", path: near + "/sections", other: "/api/v1/markets/NONE/sections", body: `{"rename":{"section":"$code","to":"Dãy $code"}}`, header: []string{"If-Match", "$walketag"}, status: 200, fresh: "walk"},
	{route: "GET /api/v1/areas", row: "signed in", path: "/api/v1/areas?q=can+tho", status: 200},
	{route: "GET /api/v1/markets/{market}/stalls", row: "name and stall, masked too", path: near + "/stalls", other: "/api/v1/markets/NONE/stalls", status: 200},
	{route: "POST /api/v1/markets/{market}/stalls", row: "register, edit", path: near + "/stalls", other: "/api/v1/markets/NONE/stalls", body: `{"code":"$code"}`, status: 201},
	{route: "GET /api/v1/markets/{market}/stalls/{stall}", row: "name and stall, masked too", path: near + "/stalls/A-12", other: "/api/v1/markets/NONE/stalls/A-12", status: 200},
	{route: "PATCH /api/v1/markets/{market}/stalls/{stall}", row: "register, edit", path: near + "/stalls/$stall", other: "/api/v1/markets/NONE/stalls/$stall", body: `{"goods":"rau"}`, header: []string{"If-Match", "$etag"}, status: 200, fresh: "stall"},
	{route: "POST /api/v1/markets/{market}/stalls/{stall}/consent", row: "consent, placard at stall", path: near + "/stalls/A-12/consent", other: "/api/v1/markets/NONE/stalls/A-12/consent", body: `{"version":"vi-1","given":"phone_call"}`, status: 201},
	{route: "POST /api/v1/markets/{market}/stalls/{stall}/accounts", row: "propose an account", path: near + "/stalls/$stall/accounts", other: "/api/v1/markets/NONE/stalls/$stall/accounts", body: `{"provider":"vnpt_money","number":"0712345670","reason":"một nhà"}`, status: 201, fresh: "stall"},
	{route: "POST /api/v1/markets/{market}/stalls/{stall}/status", row: "register, edit", path: near + "/stalls/$stall/status", other: "/api/v1/markets/NONE/stalls/$stall/status", body: `{"status":"closed","reason":"illness"}`, status: 200, fresh: "stall"},
	{route: "POST /api/v1/markets/{market}/stalls/{stall}/transfer", row: "register, edit", path: near + "/stalls/$stall/transfer", other: "/api/v1/markets/NONE/stalls/$stall/transfer", body: `{"vendor":{"name":"Hồ Thúy Hòa"},"reason":"sold"}`, status: 200, fresh: "stall"},
	{route: "POST /api/v1/markets/{market}/stalls/{stall}/transfer", row: "register, edit", path: near + "/stalls/A-12/transfer?check=true", other: "/api/v1/markets/NONE/stalls/A-12/transfer?check=true", body: `{"vendor":{"name":"Hồ Thúy Hòa"},"reason":"sold"}`, status: 200},
	{route: "POST /api/v1/markets/{market}/stalls/{stall}/closure", row: "register, edit", path: near + "/stalls/$stall/closure", other: "/api/v1/markets/NONE/stalls/$stall/closure", body: `{"reason":"left_trade"}`, status: 200, fresh: "stall"},
	{route: "POST /api/v1/markets/{market}/stalls/{stall}/move", row: "register, edit", path: near + "/stalls/$stall/move", other: "/api/v1/markets/NONE/stalls/$stall/move", body: `{"to":"$free","reason":"better_place"}`, status: 200, fresh: "stall"},
	{route: "GET /api/v1/markets/{market}/stalls/{stall}/timeline", row: "name and stall, masked too", path: near + "/stalls/A-12/timeline", other: "/api/v1/markets/NONE/stalls/A-12/timeline", status: 200},
	{route: "GET /api/v1/markets/{market}/vendors/{vendor}", row: "name and stall, masked too", path: near + "/vendors/$approvedvendor", other: "/api/v1/markets/NONE/vendors/$approvedvendor", status: 200},
	{route: "PATCH /api/v1/markets/{market}/vendors/{vendor}", row: "register, edit", path: near + "/vendors/$vendor", other: "/api/v1/markets/NONE/vendors/$vendor", body: `{"kind":"grower"}`, header: []string{"If-Match", "$vendoretag"}, status: 200, fresh: "stall"},
	{route: "POST /api/v1/markets/{market}/vendors/{vendor}/merge", row: "register, edit", path: near + "/vendors/$vendor/merge", other: "/api/v1/markets/NONE/vendors/$vendor/merge", body: `{"into":"$approvedvendor"}`, status: 200, fresh: "stall"},
	{route: "GET /api/v1/markets/{market}/vendors/{vendor}/timeline", row: "name and stall, masked too", path: near + "/vendors/$approvedvendor/timeline", other: "/api/v1/markets/NONE/vendors/$approvedvendor/timeline", status: 200},
	{route: "POST /api/v1/markets/{market}/vendors/{vendor}/requests", row: "what people ask of theirs", path: near + "/vendors/$approvedvendor/requests", other: "/api/v1/markets/NONE/vendors/$approvedvendor/requests", body: `{"kind":"see","came":"desk"}`, status: 201},
	{route: "GET /api/v1/markets/{market}/requests", row: "what people ask of theirs", path: near + "/requests", other: "/api/v1/markets/NONE/requests", status: 200},
	{route: "GET /api/v1/requests/{request}", row: "what people ask of theirs", path: "/api/v1/requests/$request", other: "/api/v1/requests/" + noRecord, status: 200, fresh: "asked"},
	{route: "POST /api/v1/requests/{request}/answer", row: "what people ask of theirs", path: "/api/v1/requests/$request/answer", other: "/api/v1/requests/" + noRecord + "/answer", body: `{"decision":"acknowledge"}`, header: []string{"If-Match", "$etag"}, status: 200, fresh: "asked"},
	{route: "POST /api/v1/requests/{request}/answer", row: "erase a person", path: "/api/v1/requests/$request/answer", other: "/api/v1/requests/" + noRecord + "/answer", body: `{"decision":"done"}`, header: []string{"If-Match", "$etag"}, status: 200, fresh: "asked", people: true},
	{route: "POST /api/v1/markets/{market}/vendors/{vendor}/copy", row: "full phone or account", path: near + "/vendors/$approvedvendor/copy", other: "/api/v1/markets/NONE/vendors/$approvedvendor/copy", body: `{"reason":"người bán hỏi"}`, status: 200},
	{route: "GET /api/v1/goods-categories", row: "signed in", path: "/api/v1/goods-categories", status: 200},
	{route: "POST /api/v1/markets/{market}/stalls", row: "register, edit", path: near + "/stalls?check=true", other: "/api/v1/markets/NONE/stalls?check=true", body: `{"code":"A-12"}`, status: 200},
	{route: "POST /api/v1/accounts/{account}/holder-consent", row: "consent, placard at stall", path: "/api/v1/accounts/$relatives/holder-consent", other: "/api/v1/accounts/" + noRecord + "/holder-consent", body: `{"version":"vi-1","given":"face_to_face"}`, status: 200, fresh: "relative"},
	{route: "GET /api/v1/markets/{market}/accounts", row: "name and stall", path: near + "/accounts", other: "/api/v1/markets/NONE/accounts", status: 200},
	{route: "POST /api/v1/markets/{market}/decisions", row: "approve a first account", path: near + "/decisions", other: "/api/v1/markets/NONE/decisions", body: `[]`, status: 200},
	{route: "GET /api/v1/accounts/{account}", row: "name and stall", path: "/api/v1/accounts/$approved", other: "/api/v1/accounts/" + noRecord, status: 200},
	{route: "POST /api/v1/accounts/{account}/decision", row: "approve a first account", path: "/api/v1/accounts/$account/decision", other: "/api/v1/accounts/" + noRecord + "/decision", body: `{"decision":"approve"}`, header: []string{"If-Match", "$etag"}, status: 200, fresh: "proposal"},
	{route: "POST /api/v1/accounts/{account}/decision", row: "approve a change", path: "/api/v1/accounts/$account/decision", other: "/api/v1/accounts/" + noRecord + "/decision", body: `{"decision":"approve","last_digits":"$digits"}`, header: []string{"If-Match", "$etag"}, status: 200, fresh: "change"},
	{route: "POST /api/v1/accounts/{account}/withdrawal", row: "propose an account", path: "/api/v1/accounts/$account/withdrawal", other: "/api/v1/accounts/" + noRecord + "/withdrawal", body: `{}`, status: 403, fresh: "proposal"}, // somebody else's
	{route: "GET /api/v1/accounts/{account}/verifications", row: "name and stall", path: "/api/v1/accounts/$approved/verifications", other: "/api/v1/accounts/" + noRecord + "/verifications", status: 200},
	{route: "POST /api/v1/accounts/{account}/verifications", row: "consent, placard at stall", path: "/api/v1/accounts/$approved/verifications", other: "/api/v1/accounts/" + noRecord + "/verifications", body: `{"step":"name_heard","heard_name":"Lý Minh Tâm","how":"tại sạp"}`, status: 201},
	{route: "POST /api/v1/markets/{market}/stalls/{stall}/default", row: "propose an account", path: near + "/stalls/$stall/default", other: "/api/v1/markets/NONE/stalls/$stall/default", body: `{"account":"$account"}`, status: 201, fresh: "two accounts"},
	{route: "GET /api/v1/markets/{market}/default-proposals", row: "name and stall", path: near + "/default-proposals", other: "/api/v1/markets/NONE/default-proposals", status: 200},
	{route: "GET /api/v1/default-proposals/{proposal}", row: "name and stall", path: "/api/v1/default-proposals/$proposal", other: "/api/v1/default-proposals/" + noRecord, status: 200, fresh: "default"},
	{route: "POST /api/v1/default-proposals/{proposal}/decision", row: "approve a change", path: "/api/v1/default-proposals/$proposal/decision", other: "/api/v1/default-proposals/" + noRecord + "/decision", body: `{"decision":"approve","last_digits":"$digits"}`, header: []string{"If-Match", "$etag"}, status: 200, fresh: "default"},
	{route: "GET /api/v1/markets/{market}/tasks", row: "name and stall, masked too", path: near + "/tasks", other: "/api/v1/markets/NONE/tasks", status: 200},
	{route: "GET /api/v1/markets/{market}/notices", row: "name and stall", path: near + "/notices", other: "/api/v1/markets/NONE/notices", status: 200},
	{route: "POST /api/v1/markets/{market}/notices/{notice}/delivered", row: "consent, placard at stall", path: near + "/notices/$notice/delivered", other: "/api/v1/markets/NONE/notices/$notice/delivered", body: `{}`, status: 200, fresh: "notice"},
	{route: "GET /api/v1/markets/{market}/approvers", row: "name and stall", path: near + "/approvers", other: "/api/v1/markets/NONE/approvers", status: 200},
	{route: "POST /api/v1/markets/{market}/hand-over", row: "open a market", path: near + "/hand-over", other: "/api/v1/markets/NONE/hand-over", body: `{"from":["$leaves"],"to":[{"name":"$comes"}],"reason":"đổi ban"}`, status: 200, fresh: "board"},
	{route: "GET /api/v1/accounts/{account}/qr.png", row: "print", path: "/api/v1/accounts/$approved/qr.png", other: "/api/v1/accounts/" + noRecord + "/qr.png", status: 200},
	{route: "GET /api/v1/accounts/{account}/qr.svg", row: "print", path: "/api/v1/accounts/$approved/qr.svg", other: "/api/v1/accounts/" + noRecord + "/qr.svg", status: 200},
	{route: "GET /api/v1/accounts/{account}/qr.txt", row: "print", path: "/api/v1/accounts/$approved/qr.txt", other: "/api/v1/accounts/" + noRecord + "/qr.txt", status: 200},
	{route: "POST /api/v1/markets/{market}/imports", row: "import", path: near + "/imports", other: "/api/v1/markets/NONE/imports", body: smallLedger, status: 201},
	{route: "GET /api/v1/imports/{import}", row: "import", path: "/api/v1/imports/$import", other: "/api/v1/imports/" + noRecord, status: 200, fresh: "preview"},
	{route: "DELETE /api/v1/imports/{import}", row: "import", path: "/api/v1/imports/$import", other: "/api/v1/imports/" + noRecord, status: 204, fresh: "preview"},
	{route: "POST /api/v1/imports/{import}/commit", row: "import", path: "/api/v1/imports/$import/commit", other: "/api/v1/imports/" + noRecord + "/commit", body: `{"attested":"vi-1"}`, status: 200, fresh: "preview"},
	{route: "POST /api/v1/imports/{import}/mapping", row: "import", path: "/api/v1/imports/$import/mapping", other: "/api/v1/imports/" + noRecord + "/mapping", body: `{"mapping":{"A":"code"}}`, status: 200, fresh: "preview"},
	{route: "POST /api/v1/imports/{import}/rows", row: "import", path: "/api/v1/imports/$import/rows", other: "/api/v1/imports/" + noRecord + "/rows", body: `{"rows":[{"row":2,"cells":{"A":"Z-1"}}]}`, status: 200, fresh: "preview"},
	{route: "GET /api/v1/imports/{import}/faulty.csv", row: "import", path: "/api/v1/imports/$import/faulty.csv", other: "/api/v1/imports/" + noRecord + "/faulty.csv", status: 200, fresh: "preview"},
	{route: "GET /api/v1/imports/{import}/faulty.xlsx", row: "import", path: "/api/v1/imports/$import/faulty.xlsx", other: "/api/v1/imports/" + noRecord + "/faulty.xlsx", status: 200, fresh: "preview"},
	{route: "POST /api/v1/markets/{market}/stalls/{stall}/stands", row: "consent, placard at stall", path: near + "/stalls/$stall/stands", other: "/api/v1/markets/NONE/stalls/$stall/stands", body: `{"payload":"$stand","consent":{"version":"vi-1","given":"face_to_face"}}`, status: 201, fresh: "stall"},
	{route: "GET /api/v1/markets/{market}/print-preview.png", row: "print", path: near + "/print-preview.png?stalls=$stall&provisional=1", other: "/api/v1/markets/NONE/print-preview.png", status: 200, fresh: "proposal"},
	{route: "GET /api/v1/markets/{market}/calibration.pdf", row: "print", path: near + "/calibration.pdf", other: "/api/v1/markets/NONE/calibration.pdf", status: 200},
	{route: "GET /api/v1/markets/{market}/old-placards", row: "name and stall, masked too", path: near + "/old-placards", other: "/api/v1/markets/NONE/old-placards", status: 200},
	{route: "GET /api/v1/markets/{market}/printers", row: "print", path: near + "/printers", other: "/api/v1/markets/NONE/printers", status: 200},
	{route: "POST /api/v1/markets/{market}/printers", row: "print", path: near + "/printers", other: "/api/v1/markets/NONE/printers", body: `{"name":"$code","offset_right":1.5,"offset_down":-2}`, status: 201},
	{route: "GET /api/v1/markets/{market}/sheets", row: "print", path: near + "/sheets", other: "/api/v1/markets/NONE/sheets", status: 200},
	{route: "POST /api/v1/markets/{market}/sheets", row: "sheets and designs", path: near + "/sheets", other: "/api/v1/markets/NONE/sheets", body: `{"name":"tomy-104","measures":{"columns":3,"rows":8,"left":0,"top":0.5,"width":70,"height":37}}`, status: 201},
	{route: "GET /api/v1/markets/{market}/designs", row: "print", path: near + "/designs", other: "/api/v1/markets/NONE/designs", status: 200},
	{route: "POST /api/v1/markets/{market}/designs", row: "sheets and designs", path: near + "/designs", other: "/api/v1/markets/NONE/designs", body: `{"name":"Cham","colour":"#274690","tint":"#fcefc9","board":"Ban quản lý chợ Vị Thanh"}`, status: 201},
	{route: "POST /api/v1/markets/{market}/print-batches", row: "print", path: near + "/print-batches", other: "/api/v1/markets/NONE/print-batches", body: `{"stalls":["$stall"],"provisional":true}`, status: 201, fresh: "proposal"},
	{route: "GET /api/v1/print-batches/{batch}", row: "print", path: "/api/v1/print-batches/$batch", other: "/api/v1/print-batches/" + noRecord, status: 200},
	{route: "GET /api/v1/print-batches/{batch}", row: "print", path: "/api/v1/print-batches/$batch.pdf", other: "/api/v1/print-batches/" + noRecord + ".pdf", status: 200},
	{route: "GET /api/v1/print-batches/{batch}", row: "print", path: "/api/v1/print-batches/$batch.slips.pdf", other: "/api/v1/print-batches/" + noRecord + ".slips.pdf", status: 200},
	{route: "GET /api/v1/print-batches/{batch}", row: "print", path: "/api/v1/print-batches/$batch.zip", other: "/api/v1/print-batches/" + noRecord + ".zip", status: 200},
	{route: "GET /api/v1/placards/{serial}", row: "name and stall, masked too", path: "/api/v1/placards/$printed", other: "/api/v1/placards/0000-0000-000", status: 200},
	{route: "GET /api/v1/placards/{serial}", row: "print", path: "/api/v1/placards/$printed.png", other: "/api/v1/placards/0000-0000-000.png", status: 200},
	{route: "GET /api/v1/placards/{serial}", row: "print", path: "/api/v1/placards/$printed.slip.pdf", other: "/api/v1/placards/0000-0000-000.slip.pdf", status: 200},
	{route: "GET /api/v1/placards/{serial}/events", row: "name and stall, masked too", path: "/api/v1/placards/$printed/events", other: "/api/v1/placards/0000-0000-000/events", status: 200},
	{route: "POST /api/v1/placards/{serial}/events", row: "consent, placard at stall", path: "/api/v1/placards/$placard/events", other: "/api/v1/placards/0000-0000-000/events", body: `{"kind":"handed_over"}`, status: 200, fresh: "placard"},
	{route: "POST /api/v1/placards/{serial}/events", row: "consent, placard at stall", path: "/api/v1/placards/$placard/events", other: "/api/v1/placards/0000-0000-000/events", body: `{"kind":"installed"}`, status: 200, fresh: "placard"},
	{route: "POST /api/v1/placards/{serial}/events", row: "suspend", path: "/api/v1/placards/$placard/events", other: "/api/v1/placards/0000-0000-000/events", body: `{"kind":"suspended"}`, status: 200, fresh: "placard"},
	{route: "POST /api/v1/placards/{serial}/events", row: "resume", path: "/api/v1/placards/$placard/events", other: "/api/v1/placards/0000-0000-000/events", body: `{"kind":"resumed","reason":"đã xem"}`, status: 200, fresh: "stopped"},
	{route: "GET /api/v1/markets/{market}/clashes", row: "settle a clash", path: near + "/clashes", other: "/api/v1/markets/NONE/clashes", status: 200},
	{route: "POST /api/v1/markets/{market}/clashes/{clash}", row: "settle a clash", path: near + "/clashes/$clash", other: "/api/v1/markets/NONE/clashes/$clash", body: `{"note":"đã xem"}`, status: 200, fresh: "clash"},
	{route: "GET /api/v1/search", row: "name and stall, masked too", path: "/api/v1/search?q=tam&market=NEAR", other: "/api/v1/search?q=tam&market=NONE", status: 200},
	{route: "GET /api/v1/search", row: "name and stall, masked too", path: "/api/v1/search?q=tam", status: 200},
	{route: "GET /api/v1/markets/{market}/exports/{file}", row: "export vendor rows", path: near + "/exports/stalls.csv", other: "/api/v1/markets/NONE/exports/stalls.csv", status: 200},
	{route: "GET /api/v1/markets/{market}/exports/{file}", row: "export vendor rows", path: near + "/exports/accounts.xlsx?full=true&reason=chuy%E1%BB%83n", other: "/api/v1/markets/NONE/exports/accounts.xlsx?full=true&reason=chuy%E1%BB%83n", status: 200},
	{route: "GET /api/v1/exports/{file}", row: "export own customers", path: "/api/v1/exports/customers.csv?provider=viettel_money", status: 200},
	{route: "GET /api/v1/markets/{market}/stalls/{stall}/sharing", row: "name and stall, masked too", path: near + "/stalls/A-12/sharing", other: "/api/v1/markets/NONE/stalls/A-12/sharing", status: 200},
	{route: "POST /api/v1/markets/{market}/stalls/{stall}/sharing", row: "consent, placard at stall", path: near + "/stalls/A-12/sharing", other: "/api/v1/markets/NONE/stalls/A-12/sharing", body: `{"provider":"viettel_money","version":"vi-share-1","given":"phone_call"}`, status: 201},
	{route: "POST /api/v1/markets/{market}/stalls/{stall}/reveal", row: "full phone or account", path: near + "/stalls/A-12/reveal", other: "/api/v1/markets/NONE/stalls/A-12/reveal", body: `{"field":"phone","reason":"hỏi lại"}`, status: 200},
	{route: "GET /api/v1/markets/{market}/audit", row: "audit trail", path: near + "/audit?object=A-12&action=account.", other: "/api/v1/markets/NONE/audit", status: 200},
	{route: "GET /api/v1/markets/{market}/audit/verification", row: "audit verification", path: near + "/audit/verification", other: "/api/v1/markets/NONE/audit/verification", status: 200},
	{route: "GET /api/v1/markets/{market}/audit/exports/{file}", row: "audit export", path: near + "/audit/exports/trail.jsonl", other: "/api/v1/markets/NONE/audit/exports/trail.jsonl", status: 200},
	{route: "GET /api/v1/markets/{market}/audit/exports/{file}", row: "audit export", path: near + "/audit/exports/trail.csv", other: "/api/v1/markets/NONE/audit/exports/trail.csv", status: 200},
	{route: "GET /api/v1/audit", row: "service's audit trail", path: "/api/v1/audit", status: 200},
	{route: "GET /api/v1/audit/verification", row: "audit verification", path: "/api/v1/audit/verification", status: 200},
	{route: "GET /api/v1/audit/exports/{file}", row: "service's audit export", path: "/api/v1/audit/exports/trail.jsonl", status: 200},
	{route: "GET /api/v1/teams", row: "see teams", path: "/api/v1/teams", status: 200},
	{route: "GET /api/v1/teams", row: "see teams", path: "/api/v1/teams?market=NEAR", other: "/api/v1/teams?market=NONE", status: 200},
	{route: "POST /api/v1/teams", row: "make and send teams", path: "/api/v1/teams", body: `{"code":"$code","name":"Tổ","level":"commune","area":"31321","market":"NEAR"}`, status: 201, fresh: "name", own: true},
	{route: "GET /api/v1/teams/{team}", row: "see teams", path: "/api/v1/teams/T1", other: "/api/v1/teams/T9", status: 200},
	{route: "PATCH /api/v1/teams/{team}", row: "look after a team", path: "/api/v1/teams/$team", other: "/api/v1/teams/T9", body: `{"name":"Tổ"}`, header: []string{"If-Match", "$etag"}, status: 200, fresh: "team"},
	{route: "PUT /api/v1/teams/{team}/markets/{market}", row: "make and send teams", path: "/api/v1/teams/T1/markets/NEAR", other: "/api/v1/teams/T1/markets/NONE", body: `{"sections":[]}`, status: 200},
	{route: "DELETE /api/v1/teams/{team}/markets/{market}", row: "make and send teams", path: "/api/v1/teams/$team/markets/NEAR", other: "/api/v1/teams/$team/markets/NONE", status: 204, fresh: "team"},
	{route: "POST /api/v1/teams/{team}/members", row: "look after a team", path: "/api/v1/teams/T1/members", other: "/api/v1/teams/T9/members", body: `{"name":"Tổ viên $code"}`, status: 201, fresh: "name"},
	{route: "PATCH /api/v1/teams/{team}/members/{member}", row: "look after a team", path: "/api/v1/teams/$team/members/$member", other: "/api/v1/teams/T9/members/$member", body: `{"installed":true}`, header: []string{"If-Match", "$memberetag"}, status: 200, fresh: "team"},
	{route: "POST /api/v1/teams/{team}/roster", row: "look after a team", path: "/api/v1/teams/T1/roster", other: "/api/v1/teams/T9/roster", body: upload{"to.csv", []byte("Họ tên;SĐT\nPhan Văn Chín;0712345699\n")}, status: 200},
	{route: "GET /api/v1/teams/{team}/trainings", row: "see teams", path: "/api/v1/teams/T1/trainings", other: "/api/v1/teams/T9/trainings", status: 200},
	{route: "POST /api/v1/teams/{team}/trainings", row: "look after a team", path: "/api/v1/teams/T1/trainings", other: "/api/v1/teams/T9/trainings", body: `{"topic":"Quét mã"}`, status: 201},
	{route: "GET /api/v1/teams/{team}/statements", row: "see teams", path: "/api/v1/teams/T1/statements?month=2026-11", other: "/api/v1/teams/T9/statements?month=2026-11", status: 200},
	{route: "GET /api/v1/teams/{team}/statements.xlsx", row: "see teams", path: "/api/v1/teams/T1/statements.xlsx?month=2026-11", other: "/api/v1/teams/T9/statements.xlsx?month=2026-11", status: 200},
	{route: "GET /api/v1/teams/{team}/statements.pdf", row: "see teams", path: "/api/v1/teams/T1/statements.pdf?month=2026-11", other: "/api/v1/teams/T9/statements.pdf?month=2026-11", status: 200},
	{route: "POST /api/v1/teams/{team}/statements", row: "look after a team", path: "/api/v1/teams/$team/statements", other: "/api/v1/teams/T9/statements", body: `{"member":"$member","month":"2026-11"}`, status: 409, fresh: "team"}, // it is not over
	{route: "GET /api/v1/cards", row: "signed in", path: "/api/v1/cards", status: 200},
	{route: "POST /api/v1/cards/{card}/read", row: "signed in", path: "/api/v1/cards/never_ask/read", body: `{}`, status: 204, people: true},
	{route: "GET /api/v1/field-words", row: "signed in", path: "/api/v1/field-words", status: 200},
	{route: "POST /api/v1/markets/{market}/stalls/{stall}/visits", row: "consent, placard at stall", path: near + "/stalls/A-12/visits", other: "/api/v1/markets/NONE/stalls/A-12/visits", body: `{"outcome":"done"}`, status: 201},
	{route: "GET /api/v1/markets/{market}/visits", row: "name and stall", path: near + "/visits", other: "/api/v1/markets/NONE/visits", status: 200},
	{route: "GET /api/v1/visits/{visit}", row: "name and stall", path: "/api/v1/visits/$visit", other: "/api/v1/visits/" + noRecord, status: 200},
	{route: "POST /api/v1/visits/{visit}/void", row: "settle a clash", path: "/api/v1/visits/$visit/void", other: "/api/v1/visits/" + noRecord + "/void", body: `{"reason":"nhầm"}`, status: 200}, // somebody else's
	{route: "GET /api/v1/markets/{market}/plan", row: "name and stall", path: near + "/plan", other: "/api/v1/markets/NONE/plan", status: 200},
	{route: "GET /api/v1/markets/{market}/pack", row: "consent, placard at stall", path: near + "/pack?device=" + nobody, other: "/api/v1/markets/NONE/pack?device=" + nobody, status: 200},
	{route: "GET /api/v1/markets/{market}/incidents", row: "name and stall", path: near + "/incidents", other: "/api/v1/markets/NONE/incidents", status: 200},
	{route: "GET /api/v1/incidents/{incident}", row: "name and stall", path: "/api/v1/incidents/$incident", other: "/api/v1/incidents/" + noRecord, status: 200, fresh: "incident"},
	{route: "POST /api/v1/incidents/{incident}/closure", row: "approve a first account", path: "/api/v1/incidents/$incident/closure", other: "/api/v1/incidents/" + noRecord + "/closure", body: `{"closing":"mistake","note":"đã xem"}`, header: []string{"If-Match", "$etag"}, status: 200, fresh: "incident"},
	{route: "POST /api/v1/sync", row: "signed in", path: "/api/v1/sync", body: `{"device":"` + nobody + `","sent_at":"2026-11-22T02:00:00Z","items":[]}`, status: 200},
	{route: "GET /api/v1/coverage", row: "coverage", path: "/api/v1/coverage?market=NEAR", other: "/api/v1/coverage?market=NONE", status: 200},
	{route: "GET /api/v1/coverage", row: "coverage", path: "/api/v1/coverage", status: 200},
	{route: "GET /api/v1/coverage/history", row: "coverage", path: "/api/v1/coverage/history?every=month&market=NEAR", other: "/api/v1/coverage/history?every=month&market=NONE", status: 200},
	{route: "GET /api/v1/coverage/history", row: "coverage", path: "/api/v1/coverage/history?by=province", status: 200},
	{route: "GET /api/v1/markets/{market}/reports/{file}", row: "reports", path: "/api/v1/markets/NEAR/reports/2026-Q3.xlsx", other: "/api/v1/markets/NONE/reports/2026-Q3.xlsx", status: 200},
	{route: "POST /api/v1/coverage/quarters", row: "close a quarter", path: "/api/v1/coverage/quarters", body: `{"quarter":"2020-Q1","market":"NEAR"}`, status: 200}, // outside the scope: TestHistoryThroughTheAPI
	{route: "GET /api/v1/indicators", row: "signed in", path: "/api/v1/indicators", status: 200},
	{route: "GET /api/v1/targets", row: "see targets", path: "/api/v1/targets?market=NEAR", other: "/api/v1/targets?market=NONE", status: 200},
	{route: "POST /api/v1/targets", row: "targets", path: "/api/v1/targets", body: `{"indicator":"accepting","market":"NEAR","due":"2026-12-31","share":0.7,"document":"KH 12"}`, status: 201},
	{route: "DELETE /api/v1/targets/{target}", row: "targets", path: "/api/v1/targets/$target", other: "/api/v1/targets/" + nobody, status: 204, fresh: "target"},
	{route: "GET /api/v1/figures", row: "coverage", path: "/api/v1/figures?market=NEAR", other: "/api/v1/figures?market=NONE", status: 200},
	{route: "POST /api/v1/figures", row: "report figures", path: "/api/v1/figures", body: `{"indicator":"qr_points","provider":"viettel_money","market":"NEAR","until":"2026-10-31","method":"partner_reported","numerator":70,"source":"Viettel"}`, status: 201},
	{route: "POST /api/v1/figures/{figure}/withdrawal", row: "report figures", path: "/api/v1/figures/$figure/withdrawal", other: "/api/v1/figures/" + nobody + "/withdrawal", body: `{"reason":"nhầm"}`, status: 200, fresh: "figure"},
	{route: "GET /api/v1/figures/reconciliation", row: "coverage", path: "/api/v1/figures/reconciliation?market=NEAR&provider=viettel_money", other: "/api/v1/figures/reconciliation?market=NONE&provider=viettel_money", status: 200},
	{route: "GET /api/v1/campaigns", row: "coverage", path: "/api/v1/campaigns?market=NEAR", other: "/api/v1/campaigns?market=NONE", status: 200},
	{route: "POST /api/v1/campaigns", row: "campaigns", path: "/api/v1/campaigns", body: `{"provider":"viettel_money","name":"Đi chợ","from":"2026-10-01","until":"2026-10-31","markets":["NEAR"],"buyer_benefit":50000,"document":"TB"}`, status: 201},
	{route: "GET /api/v1/changes", row: "follow changes", path: "/api/v1/changes?market=NEAR", other: "/api/v1/changes?market=NONE", status: 200},
	{route: "GET /api/v1/webhooks", row: "webhooks", path: "/api/v1/webhooks", status: 200},
	{route: "POST /api/v1/webhooks", row: "webhooks", path: "/api/v1/webhooks", body: `{"provider":"viettel_money","url":"https://partner.example/"}`, status: 201, people: true},
	{route: "GET /api/v1/webhooks/{webhook}", row: "webhooks", path: "/api/v1/webhooks/$webhook", status: 200, fresh: "webhook"},
	{route: "DELETE /api/v1/webhooks/{webhook}", row: "webhooks", path: "/api/v1/webhooks/$webhook", status: 204, fresh: "webhook"},
	{route: "POST /api/v1/webhooks/{webhook}/approval", row: "webhooks", path: "/api/v1/webhooks/$webhook/approval", status: 200, people: true, fresh: "webhook"},
	{route: "GET /api/v1/webhooks/{webhook}/deliveries", row: "webhooks", path: "/api/v1/webhooks/$webhook/deliveries", status: 200, fresh: "webhook"},
	{route: "POST /api/v1/webhooks/{webhook}/replay", row: "webhooks", path: "/api/v1/webhooks/$webhook/replay", body: `{"after":"0"}`, status: 409, fresh: "webhook"}, // it waits for its second person
	{route: "GET /api/v1/campaigns/{campaign}", row: "coverage", path: "/api/v1/campaigns/$campaign", other: "/api/v1/campaigns/" + nobody, status: 200, fresh: "campaign"},
	{route: "DELETE /api/v1/campaigns/{campaign}", row: "campaigns", path: "/api/v1/campaigns/$campaign", other: "/api/v1/campaigns/" + nobody, status: 204, fresh: "campaign"},
	{route: "POST /api/v1/markets/{market}/campaigns/{campaign}/marks", row: "consent, placard at stall", path: near + "/campaigns/$campaign/marks", other: "/api/v1/markets/NONE/campaigns/$campaign/marks", body: `{"stall":"A-12","kind":"told"}`, status: 201, fresh: "campaign"},
}

// open are the routes that need no sign-in; what they do is tried elsewhere.
var open = []string{"POST /api/v1/session", "POST /api/v1/session/pin", "DELETE /api/v1/session/pin", "GET /v/{serial}", "GET /healthz", "GET /readyz"}

// elsewhere are those that depend on something else than a role: a second factor, land that no market's board has (TestTeamPagesInABrowser, TestReports),
// being a provider's program and no person (TestPartnersThroughTheAPI).
var elsewhere = []string{"POST /api/v1/session/recovery-codes", "POST /api/v1/confirmations", "GET /api/v1/team-coverage", "GET /api/v1/areas/{area}/reports/{file}", "PUT /api/v1/areas/{area}/hamlets"}

var smallLedger = upload{"so.csv", []byte("Mã quầy;Tên hộ kinh doanh\nL-1;Trần Văn Bê\n")}

// scene is a world in which every role has something to try on.
type scene struct {
	*world
	n int
}

func newScene(t *testing.T) *scene {
	s := &scene{world: newWorld(t)}
	s.secret(people...)
	for name, v := range s.stall(t, tamStall) {
		s.vars["approved"+name] = v
	}
	s.vars["approved"] = s.vars["approvedaccount"]
	s.take(t, step{as: "officer", do: "POST /api/v1/accounts/$approved/decision", body: `{"decision":"approve"}`, header: []string{"If-Match", "$approvedetag"}, status: 200})
	s.take(t, step{as: "clerk", do: "POST " + near + "/print-batches", body: `{"all":true}`, status: 201, keep: map[string]string{"batch": "id", "printed": "items.0.serial"}})
	s.take(t, step{as: "officer", do: "POST /api/v1/teams", body: `{"code":"T1","name":"Tổ 1","level":"commune","area":"31321","market":"NEAR"}`, status: 201})
	s.take(t, step{as: "manager visiting", do: "POST " + near + "/stalls/A-12/visits", body: `{"outcome":"done"}`, status: 201, keep: map[string]string{"visit": "id"}})
	return s
}

// stall registers one, brought in by a manager of whom nothing else is known, and says what it is called.
func (s *scene) stall(t *testing.T, body string) map[string]string {
	a := s.take(t, step{as: "manager bringing in", do: "POST " + near + "/stalls", body: body, status: 201})
	stall := map[string]string{"stall": a.at(t, "code"), "etag": a.header.Get("ETag"), "account": a.at(t, "accounts.0.id"), "vendor": a.at(t, "vendor.id")}
	ref, err := registry.ParseRef[registry.Account](stall["account"])
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(body, "accounts") {
		stall["accountetag"] = fmt.Sprintf("%q", ref.ID.String()+".0")
	}
	return map[string]string{"stall": stall["stall"], "stalletag": stall["etag"], "vendor": stall["vendor"], "vendoretag": fmt.Sprintf("%q", stall["vendor"]+".1"), "account": stall["account"], "etag": stall["accountetag"]}
}

// prepare makes what a try needs anew.
func (s *scene) prepare(t *testing.T, what string) {
	t.Helper()
	s.n++
	s.vars["code"], s.vars["free"] = fmt.Sprintf("N-%d", s.n), fmt.Sprintf("V-%d", s.n)
	number := fmt.Sprintf("07%08d", s.n)
	stand, err := qrgen.Static("971011", fmt.Sprintf("03%08d", s.n))
	if err != nil {
		t.Fatal(err)
	}
	s.vars["stand"] = stand
	bring := func() {
		for name, v := range s.stall(t, stallJSON(s.vars["code"], "Mới", "Trần Văn Bê", number)) {
			s.vars[name] = v
		}
	}
	approve := func() {
		s.take(t, step{as: "officer approving", do: "POST /api/v1/accounts/$account/decision", body: `{"decision":"approve"}`, header: []string{"If-Match", "$etag"}, status: 200})
	}
	print := func() { // without drawing the sheet, which takes longest
		approve()
		b, err := s.reg.Issue(t.Context(), registry.Console(), "NEAR", registry.NewBatch{Sheet: "a6x4", Stalls: []string{s.vars["stall"]}},
			func(registry.Batch, registry.Placard) (why, warning fault.Text) { return })
		if err != nil {
			t.Fatal(err)
		}
		_, placards, err := s.reg.Batch(t.Context(), registry.Console(), b.Ref)
		if err != nil {
			t.Fatal(err)
		}
		s.vars["placard"] = placards[0].Serial.String()
	}
	volunteer := []registry.Grant{{Role: registry.Volunteer, Kind: registry.OverMarket, Code: "NEAR"}}
	switch what {
	case "market":
		s.take(t, step{as: "officer", do: "GET " + near, status: 200, keep: map[string]string{"marketetag": "=ETag"}})
	case "webhook":
		s.take(t, step{as: "admin asking", do: "POST /api/v1/webhooks", body: `{"provider":"viettel_money","url":"https://partner.example/"}`, status: 201, keep: map[string]string{"webhook": "id"}})
	case "walk":
		s.take(t, step{as: "manager bringing in", do: "POST " + near + "/stalls", body: `{"code":"$code","section":"$code"}`, status: 201})
		s.take(t, step{as: "manager bringing in", do: "GET " + near + "/sections", status: 200, keep: map[string]string{"walketag": "=ETag"}})
		walk, err := s.reg.Walk(t.Context(), registry.Console(), "NEAR")
		if err != nil {
			t.Fatal(err)
		}
		slices.Reverse(walk.Sections)
		var order registry.ArrangedWalk
		for _, sec := range walk.Sections {
			order.Sections = append(order.Sections, registry.ArrangedSection{Name: sec.Name, Stalls: sec.Stalls})
		}
		b, err := json.Marshal(order)
		if err != nil {
			t.Fatal(err)
		}
		s.vars["order"] = string(b)
	case "clash":
		twice := fmt.Sprintf(`{"id":"01a2b3c4-d5e6-7f80-9123-%012d","code":"$code","goods":"%%s"}`, s.n)
		s.take(t, step{as: "manager bringing in", do: "POST " + near + "/stalls", body: fmt.Sprintf(twice, "rau"), status: 201})
		s.take(t, step{as: "manager bringing in", do: "POST " + near + "/stalls", body: fmt.Sprintf(twice, "cá"), status: 409})
		s.take(t, step{as: "manager bringing in", do: "GET " + near + "/clashes", status: 200, keep: map[string]string{"clash": "items.0.id"}})
	case "incident":
		s.prepare(t, "stopped")
		s.take(t, step{as: "manager checking", do: "POST /api/v1/placards/$placard/events", body: `{"kind":"checked","payload":"không phải mã"}`, status: 200})
		a := s.take(t, step{as: "manager checking", do: "GET " + near + "/incidents", status: 200, keep: map[string]string{"incident": "items.0.id"}})
		s.vars["etag"] = s.take(t, step{as: "manager checking", do: "GET /api/v1/incidents/" + a.at(t, "items.0.id"), status: 200}).header.Get("ETag")
	case "team":
		s.vars["team"] = s.vars["code"]
		s.take(t, step{as: "officer", do: "POST /api/v1/teams", body: `{"code":"$code","name":"Tổ","level":"commune","area":"31321","market":"NEAR"}`, status: 201, keep: map[string]string{"etag": "=ETag"}})
		s.take(t, step{as: "officer", do: "POST /api/v1/teams/$code/members", body: `{"name":"Phan Văn Tám"}`, status: 201, keep: map[string]string{"member": "id", "memberetag": "=ETag"}})
		s.vars["etag"] = s.take(t, step{as: "officer", do: "GET /api/v1/teams/$code", status: 200}).header.Get("ETag")
	case "person":
		p, _, err := s.auth.AddPerson(t.Context(), registry.Console(), s.vars["code"], volunteer, "")
		if err != nil {
			t.Fatal(err)
		}
		s.vars["person"], s.vars["etag"] = p.ID.String(), s.take(t, step{as: "admin looking", do: "GET /api/v1/people/" + p.ID.String(), status: 200}).header.Get("ETag")
	case "key":
		_, k, err := s.auth.AddKey(t.Context(), registry.Console(), s.vars["code"], volunteer, 0)
		if err != nil {
			t.Fatal(err)
		}
		s.vars["key"] = k.ID.String()
	case "stall":
		bring()
		s.vars["etag"] = s.vars["stalletag"]
		s.take(t, step{as: "manager bringing in", do: "POST " + near + "/stalls", body: `{"code":"$free"}`, status: 201})
	case "relative":
		bring()
		s.take(t, step{as: "manager bringing in", do: "POST " + near + "/stalls/$stall/accounts", status: 201, keep: map[string]string{"relatives": "id"},
			body: `{"provider":"vnpt_money","number":"0712345670","holder":"LY VAN NAM","holder_relation":"spouse"}`})
	case "proposal":
		bring()
		s.vars["ticked"] = url.QueryEscape(s.vars["account"] + " " + s.vars["etag"])
	case "change":
		bring()
		approve()
		s.vars["digits"] = fmt.Sprintf("%06d", 900_000+s.n)
		s.take(t, step{as: "manager bringing in", do: "POST " + near + "/stalls/$stall/accounts", body: `{"provider":"viettel_money","number":"0791$digits"}`,
			status: 201, keep: map[string]string{"account": "id", "etag": "=ETag"}})
	case "notice":
		s.prepare(t, "change")
		s.take(t, step{as: "officer approving", do: "POST /api/v1/accounts/$account/decision", body: `{"decision":"approve","last_digits":"$digits"}`, header: []string{"If-Match", "$etag"}, status: 200})
		s.vars["notice"] = s.take(t, step{as: "officer", do: "GET " + near + "/notices", status: 200}).at(t, "items.0.id")
	case "two accounts", "default":
		bring()
		approve()
		s.vars["digits"] = fmt.Sprintf("%06d", 800_000+s.n)
		s.take(t, step{as: "manager bringing in", do: "POST " + near + "/stalls/$stall/accounts", body: `{"provider":"vnpt_money","number":"0791$digits"}`,
			status: 201, keep: map[string]string{"account": "id", "etag": "=ETag"}})
		approve()
		if what == "default" {
			s.take(t, step{as: "manager bringing in", do: "POST " + near + "/stalls/$stall/default", body: `{"account":"$account"}`,
				status: 201, keep: map[string]string{"proposal": "id", "etag": "=ETag"}})
			s.vars["wish"] = url.Values{"proposal": {s.vars["proposal"]}, "etag": {s.vars["etag"]}, "last_digits": {s.vars["digits"]}, "decision": {"approve"}}.Encode()
		}
	case "board":
		s.vars["leaves"], s.vars["comes"] = fmt.Sprintf("Person clerk leaving%d", s.n), fmt.Sprintf("Person volunteer coming%d", s.n)
		s.as(fmt.Sprintf("clerk leaving%d", s.n))
		s.as(fmt.Sprintf("volunteer coming%d", s.n))
	case "asked":
		bring()
		s.take(t, step{as: "manager bringing in", do: "POST " + near + "/vendors/$vendor/requests", body: `{"kind":"delete","came":"desk"}`, status: 201, keep: map[string]string{"request": "id", "etag": "=ETag"}})
		s.vars["asked"] = url.QueryEscape(s.vars["etag"])
	case "target":
		due := registry.DayOf(s.clock.now()).Plus(s.n).String()
		s.take(t, step{as: "manager bringing in", do: "POST /api/v1/targets", body: `{"indicator":"accepting","market":"NEAR","due":"` + due + `","number":3,"document":"KH"}`, status: 201, keep: map[string]string{"target": "id"}})
	case "figure":
		body := fmt.Sprintf(`{"indicator":"qr_points","provider":"viettel_money","market":"NEAR","until":"2026-10-31","method":"counted","numerator":%d,"source":"đếm"}`, s.n)
		s.take(t, step{as: "manager bringing in", do: "POST /api/v1/figures", body: body, status: 201, keep: map[string]string{"figure": "id"}})
	case "campaign":
		s.take(t, step{as: "officer", do: "POST /api/v1/campaigns", body: `{"provider":"viettel_money","name":"Đi chợ $code","from":"2026-10-01","until":"2026-10-31","markets":["NEAR"],"document":"TB"}`, status: 201, keep: map[string]string{"campaign": "id"}})
	case "preview":
		s.take(t, step{as: "manager bringing in", do: "POST " + near + "/imports", body: smallLedger, status: 201, keep: map[string]string{"import": "id"}})
	case "placard":
		bring()
		print()
	case "stopped":
		bring()
		print()
		s.take(t, step{as: "manager bringing in", do: "POST /api/v1/placards/$placard/events", body: `{"kind":"suspended"}`, status: 200})
	}
}

// TestEveryRouteWithEveryRole tries each route of the API as each role within its scope, as each role outside of it, and as
// nobody. A route that is not in the table fails.
func TestEveryRouteWithEveryRole(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for _, route := range apiRoutes(s.h.(*echo.Echo)) {
		if !slices.Contains(append(open, elsewhere...), route) && !slices.ContainsFunc(tries, func(tr try) bool { return tr.route == route }) {
			t.Errorf("%s is tried by nobody", route)
		}
	}
	for _, tr := range tries {
		method, _, _ := strings.Cut(tr.route, " ")
		request := func(as, path string, status int) step {
			return step{as: as, do: method + " " + path, body: tr.body, header: tr.header, status: status}
		}
		t.Run(tr.route+" "+tr.row, func(t *testing.T) {
			may, ok := matrix[tr.row]
			if !ok {
				t.Fatalf("the matrix has no row %q", tr.row)
			}
			used := true // a refusal leaves it as it was
			for i, role := range roles {
				status := tr.status
				if may[i] == '-' {
					status = http.StatusForbidden
				}
				as := role
				if tr.fresh == "session" {
					as = role + " leaving"
				}
				if used {
					s.prepare(t, tr.fresh)
				}
				a := s.take(t, request(as, tr.path, status))
				used = a.status < 300
				if status == http.StatusForbidden && strings.Contains(string(a.body), "A-12") {
					t.Errorf("%s is refused, and told %s", role, a.body)
				}
				if tr.other == "" || scopes[role][1] == "" {
					continue
				}
				// Outside the scope it is as if it did not exist, to the letter.
				outside := s.take(t, request(role+" far", tr.path, http.StatusNotFound))
				nothing := s.take(t, request(role+" far", tr.other, http.StatusNotFound))
				if a, b := anonymous(t, outside), anonymous(t, nothing); a != b {
					t.Errorf("%s outside the scope: %s\nof nothing at all: %s", role, a, b)
				}
			}
			s.take(t, request("", tr.path, http.StatusUnauthorized))
		})
	}
}

// anonymous is a problem without what tells one request from another: its number and the name that was asked for.
func anonymous(t *testing.T, a *answer) string {
	t.Helper()
	var p map[string]any
	a.json(t, &p)
	delete(p, "instance")
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer("NEAR", "…", "NONE", "…").Replace(string(b))
}

// pages are the same for people. Whoever may gets a page or is sent on to one; an empty form is told what it lacks.
var pages = []try{
	{route: "GET /", row: "signed in", path: "/"},
	{route: "POST /sign-out", row: "signed in", path: "/sign-out", fresh: "session"},
	{route: "GET /search", row: "name and stall, masked too", path: "/search?q=tam&market=NEAR"},
	{route: "GET /guide", row: "signed in", path: "/guide"},
	{route: "GET /targets", row: "see targets", path: "/targets?market=NEAR"},
	{route: "POST /targets", row: "targets", path: "/targets?market=NEAR", body: raw{form, "indicator=accepting&value=70+%25&due=2026-12-31&document=KH"}},
	{route: "POST /targets/end", row: "targets", path: "/targets/end?market=NEAR", body: raw{form, "target=$target"}, fresh: "target"},
	{route: "GET /coverage", row: "coverage", path: "/coverage?market=NEAR"},
	{route: "GET /figures", row: "coverage", path: "/figures?market=NEAR"},
	{route: "POST /figures", row: "report figures", path: "/figures?market=NEAR", body: raw{form, "indicator=qr_points&provider=viettel_money&value=2.600&until=2026-10-31&method=partner_reported&source=Viettel"}},
	{route: "POST /figures/withdraw", row: "report figures", path: "/figures/withdraw?market=NEAR", body: raw{form, "figure=$figure&reason=x"}, fresh: "figure"},
	{route: "GET /campaigns", row: "coverage", path: "/campaigns?market=NEAR"},
	{route: "POST /campaigns", row: "campaigns", path: "/campaigns?market=NEAR", body: raw{form, "provider=viettel_money&name=x&from=2026-10-01&until=2026-10-31&document=TB"}},
	{route: "POST /campaigns/marks", row: "consent, placard at stall", path: "/campaigns/marks?market=NEAR", body: raw{form, "campaign=$campaign&stall=A-12&kind=told"}, fresh: "campaign"},
	{route: "GET /account", row: "signed in", path: "/account"},
	{route: "POST /account/sessions", row: "signed in", path: "/account/sessions", body: raw{form, "session=0123456789abcdef"}},
	{route: "POST /account/phone", row: "a volunteer's phone", path: "/account/phone", body: raw{form, "pin=270419&again=270419"}, own: true},
	{route: "POST /account/recovery-codes", row: "signed in", path: "/account/recovery-codes", body: raw{form, ""}},
	{route: "GET /account/second-factor", row: "signed in", path: "/account/second-factor"},
	{route: "POST /account/second-factor", row: "signed in", path: "/account/second-factor", body: raw{form, ""}},
	{route: "POST /account/second-factor/code", row: "signed in", path: "/account/second-factor/code", body: raw{form, "code=000"}},
	{route: "GET /people", row: "people, grants, keys", path: "/people", own: true},
	{route: "POST /people", row: "people, grants, keys", path: "/people", body: raw{form, "name=$code&role=volunteer&scope=market:NEAR"}, fresh: "name", own: true},
	{route: "GET /people/:person", row: "people, grants, keys", path: "/people/$person", fresh: "person"},
	{route: "POST /people/:person", row: "people, grants, keys", path: "/people/$person", body: raw{form, "do=link"}, fresh: "person"},
	{route: "GET /teams", row: "see teams", path: "/teams", own: true},
	{route: "POST /teams", row: "make and send teams", path: "/teams", body: raw{form, "code=$code&name=T&level=commune&area=31321&market=NEAR"}, fresh: "name", own: true},
	{route: "GET /teams/:team", row: "see teams", path: "/teams/T1"},
	{route: "GET /teams/:team/months", row: "see teams", path: "/teams/T1/months"},
	{route: "POST /teams/:team/:what", row: "look after a team", path: "/teams/T1/members", body: raw{form, "name=Chín $code"}, fresh: "name"},
	{route: "GET /markets/:market/incidents", row: "name and stall", path: "/markets/NEAR/incidents"},
	{route: "POST /markets/:market/incidents", row: "approve a first account", path: "/markets/NEAR/incidents", body: raw{form, "incident=$incident&version=$etag&closing=mistake&note=x"}, fresh: "incident"},
	{route: "GET /webhooks", row: "webhooks", path: "/webhooks", own: true},
	{route: "POST /webhooks", row: "webhooks", path: "/webhooks", body: raw{form, "provider=viettel_money&url=https://partner.example/"}, own: true},
	{route: "GET /webhooks/:webhook", row: "webhooks", path: "/webhooks/$webhook", fresh: "webhook", own: true},
	{route: "POST /webhooks/:webhook", row: "webhooks", path: "/webhooks/$webhook", body: raw{form, "do=approve"}, fresh: "webhook", own: true},
	{route: "GET /keys", row: "people, grants, keys", path: "/keys", own: true},
	{route: "POST /keys", row: "people, grants, keys", path: "/keys", body: raw{form, "name=k&days=30&role=volunteer&scope=market:NEAR"}, own: true},
	{route: "POST /keys/:key", row: "people, grants, keys", path: "/keys/$key", body: raw{form, "do=rotate"}, fresh: "key"},
	{route: "GET /markets/:market", row: "market", path: "/markets/NEAR"},
	{route: "GET /markets/:market/stalls/:stall", row: "name and stall, masked too", path: "/markets/NEAR/stalls/A-12"},
	{route: "POST /markets/:market/stalls/:stall/status", row: "register, edit", path: "/markets/NEAR/stalls/$stall/status", body: raw{form, "status=closed&reason=illness"}, fresh: "stall"},
	{route: "POST /markets/:market/stalls/:stall/transfer", row: "register, edit", path: "/markets/NEAR/stalls/$stall/transfer", body: raw{form, "name=Lan&reason=sold&sure=1"}, fresh: "stall"},
	{route: "POST /markets/:market/stalls/:stall/closure", row: "register, edit", path: "/markets/NEAR/stalls/$stall/closure", body: raw{form, "reason=sold"}, fresh: "stall"},
	{route: "POST /markets/:market/stalls/:stall/move", row: "register, edit", path: "/markets/NEAR/stalls/$stall/move", body: raw{form, "to=$free&reason=sold"}, fresh: "stall"},
	{route: "POST /markets/:market/stalls/:stall/card", row: "register, edit", path: "/markets/NEAR/stalls/A-12/card", body: raw{form, "placard_languages=vi"}},
	{route: "POST /markets/:market/stalls/:stall/stand", row: "consent, placard at stall", path: "/markets/NEAR/stalls/A-12/stand", body: raw{"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"payload\"\r\n\r\nabc\r\n--x--\r\n"}},
	{route: "POST /markets/:market/stalls/:stall/holder-consent", row: "consent, placard at stall", path: "/markets/NEAR/stalls/$stall/holder-consent", body: raw{form, "given=face_to_face&version=$relatives"}, fresh: "relative"},
	{route: "POST /markets/:market/stalls/:stall/steps/:step", row: "consent, placard at stall", path: "/markets/NEAR/stalls/$stall/steps/name_heard", body: raw{form, "heard_name=Lan&how=quầy&version=$relatives"}, fresh: "relative"},
	{route: "POST /markets/:market/stalls/:stall/default", row: "propose an account", path: "/markets/NEAR/stalls/$stall/default", body: raw{form, "account=$account"}, fresh: "two accounts"},
	{route: "POST /markets/:market/stalls/:stall/default/withdrawal", row: "propose an account", path: "/markets/NEAR/stalls/$stall/default/withdrawal", body: raw{form, "version=$proposal&reason=" + strings.Repeat("x", 600)}, fresh: "default"}, // too long, since only who proposed it may take it back
	{route: "GET /markets/:market/new-stall", row: "register, edit", path: "/markets/NEAR/new-stall"},
	{route: "POST /markets/:market/new-stall", row: "register, edit", path: "/markets/NEAR/new-stall", body: raw{form, "code=A-12"}},
	{route: "GET /markets/:market/vendors/:vendor", row: "name and stall, masked too", path: "/markets/NEAR/vendors/$approvedvendor"},
	{route: "POST /markets/:market/vendors/:vendor", row: "register, edit", path: "/markets/NEAR/vendors/$approvedvendor", body: raw{form, "name=Lan&kind=grower&sim_registered=yes"}},
	{route: "POST /markets/:market/vendors/:vendor/merge", row: "register, edit", path: "/markets/NEAR/vendors/$approvedvendor/merge", body: raw{form, "stall=Z-9"}},
	{route: "POST /markets/:market/vendors/:vendor/requests", row: "what people ask of theirs", path: "/markets/NEAR/vendors/$approvedvendor/requests", body: raw{form, "kind=see&came=desk"}},
	{route: "POST /markets/:market/vendors/:vendor/copy", row: "full phone or account", path: "/markets/NEAR/vendors/$approvedvendor/copy", body: raw{form, "reason=xem"}},
	{route: "GET /markets/:market/requests", row: "what people ask of theirs", path: "/markets/NEAR/requests"},
	{route: "POST /requests/:request", row: "what people ask of theirs", path: "/requests/$request", body: raw{form, "decision=acknowledge"}, fresh: "asked"},
	{route: "POST /requests/:request", row: "erase a person", path: "/requests/$request", body: raw{form, "decision=done&etag=$asked"}, fresh: "asked"},
	{route: "GET /markets/:market/edit", row: "open a market", path: "/markets/NEAR/edit"},
	{route: "POST /markets/:market/edit", row: "open a market", path: "/markets/NEAR/edit", body: raw{form, "name=x&class=2"}},
	{route: "GET /markets/:market/order", row: "register, edit", path: "/markets/NEAR/order"},
	{route: "POST /markets/:market/order", row: "register, edit", path: "/markets/NEAR/order", body: raw{form, "name=x&place=1"}},
	{route: "GET /markets/:market/import", row: "import", path: "/markets/NEAR/import"},
	{route: "POST /markets/:market/import", row: "import", path: "/markets/NEAR/import", body: smallLedger},
	{route: "GET /imports/:import", row: "import", path: "/imports/$import", fresh: "preview"},
	{route: "POST /imports/:import/commit", row: "import", path: "/imports/$import/commit", body: raw{form, "attested=vi-1"}, fresh: "preview"},
	{route: "POST /imports/:import/discard", row: "import", path: "/imports/$import/discard", body: raw{form, ""}, fresh: "preview"},
	{route: "POST /imports/:import/mapping", row: "import", path: "/imports/$import/mapping", body: raw{form, "role-A=code"}, fresh: "preview"},
	{route: "POST /imports/:import/rows", row: "import", path: "/imports/$import/rows", body: raw{form, "row=2&cell-A=Z-1"}, fresh: "preview"},
	{route: "GET /markets/:market/approvals", row: "name and stall", path: "/markets/NEAR/approvals"}, // who brought an account in sees what became of it
	{route: "POST /markets/:market/approvals", row: "approve a first account", path: "/markets/NEAR/approvals", body: raw{form, "decision=approve&account=$ticked"}, fresh: "proposal"},
	{route: "POST /markets/:market/approvals/defaults", row: "approve a change", path: "/markets/NEAR/approvals/defaults", body: raw{form, "$wish"}, fresh: "default"},
	{route: "GET /markets/:market/print", row: "print", path: "/markets/NEAR/print"},
	{route: "POST /markets/:market/print", row: "print", path: "/markets/NEAR/print", body: raw{form, "which=all&all=true"}},
	{route: "GET /print-batches/:batch", row: "print", path: "/print-batches/$batch"},
	{route: "POST /print-batches/:batch/draw", row: "print", path: "/print-batches/$batch/draw", body: raw{form, ""}},
	{route: "GET /markets/:market/paper", row: "print", path: "/markets/NEAR/paper"},
	{route: "POST /markets/:market/paper/printers", row: "print", path: "/markets/NEAR/paper/printers", body: raw{form, "name=HP&right=1,5&down=-2"}},
	{route: "POST /markets/:market/paper/sheets", row: "sheets and designs", path: "/markets/NEAR/paper/sheets", body: raw{form, "name=tomy-104&columns=3&rows=8&left=0&top=0,5&width=70&height=37&gap_x=0&gap_y=0"}},
	{route: "POST /markets/:market/paper/designs", row: "sheets and designs", path: "/markets/NEAR/paper/designs", body: raw{"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nCham\r\n--x--\r\n"}},
	{route: "GET /markets/:market/exports", row: "export vendor rows", path: "/markets/NEAR/exports"},
	{route: "POST /markets/:market/exports/:file", row: "export vendor rows", path: "/markets/NEAR/exports/vendors.xlsx", body: raw{form, ""}},
	{route: "POST /markets/:market/stalls/:stall/reveal", row: "full phone or account", path: "/markets/NEAR/stalls/A-12/reveal", body: raw{form, "field=phone&reason=xem"}},
	{route: "POST /markets/:market/stalls/:stall/sharing", row: "consent, placard at stall", path: "/markets/NEAR/stalls/A-12/sharing", body: raw{form, "provider=viettel_money"}},
	{route: "GET /markets/:market/old-placards", row: "name and stall, masked too", path: "/markets/NEAR/old-placards"},
	{route: "GET /markets/:market/audit", row: "audit page", path: "/markets/NEAR/audit"},
	{route: "POST /markets/:market/audit/exports/:file", row: "audit export", path: "/markets/NEAR/audit/exports/trail.csv", body: raw{form, ""}},
	{route: "GET /audit", row: "service's audit page", path: "/audit", own: true},
	{route: "POST /audit/exports/:file", row: "service's audit export", path: "/audit/exports/trail.csv", body: raw{form, ""}, own: true},
	{route: "GET /placards/:serial", row: "name and stall, masked too", path: "/placards/$printed"},
	{route: "POST /placards/:serial", row: "suspend", path: "/placards/$placard", body: raw{form, "kind=suspended&reason=x"}, fresh: "placard"},
	{route: "POST /placards/:serial", row: "resume", path: "/placards/$placard", body: raw{form, "kind=resumed&reason=x"}, fresh: "stopped"},
	{route: "POST /markets/:market/old-placards", row: "consent, placard at stall", path: "/markets/NEAR/old-placards", body: raw{form, "serial=$printed"}},
}

// openPages need no sign-in.
var openPages = []string{"GET /openapi.json", "GET /app", "GET /app/worker.js", "GET /app/words.json", "GET /app/manifest.webmanifest", "GET /docs", "GET /guide/:role", "GET /static/*", "GET /favicon.ico", "GET /v", "GET /language/:lang", "GET /sign-in", "POST /sign-in",
	"GET /welcome/:token", "POST /welcome/:token", "GET /set-up/:token", "POST /set-up/:token", "GET /sign-in/code", "POST /sign-in/code", "POST /sign-in/pin", "GET /healthz", "GET /readyz", "GET /v/:serial"}

const form = "application/x-www-form-urlencoded"

func TestEveryPageWithEveryRole(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for _, r := range s.h.(*echo.Echo).Routes() {
		route := r.Method + " " + r.Path
		if !strings.HasPrefix(r.Path, "/api/") && !slices.Contains(openPages, route) && !slices.ContainsFunc(pages, func(tr try) bool { return tr.route == route }) {
			t.Errorf("%s is tried by nobody", route)
		}
	}
	for _, tr := range pages {
		method, _, _ := strings.Cut(tr.route, " ")
		t.Run(tr.route, func(t *testing.T) {
			used := true
			ask := func(as string) *answer {
				if used {
					s.prepare(t, tr.fresh)
				}
				a := s.do(t, step{as: as, do: method + " " + tr.path, body: tr.body})
				used = a.status < 400
				return a
			}
			for i, role := range roles {
				as := role
				if tr.fresh == "session" {
					as = role + " leaving"
				}
				a := ask(as)
				switch allowed := matrix[tr.row][i] == '+'; {
				case allowed && (a.status >= 500 || slices.Contains([]int{401, 403, 404, 405}, a.status) || a.header.Get("Location") == "/sign-in" && tr.fresh != "session"):
					t.Errorf("%s may, and is answered %d %s: %s", role, a.status, a.header.Get("Location"), clip(a.body))
				case !allowed && a.status != http.StatusForbidden:
					t.Errorf("%s may not, and is answered %d: %s", role, a.status, clip(a.body))
				}
				if tr.row != "signed in" && !tr.own && scopes[role][1] != "" {
					if a := ask(role + " far"); a.status != http.StatusNotFound || strings.Contains(string(a.body), "Chợ Vị Thanh") {
						t.Errorf("%s outside the scope is answered %d: %s", role, a.status, clip(a.body))
					}
				}
			}
			if a := ask(""); a.status != http.StatusSeeOther || !strings.HasPrefix(a.header.Get("Location"), "/sign-in") {
				t.Errorf("nobody is answered %d %s", a.status, a.header.Get("Location"))
			}
		})
	}
}

// TestKeysHaveTheSameRights: a program may do what a person of its role may, but approve.
func TestKeysHaveTheSameRights(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for _, tr := range tries {
		if tr.people || tr.fresh != "" || tr.body != nil || strings.HasPrefix(tr.path, "/api/v1/print-batches/$batch.") { // reading is enough
			continue
		}
		method, _, _ := strings.Cut(tr.route, " ")
		for i, role := range roles {
			status := tr.status
			if matrix[tr.row][i] == '-' {
				status = http.StatusForbidden
			}
			s.take(t, step{as: role + " key", do: method + " " + tr.path, status: status})
		}
	}
	for _, role := range roles {
		s.prepare(t, "proposal")
		s.take(t, step{as: role + " key", do: "POST /api/v1/accounts/$account/decision", body: `{"decision":"approve"}`, header: []string{"If-Match", "$etag"}, status: 403})
	}
	if n := s.count(`SELECT count(*) FROM account_decisions WHERE decided_by LIKE 'key:%'`); n != 0 {
		t.Errorf("keys decided %d times", n)
	}
}

// TestListsKeepToTheScope: what is in another market shows in no list, count or figure.
func TestListsKeepToTheScope(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.take(t, step{as: "clerk far", do: "POST " + far + "/stalls", body: stallJSON("F-77", "Xa", "Đỗ Thị Lan", "0712345673"), status: 201})
	for _, role := range []string{"clerk", "manager", "volunteer", "leader", "officer", "auditor"} {
		for _, path := range []string{"/api/v1/markets", "/api/v1/markets?q=an+duong", "/api/v1/coverage", "/api/v1/coverage?by=market",
			near + "/stalls?q=F-77", near + "/stalls?q=345673"} {
			s.take(t, step{as: role, do: "GET " + path, status: 200, want: []string{"!FAR", "!F-77", "!Lan", "!Xa", `!"vendors":2`}})
		}
	}
	// An area out of scope is not there, like one that does not exist.
	for _, role := range []string{"clerk", "manager", "volunteer", "leader", "officer", "auditor"} {
		for _, area := range []string{"31", "11300", "77777"} {
			s.take(t, step{as: role, do: "GET /api/v1/coverage?by=section&area=" + area, status: 404, want: []string{"area-not-found"}})
		}
	}
	s.take(t, step{as: "officer", do: "GET /api/v1/coverage?area=92", status: 200, want: []string{"!area-not-found"}})
	// A market's code is the country's, so that one is taken shows; who has it does not.
	taken := map[string]string{}
	for _, code := range []string{"FAR", "NEAR"} {
		a := s.take(t, step{as: "officer", do: "POST /api/v1/markets", body: `{"code":"` + code + `","name":"Chợ","area":"31321"}`, status: 409, want: []string{"market-exists", code + "2", "!Chợ Vị Thanh", "!Chợ Xa"}})
		taken[code] = strings.ReplaceAll(anonymous(t, a), code, "…")
	}
	if taken["FAR"] != taken["NEAR"] {
		t.Errorf("a code taken outside the scope: %s\ninside: %s", taken["FAR"], taken["NEAR"])
	}
	// An account of one market under the name of another is none.
	ref, err := registry.ParseRef[registry.Account](s.vars["approved"])
	if err != nil {
		t.Fatal(err)
	}
	s.vars["mixed"] = registry.AccountRef{Market: "FAR", ID: ref.ID}.String()
	s.vars["unknown"] = registry.AccountRef{Market: "FAR", ID: id.New[registry.Account]()}.String()
	a := s.take(t, step{as: "clerk far", do: "GET /api/v1/accounts/$mixed", status: 404})
	b := s.take(t, step{as: "clerk far", do: "GET /api/v1/accounts/$unknown", status: 404})
	if anonymous(t, a) != anonymous(t, b) {
		t.Errorf("%s\n%s", a.body, b.body)
	}
}
