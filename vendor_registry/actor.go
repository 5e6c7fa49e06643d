package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// Role is what a grant lets somebody be.
type Role string

// The roles of a grant.
const (
	Clerk     Role = "clerk"     // a market board's office
	Manager   Role = "manager"   // its head
	Volunteer Role = "volunteer" // member of a community digital team
	Leader    Role = "leader"    // leads one
	Officer   Role = "officer"   // commune or province
	Partner   Role = "partner"   // telecom firm or bank
	Auditor   Role = "auditor"
	Admin     Role = "admin" // runs the service, sees no vendor
)

// ScopeKind is what a grant reaches over.
type ScopeKind string

// The kinds of scope.
const (
	OverMarket   ScopeKind = "market"
	OverArea     ScopeKind = "area" // the unit and all below it
	OverTeam     ScopeKind = "team" // the team's markets
	OverProvider ScopeKind = "provider"
	OverAll      ScopeKind = "all"
)

// scopesOf says over what each role may be granted.
var scopesOf = map[Role][]ScopeKind{
	Clerk: {OverMarket}, Manager: {OverMarket},
	Volunteer: {OverTeam, OverMarket}, Leader: {OverTeam, OverMarket},
	Officer: {OverArea, OverAll}, Partner: {OverProvider}, Auditor: {OverArea, OverAll}, Admin: {OverAll},
}

// Grant is a role over a scope.
type Grant struct {
	Role Role      `json:"role"`
	Kind ScopeKind `json:"scope"`
	Code string    `json:"code,omitempty"` // of the market, area, team or provider; empty for all
	// Since is the day on which a grant over an area was made, 2025-07-01, whose map it is read on; empty: today's.
	Since string `json:"since,omitempty"`

	Until Day `json:"until,omitzero"` // the last day on which it holds; zero: no end
}

// ParseGrant reads a role and a scope as KIND:CODE ("market:VT", "area:92", "all"). Faults: Invalid.
func ParseGrant(role, scope string) (Grant, error) {
	kind, code, _ := strings.Cut(scope, ":")
	g := Grant{Role: Role(role), Kind: ScopeKind(kind), Code: code}
	kinds, known := scopesOf[g.Role]
	switch {
	case !known:
		return g, fault.New(fault.Invalid, "role-unknown",
			"There is no role %q. Roles: clerk manager volunteer leader officer partner auditor admin.", role)
	case !slices.Contains(kinds, g.Kind):
		return g, fault.New(fault.Invalid, "scope-wrong", "A %s is granted over: %s. Write it as KIND:CODE.", g.Role, kindList(kinds))
	case (g.Kind == OverAll) != (g.Code == ""):
		return g, fault.New(fault.Invalid, "scope-wrong", "A %s is granted over: %s. Write it as KIND:CODE.", g.Role, kindList(kinds))
	}
	return g, nil
}

func kindList(kinds []ScopeKind) string {
	var b strings.Builder
	for i, k := range kinds {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(k))
	}
	return b.String()
}

// Actor is who acts: a person, a key, the console or the service itself, with the grants as they are now.
type Actor struct {
	ID        string // "person:0193…", "key:0193…", "console", "system": what records and audit name
	Name      string // for messages; never stored with a fact
	Via       string // web, api, console, system
	RequestID string
	Grants    []Grant
	SteppedUp time.Time // when the person last showed a second factor in this session; zero: not yet
	Also      []string  // who had a hand in what the actor only sends in, as IDs: none of them may approve it either
}

// hands are all who touched what an actor brings in.
func (a Actor) hands() []string {
	all := []string{a.ID}
	for _, who := range a.Also {
		if !slices.Contains(all, who) {
			all = append(all, who)
		}
	}
	return all
}

// StepUpLives is how long a second factor counts for what wants a fresh one.
const StepUpLives = 5 * time.Minute

// Fresh checks that the second factor was shown within StepUpLives. The console has none: whoever may open the database could do
// anything, so it acts by name and on the record. Faults: Unauthenticated step-up-needed.
func (a Actor) Fresh(now time.Time) error {
	if a.Via == "console" || now.Sub(a.SteppedUp) <= StepUpLives {
		return nil
	}
	return fault.New(fault.Unauthenticated, "step-up-needed", "Type the code of your authenticator app: this wants one that is not older than %d minutes.",
		int(StepUpLives.Minutes()))
}

// helper is the name by which a vendor knows who helped: a person's; programs and the console have none.
func (a Actor) helper() string {
	if strings.HasPrefix(a.ID, "person:") {
		return a.Name
	}
	return ""
}

// Console is whoever may run the program against the database. It may do everything but approve.
func Console() Actor { return Actor{ID: "console", Name: "console", Via: "console"} }

// system is the service's own hand.
func system(requestID string) Actor {
	return Actor{ID: "system", Name: "system", Via: "system", RequestID: requestID}
}

// Action is what a rule protects. Handlers and pages name actions, never roles.
type Action string

// The actions of the matrix in SECURITY.
const (
	RegisterStall    Action = "register-stall"     // register and edit a stall, its vendor, who holds it
	SeeVendors       Action = "see-vendors"        // name and stall
	SeeMaskedVendors Action = "see-masked-vendors" // the same with the name masked
	ProposeAccount   Action = "propose-account"
	ApproveFirst     Action = "approve-first-account"
	ApproveChange    Action = "approve-account-change"
	ConfirmAccount   Action = "confirm-account" // a wallet's or bank's own word on an account there
	ImportLedger     Action = "import-ledger"
	PrintPlacards    Action = "print-placards"
	SetPaper         Action = "set-paper"    // a market's own sheets and designs
	RecordField      Action = "record-field" // consent, placard handed over, installed, checked
	SuspendPlacard   Action = "suspend-placard"
	ResumePlacard    Action = "resume-placard"
	SeeCoverage      Action = "see-coverage"
	SplitCoverage    Action = "split-coverage" // by provider, section, goods or team, and reports: small groups, others' customers
	CloseQuarter     Action = "close-quarter"  // freeze the figures of one that is over
	SeeTargets       Action = "see-targets"
	SetTargets       Action = "set-targets"
	ReportFigures    Action = "report-figures" // what others counted, sampled, estimated or claim
	RunCampaigns     Action = "run-campaigns"  // a provider's promotions
	SeeMarket        Action = "see-market"     // that it exists, its name and area
	ChangeMarket     Action = "change-market"
	SettleClashes    Action = "settle-clashes"   // between two versions of one record
	ChangeProviders  Action = "change-providers" // the list of banks and wallets
	ChangeAreas      Action = "change-areas"     // the map of the country
	ExportRows       Action = "export-rows"      // files of a market's vendors
	ExportCustomers  Action = "export-customers" // a provider's own, with their consent
	RevealNumber     Action = "reveal-number"    // a phone or an account in full, outside a placard
	AnswerRequests   Action = "answer-requests"  // what people ask about their own data
	EraseVendor      Action = "erase-vendor"     // for good
	SeeAudit         Action = "see-audit"        // what happened, who did it, from where
	SeeOwnKeys       Action = "see-own-keys"     // of it what a provider's own keys did
	VerifyAudit      Action = "verify-audit"     // whether it is whole
	SealAudit        Action = "seal-audit"       // commit to rows of older releases: the console alone
	ExportAudit      Action = "export-audit"     // all of it, for who checks it elsewhere
	ManagePeople     Action = "manage-people"    // people, grants, keys: which ones is the rule of package auth
	SeeTeams         Action = "see-teams"        // who is in a team, where it goes, what it did
	ManageTeams      Action = "manage-teams"     // members, training, statements
	AssignTeams      Action = "assign-teams"     // new teams, and the markets that a team reaches
	FollowChanges    Action = "follow-changes"   // the feed of stages
	KeepWebhooks     Action = "keep-webhooks"    // addresses to which a provider's part of the feed is sent
	CloseIncident    Action = "close-incident"   // a code that was found and is not the vendor's
)

// rights is the whole matrix: who may do what inside the scope of a grant.
var rights = map[Action][]Role{
	RegisterStall:    {Clerk, Manager, Volunteer, Leader},
	SeeVendors:       {Clerk, Manager, Volunteer, Leader, Officer},
	SeeMaskedVendors: {Auditor},
	ProposeAccount:   {Clerk, Manager, Volunteer, Leader},
	ApproveFirst:     {Manager, Leader, Officer},
	ApproveChange:    {Manager, Officer},
	ConfirmAccount:   {Partner},
	ImportLedger:     {Clerk, Manager},
	PrintPlacards:    {Clerk, Manager, Volunteer, Leader},
	SetPaper:         {Clerk, Manager},
	RecordField:      {Clerk, Manager, Volunteer, Leader},
	SuspendPlacard:   {Clerk, Manager, Volunteer, Leader, Officer},
	ResumePlacard:    {Manager, Officer},
	SeeCoverage:      {Clerk, Manager, Volunteer, Leader, Officer, Partner, Auditor},
	SplitCoverage:    {Clerk, Manager, Volunteer, Leader, Officer, Auditor},
	CloseQuarter:     {Officer},
	SeeTargets:       {Clerk, Manager, Volunteer, Leader, Officer, Auditor},
	SetTargets:       {Manager, Officer},
	ReportFigures:    {Manager, Officer, Partner},
	RunCampaigns:     {Officer, Partner},
	SeeMarket:        {Clerk, Manager, Volunteer, Leader, Officer, Partner, Auditor, Admin},
	ChangeMarket:     {Officer, Admin},
	SettleClashes:    {Manager, Leader},
	ChangeProviders:  {Admin},
	ChangeAreas:      {Admin},
	ExportRows:       {Manager},
	ExportCustomers:  {Partner},
	RevealNumber:     {Clerk, Manager, Leader},
	AnswerRequests:   {Clerk, Manager},
	EraseVendor:      {Manager},
	SeeAudit:         {Clerk, Manager, Officer, Auditor},
	SeeOwnKeys:       {Partner},
	VerifyAudit:      {Auditor, Admin},
	SealAudit:        {},
	ExportAudit:      {Auditor},
	ManagePeople:     {Manager, Leader, Officer, Admin},
	SeeTeams:         {Clerk, Manager, Volunteer, Leader, Officer},
	ManageTeams:      {Manager, Leader, Officer},
	AssignTeams:      {Manager, Officer},
	FollowChanges:    {Manager, Officer, Partner},
	KeepWebhooks:     {Partner, Admin},
	CloseIncident:    {Manager, Leader, Officer},
}

// reaches reports whether a grant's scope covers a market. A grant over an area is one over the land that the area had on the day
// it was made: officer of Hậu Giang, one still reaches the markets that were in it, and not the province that it became a part of;
// officer of the old Cần Thơ, one does not gain two provinces over night because the code goes on. Reach is widened by a new grant.
func (g Grant) reaches(m Market) bool {
	switch g.Kind {
	case OverAll, OverProvider: // a provider's customers may be in any market; what of it is shown is the action's rule
		return true
	case OverMarket:
		return g.Code == m.Code
	case OverTeam:
		return slices.Contains(m.Teams, g.Code)
	case OverArea:
		return m.laidIn(g.Code, g.Since)
	}
	return false
}

// can reports whether the actor may do something in a market, and whether the market is in scope at all.
func (a Actor) can(do Action, m Market) (allowed, inScope bool) {
	if a.ID == "console" || a.ID == "system" {
		return do != ApproveFirst && do != ApproveChange, true
	}
	for _, g := range a.Grants {
		if g.reaches(m) {
			inScope = true
			allowed = allowed || slices.Contains(rights[do], g.Role)
		}
	}
	return allowed, inScope
}

// Can reports whether the actor may do something in a market: for pages, which show no button that would be refused.
func (a Actor) Can(do Action, m Market) bool {
	ok, _ := a.can(do, m)
	return ok
}

// InScope reports whether any grant of the actor's reaches a market: what does not is to the actor as if it did not exist.
func (a Actor) InScope(m Market) bool {
	_, in := a.can(SeeMarket, m)
	return in
}

// CanSomewhere reports whether any grant of the actor's allows the action at all.
func (a Actor) CanSomewhere(do Action) bool {
	if a.ID == "console" {
		return true
	}
	return slices.ContainsFunc(a.Grants, func(g Grant) bool { return slices.Contains(rights[do], g.Role) })
}

// market finds a market and checks what the actor may do there. Faults: NotFound market-not-found, also when the market is
// out of the actor's scope; Forbidden when it is in scope and the action is not allowed.
func market(ctx context.Context, db postgres.Querier, by Actor, do Action, code string) (Market, error) {
	m, err := selectMarket(ctx, db, code)
	if isNoRows(err) {
		return m, marketNotFound(code)
	}
	if err != nil {
		return m, err
	}
	return m, by.may(do, m)
}

// may is nil where the actor may do something in a market, else a fault as market has it.
func (a Actor) may(do Action, m Market) error {
	switch ok, inScope := a.can(do, m); {
	case !inScope:
		return marketNotFound(m.Code)
	case !ok:
		return Forbidden()
	}
	return nil
}

// Allowed is market for the packages beside this one, which open the transaction.
func Allowed(ctx context.Context, db postgres.Querier, by Actor, do Action, code string) (Market, error) {
	return market(ctx, db, by, do, code)
}

func marketNotFound(code string) error {
	if len(code) > 40 {
		code = code[:40] + "…"
	}
	return fault.New(fault.NotFound, "market-not-found", "There is no market %q here.", strings.ToValidUTF8(code, "�"))
}

// Forbidden is the fault of who may see something and not do this to it.
func Forbidden() error {
	return fault.New(fault.Forbidden, "not-allowed", "Your role here does not allow this. Ask the market board's manager.")
}

func isNoRows(err error) bool { return errors.Is(err, pgx.ErrNoRows) }

func actionContext(do, subject string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", do, subject, err)
}
