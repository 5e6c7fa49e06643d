// Package web is the only one that knows HTTP: the pages, the API under /api/v1, and what a phone sends.
package web

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"sync/atomic"
	"time"

	"cho40/internal/auth"
	"cho40/internal/fault"
	"cho40/internal/postgres"
	"cho40/migrations"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"
	"cho40/vendor_registry/fieldwork"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/prometheus/client_golang/prometheus"
)

// Config is what a Server is made of.
type Config struct {
	DB      *pgxpool.Pool
	Now     func() time.Time
	Log     *slog.Logger
	KeyRate int    // requests a minute for a program's key; 0: 600
	Rates   *Rates // shared with other processes; nil: this one counts for itself

	Proxies []netip.Prefix              // whose X-Forwarded-For and X-Forwarded-Proto count
	Public  *url.URL                    // where people open the service; nil: under whatever name they like
	Erased  func(context.Context) error // writes down outside the database who was erased; nil: nobody does
	// Checkpoints are what chains are compared with when somebody asks whether they are whole; nil: only with themselves and the record.
	Checkpoints *registry.Checkpoints
	Loopback    bool          // webhooks may lead to this machine, over http: for trying out
	HTTPS       time.Duration // how long a browser that came over HTTPS comes back over HTTPS only; 0: a year

	Replica *postgres.Replica // that shares and series are read from while it is not too far behind; nil: there is none

	Metrics prometheus.Registerer // takes the figures of requests; nil: none are kept

	Within time.Duration // how long a request may take before it is told to come again; 0: 30 seconds
}

// Server answers HTTP.
type Server struct {
	db        *pgxpool.Pool
	now       func() time.Time
	log       *slog.Logger
	registry  *registry.Service
	coverage  *coverage.Service
	fieldwork *fieldwork.Service
	auth      *auth.Service
	rates     *Rates
	keyRate   int          // requests a minute for a program's key
	forgot    atomic.Int64 // when answers of old keys were deleted last, in nanoseconds
	pages     *pages
	shell     shell         // of the phone's app
	exports   chan struct{} // a place for each file that may leave at the same time
	reach     reach
	https     time.Duration
	meter     *meter
	erased    func(context.Context) error
	points    *registry.Checkpoints
	loopback  bool
	within    time.Duration
}

// Handler is the whole service as an http.Handler.
func Handler(c Config) http.Handler {
	s := &Server{db: c.DB, now: c.Now, log: c.Log, registry: registry.New(c.DB, c.Now), coverage: coverage.New(c.DB, c.Now).From(c.Replica),
		auth: auth.New(c.DB, c.Now), rates: cmp.Or(c.Rates, NewRates(c.Now)), keyRate: cmp.Or(c.KeyRate, keyRate), pages: parsed(), shell: shelled(), exports: make(chan struct{}, exportsAtOnce),
		reach: reach{c.Proxies, c.Public}, https: cmp.Or(c.HTTPS, httpsFor), meter: newMeter(c.Metrics), erased: c.Erased, points: c.Checkpoints, loopback: c.Loopback, within: cmp.Or(c.Within, answerWithin)}
	s.fieldwork = fieldwork.New(c.DB, s.registry)
	e := s.door()
	e.Use(address, plainBody, crossSite())
	s.routes(e)
	return e
}

// door is an echo with what every answer goes through, errors and panics too.
func (s *Server) door() *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = s.answerError
	e.IPExtractor = s.reach.client()
	e.Pre(head)
	e.Use(s.observe, middleware.RecoverWithConfig(middleware.RecoverConfig{DisablePrintStack: true, LogErrorFunc: s.panicked}),
		s.scheme, s.secure, s.arrive, s.inBounds)
	return e
}

// routes is the whole route table. The API's shapes are in openapi.yaml; a test holds the two together.
func (s *Server) routes(e *echo.Echo) {
	e.GET("/healthz", func(c echo.Context) error { return c.String(http.StatusOK, "ok\n") })
	e.GET("/readyz", s.ready)
	e.GET("/openapi.json", s.openAPI)
	e.GET("/docs", s.docsPage)
	e.GET("/static/*", s.static)
	e.GET("/favicon.ico", func(c echo.Context) error { return c.Redirect(http.StatusMovedPermanently, "/static/favicon.svg") })

	api := e.Group("/api/v1")
	api.POST("/session", s.postSession, s.public)
	api.POST("/session/pin", s.postPIN, s.public)
	api.DELETE("/session/pin", s.deletePIN, s.public)
	self := behind{api, []echo.MiddlewareFunc{s.signedIn}} // also without the second factor that the role wants
	self.GET("/session", s.getSession)
	self.DELETE("/session", s.deleteSession)
	self.GET("/session/second-factor", s.getFactor)
	self.POST("/session/second-factor", s.postFactor)
	self.POST("/session/second-factor/code", s.postFactorCode)
	secret := behind{api, []echo.MiddlewareFunc{s.signedIn, s.enrolled}} // what answers with a secret is kept under no key
	secret.POST("/session/step-up", s.postStepUp)
	secret.POST("/session/recovery-codes", s.postRecovery)
	secret.POST("/session/phone", s.postPhone)
	secret.DELETE("/session/phone", s.deletePhone)
	secret.GET("/sessions", s.getSessions)
	secret.DELETE("/sessions/:session", s.deleteOneSession)
	secret.POST("/markets/:market/vendors/:vendor/copy", s.postCopy)
	secret.POST("/markets/:market/stalls/:stall/reveal", s.postReveal)
	secret.GET("/people", s.getPeople)
	secret.POST("/people", s.postPerson)
	secret.GET("/people/:person", s.getPerson)
	secret.PATCH("/people/:person", s.patchPerson)
	secret.POST("/people/:person/link", s.postLink)
	secret.DELETE("/people/:person/second-factor", s.deleteFactor)
	secret.DELETE("/people/:person/phone", s.deletePersonPhone)
	secret.GET("/keys", s.getKeys)
	secret.POST("/keys", s.postKey)
	secret.POST("/keys/:key/rotation", s.postRotation)
	secret.DELETE("/keys/:key", s.deleteKey)
	secret.POST("/webhooks", s.postWebhook)
	own := behind{api, []echo.MiddlewareFunc{s.signedIn, s.enrolled, s.idempotent}}
	own.GET("/markets", s.getMarkets)
	own.POST("/markets", s.postMarket)
	own.GET("/markets/:market", s.getMarket)
	own.PATCH("/markets/:market", s.patchMarket)
	own.GET("/markets/:market/sections", s.getSections)
	own.PUT("/markets/:market/sections", s.putSections)
	own.PATCH("/markets/:market/sections", s.patchSections)
	own.GET("/areas", s.getAreas)
	own.GET("/markets/:market/stalls", s.getStalls)
	own.POST("/markets/:market/stalls", s.postStall)
	own.GET("/markets/:market/stalls/:stall", s.getStall)
	own.PATCH("/markets/:market/stalls/:stall", s.patchStall)
	own.POST("/markets/:market/stalls/:stall/accounts", s.postAccount)
	own.POST("/markets/:market/stalls/:stall/consent", s.postConsent)
	own.POST("/markets/:market/stalls/:stall/status", s.postStatus)
	own.POST("/markets/:market/stalls/:stall/transfer", s.postTransfer)
	own.POST("/markets/:market/stalls/:stall/closure", s.postClosure)
	own.POST("/markets/:market/stalls/:stall/move", s.postMove)
	own.GET("/markets/:market/stalls/:stall/timeline", s.getTimeline)
	own.GET("/markets/:market/vendors/:vendor", s.getVendor)
	own.PATCH("/markets/:market/vendors/:vendor", s.patchVendor)
	own.POST("/markets/:market/vendors/:vendor/merge", s.postMerge)
	own.GET("/markets/:market/vendors/:vendor/timeline", s.getVendorTimeline)
	own.POST("/markets/:market/vendors/:vendor/requests", s.postRequest)
	own.GET("/markets/:market/requests", s.getRequests)
	own.GET("/requests/:request", s.getRequest)
	own.POST("/requests/:request/answer", s.postRequestAnswer)
	own.GET("/goods-categories", s.getGoods)
	own.GET("/markets/:market/accounts", s.getPending)
	own.POST("/markets/:market/decisions", s.postDecisions)
	own.GET("/accounts/:account", s.getAccount)
	own.POST("/accounts/:account/decision", s.postDecision)
	own.POST("/accounts/:account/withdrawal", s.postWithdrawal)
	own.GET("/accounts/:account/verifications", s.getSteps)
	own.POST("/accounts/:account/verifications", s.postStep)
	own.POST("/markets/:market/stalls/:stall/default", s.postDefault)
	own.GET("/markets/:market/default-proposals", s.getDefaults)
	own.GET("/default-proposals/:proposal", s.getDefault)
	own.POST("/default-proposals/:proposal/decision", s.postDefaultDecision)
	own.GET("/markets/:market/approvers", s.getApprovers)
	own.POST("/markets/:market/hand-over", s.postHandOver)
	own.GET("/markets/:market/tasks", s.getTasks)
	own.GET("/markets/:market/notices", s.getNotices)
	own.POST("/markets/:market/notices/:notice/delivered", s.postDelivered)
	own.POST("/accounts/:account/holder-consent", s.postHolderConsent)
	own.GET("/accounts/:account/qr.png", s.getAccountQR)
	own.GET("/accounts/:account/qr.svg", s.getAccountQR)
	own.GET("/accounts/:account/qr.txt", s.getAccountQR)
	own.POST("/markets/:market/imports", s.postImport)
	own.GET("/imports/:import", s.getImport)
	own.DELETE("/imports/:import", s.deleteImport)
	own.POST("/imports/:import/commit", s.postImportCommit)
	own.GET("/markets/:market/exports/:file", s.getExport)
	own.GET("/exports/:file", s.getCustomers)
	own.GET("/markets/:market/stalls/:stall/sharing", s.getSharing)
	own.POST("/markets/:market/stalls/:stall/sharing", s.postSharing)
	own.POST("/imports/:import/mapping", s.postImportMapping)
	own.POST("/imports/:import/rows", s.postImportRows)
	own.GET("/imports/:import/faulty.csv", s.getFaultyRows)
	own.GET("/imports/:import/faulty.xlsx", s.getFaultyRows)
	own.POST("/markets/:market/stalls/:stall/stands", s.postStand)
	own.POST("/markets/:market/print-batches", s.postBatch)
	own.GET("/markets/:market/print-preview.png", s.getPreview)
	own.GET("/markets/:market/calibration.pdf", s.getCalibration)
	own.GET("/markets/:market/old-placards", s.getOldPlacards)
	own.GET("/markets/:market/printers", s.getPrinters)
	own.POST("/markets/:market/printers", s.postPrinter)
	own.GET("/markets/:market/sheets", s.getSheets)
	own.POST("/markets/:market/sheets", s.postSheet)
	own.GET("/markets/:market/designs", s.getDesigns)
	own.POST("/markets/:market/designs", s.postDesign)
	own.GET("/print-batches/:batch", s.getBatch)
	own.GET("/placards/:serial", s.getPlacard)
	own.GET("/placards/:serial/events", s.getPlacardEvents)
	own.POST("/placards/:serial/events", s.postPlacardEvent)
	own.GET("/search", s.getSearch)
	own.GET("/markets/:market/clashes", s.getClashes)
	own.POST("/markets/:market/clashes/:clash", s.postClash)
	own.GET("/teams", s.getTeams)
	own.POST("/teams", s.postTeam)
	own.GET("/teams/:team", s.getTeam)
	own.PATCH("/teams/:team", s.patchTeam)
	own.PUT("/teams/:team/markets/:market", s.putTeamMarket)
	own.DELETE("/teams/:team/markets/:market", s.deleteTeamMarket)
	own.POST("/teams/:team/members", s.postMember)
	own.PATCH("/teams/:team/members/:member", s.patchMember)
	own.POST("/teams/:team/roster", s.postRoster)
	own.GET("/teams/:team/trainings", s.getTrainings)
	own.POST("/teams/:team/trainings", s.postTraining)
	own.GET("/teams/:team/statements", s.getStatements)
	own.GET("/teams/:team/statements.xlsx", s.getStatementsFile)
	own.GET("/teams/:team/statements.pdf", s.getStatementsPaper)
	own.POST("/teams/:team/statements", s.postStatement)
	own.GET("/team-coverage", s.getSpread)
	own.PUT("/areas/:area/hamlets", s.putHamlets)
	own.GET("/cards", s.getCards)
	own.POST("/cards/:card/read", s.postCardRead)
	own.GET("/field-words", s.getFieldWords)
	own.POST("/markets/:market/stalls/:stall/visits", s.postVisit)
	own.GET("/markets/:market/visits", s.getVisits)
	own.GET("/visits/:visit", s.getVisit)
	own.POST("/visits/:visit/void", s.postVoid)
	own.GET("/markets/:market/plan", s.getPlan)
	own.GET("/markets/:market/pack", s.getPack)
	own.GET("/markets/:market/incidents", s.getIncidents)
	own.GET("/incidents/:incident", s.getIncident)
	own.POST("/incidents/:incident/closure", s.postIncidentClosure)
	own.POST("/sync", s.postSync)
	own.GET("/coverage", s.getCoverage)
	own.GET("/audit", s.getTrail)
	own.GET("/audit/verification", s.getVerification)
	own.GET("/audit/exports/:file", s.getTrailFile)
	own.GET("/markets/:market/audit", s.getTrail)
	own.GET("/markets/:market/audit/verification", s.getVerification)
	own.GET("/markets/:market/audit/exports/:file", s.getTrailFile)
	own.GET("/coverage/history", s.getCoverageHistory)
	own.POST("/coverage/quarters", s.postQuarter)
	own.GET("/markets/:market/reports/:file", s.getReport)
	own.GET("/areas/:area/reports/:file", s.getTable)
	own.GET("/indicators", s.getIndicators)
	own.GET("/targets", s.getTargets)
	own.POST("/targets", s.postTarget)
	own.DELETE("/targets/:target", s.deleteTarget)
	own.GET("/figures", s.getFigures)
	own.POST("/figures", s.postFigure)
	own.GET("/figures/reconciliation", s.getReconciliation)
	own.POST("/figures/:figure/withdrawal", s.postFigureWithdrawal)
	own.GET("/campaigns", s.getCampaigns)
	own.POST("/campaigns", s.postCampaign)
	own.GET("/campaigns/:campaign", s.getCampaign)
	own.DELETE("/campaigns/:campaign", s.deleteCampaign)
	own.POST("/markets/:market/campaigns/:campaign/marks", s.postMark)
	own.POST("/qr/decode", s.postDecode)
	own.POST("/confirmations", s.postConfirmations)
	own.GET("/changes", s.getChanges)
	own.GET("/webhooks", s.getWebhooks)
	own.GET("/webhooks/:webhook", s.getWebhook)
	own.DELETE("/webhooks/:webhook", s.deleteWebhook)
	own.POST("/webhooks/:webhook/approval", s.postWebhookApproval)
	own.GET("/webhooks/:webhook/deliveries", s.getDeliveries)
	own.POST("/webhooks/:webhook/replay", s.postReplay)

	e.GET(appPath, s.appFile("text/html; charset=utf-8", func(a shell) []byte { return a.page }))
	e.GET(workerPath, s.appFile(mediaOf[".js"], func(a shell) []byte { return a.worker }))
	e.GET(wordsPath, s.appFile(echo.MIMEApplicationJSON, func(a shell) []byte { return a.words }))
	e.GET(manifestPath, s.appFile("application/manifest+json", func(a shell) []byte { return a.manifest }))
	e.GET("/guide/:role", s.guidePage, s.public)
	e.GET("/v", s.findPlacard, s.public)
	e.GET("/v/:serial", s.checkPage, s.public)
	e.GET("/language/:lang", s.chooseLanguage)
	e.GET("/sign-in", s.signInPage)
	e.POST("/sign-in", s.signIn, s.public)
	e.GET("/sign-in/code", s.codePage, s.public)
	e.POST("/sign-in/code", s.typeCode, s.public)
	e.POST("/sign-in/pin", s.typePIN, s.public)
	e.GET("/welcome/:token", s.welcomePage, s.public)
	e.POST("/welcome/:token", s.welcome, s.public)
	e.GET("/set-up/:token", s.setUpPage, s.public)
	e.POST("/set-up/:token", s.setUp, s.public)
	mine := behind{e.Group(""), []echo.MiddlewareFunc{s.signedIn, s.freshened}} // also without the second factor that the role wants
	mine.POST("/sign-out", s.signOut)
	mine.GET("/account/second-factor", s.factorPage)
	mine.POST("/account/second-factor", s.beginFactor)
	mine.POST("/account/second-factor/code", s.confirmFactor)
	in := behind{e.Group(""), []echo.MiddlewareFunc{s.signedIn, s.enrolled, s.freshened}}
	in.GET("/account", s.accountPage)
	in.POST("/account/sessions", s.endSession)
	in.POST("/account/phone", s.enrolPhone)
	in.POST("/account/recovery-codes", s.newRecovery)
	in.GET("/people", s.peoplePage)
	in.POST("/people", s.addPerson)
	in.GET("/people/:person", s.personPage)
	in.POST("/people/:person", s.changePerson)
	in.GET("/teams", s.teamsPage)
	in.POST("/teams", s.addTeam)
	in.GET("/teams/:team", s.teamPage)
	in.GET("/teams/:team/months", s.monthsPage)
	in.POST("/teams/:team/:what", s.changeTeam)
	in.GET("/keys", s.keysPage)
	in.POST("/keys", s.addKey)
	in.POST("/keys/:key", s.changeKey)
	in.GET("/webhooks", s.webhooksPage)
	in.POST("/webhooks", s.askForWebhook)
	in.GET("/webhooks/:webhook", s.webhookPage)
	in.POST("/webhooks/:webhook", s.changeWebhook)
	in.GET("/", s.marketsPage)
	in.GET("/search", s.searchPage)
	in.GET("/guide", s.guidePage)
	in.GET("/coverage", s.coveragePage)
	in.GET("/targets", s.targetsPage)
	in.POST("/targets", s.setTarget)
	in.POST("/targets/end", s.endTarget)
	in.GET("/figures", s.figuresPage)
	in.POST("/figures", s.reportFigure)
	in.POST("/figures/withdraw", s.withdrawFigure)
	in.GET("/campaigns", s.campaignsPage)
	in.POST("/campaigns", s.addCampaign)
	in.POST("/campaigns/marks", s.markVendor)
	in.GET("/markets/:market", s.marketPage)
	in.GET("/markets/:market/edit", s.marketEditPage)
	in.POST("/markets/:market/edit", s.editMarket)
	in.GET("/markets/:market/order", s.orderPage)
	in.POST("/markets/:market/order", s.saveOrder)
	in.GET("/markets/:market/stalls/:stall", s.stallPage)
	in.POST("/markets/:market/stalls/:stall/status", s.changeStatus)
	in.POST("/markets/:market/stalls/:stall/transfer", s.handOver)
	in.POST("/markets/:market/stalls/:stall/closure", s.giveUp)
	in.POST("/markets/:market/stalls/:stall/move", s.moveTo)
	in.POST("/markets/:market/stalls/:stall/card", s.changeCard)
	in.POST("/markets/:market/stalls/:stall/stand", s.registerStand)
	in.POST("/markets/:market/stalls/:stall/holder-consent", s.agreeAsHolder)
	in.POST("/markets/:market/stalls/:stall/steps/:step", s.takeStep)
	in.POST("/markets/:market/stalls/:stall/default", s.proposeDefault)
	in.POST("/markets/:market/stalls/:stall/default/withdrawal", s.withdrawDefault)
	in.GET("/markets/:market/new-stall", s.newStallPage)
	in.POST("/markets/:market/new-stall", s.newStall)
	in.GET("/markets/:market/vendors/:vendor", s.vendorPage)
	in.POST("/markets/:market/vendors/:vendor", s.changeVendor)
	in.POST("/markets/:market/vendors/:vendor/merge", s.mergeVendor)
	in.POST("/markets/:market/vendors/:vendor/requests", s.askForVendor)
	in.POST("/markets/:market/vendors/:vendor/copy", s.handCopy)
	in.GET("/markets/:market/requests", s.requestsPage)
	in.POST("/requests/:request", s.answerRequest)
	in.GET("/markets/:market/import", s.importPage)
	in.POST("/markets/:market/import", s.uploadLedger)
	in.GET("/imports/:import", s.previewPage)
	in.POST("/imports/:import/commit", s.commitLedger)
	in.POST("/imports/:import/discard", s.discardLedger)
	in.POST("/imports/:import/mapping", s.mapLedger)
	in.POST("/imports/:import/rows", s.mendLedger)
	in.GET("/markets/:market/approvals", s.approvalsPage)
	in.POST("/markets/:market/approvals", s.approve)
	in.POST("/markets/:market/approvals/defaults", s.decideDefault)
	in.GET("/markets/:market/print", s.printPage)
	in.POST("/markets/:market/print", s.print)
	in.GET("/print-batches/:batch", s.batchPage)
	in.POST("/print-batches/:batch/draw", s.drawAgain)
	in.GET("/markets/:market/paper", s.paperPage)
	in.POST("/markets/:market/paper/printers", s.savePrinter)
	in.POST("/markets/:market/paper/sheets", s.saveSheet)
	in.POST("/markets/:market/paper/designs", s.saveDesign)
	in.GET("/markets/:market/exports", s.exportsPage)
	in.POST("/markets/:market/exports/:file", s.takeOut)
	in.POST("/markets/:market/stalls/:stall/reveal", s.revealNumber)
	in.POST("/markets/:market/stalls/:stall/sharing", s.shareVendor)
	in.GET("/markets/:market/old-placards", s.oldPage)
	in.POST("/markets/:market/old-placards", s.collect)
	in.GET("/audit", s.trailPage)
	in.POST("/audit/exports/:file", s.getTrailFile)
	in.GET("/markets/:market/audit", s.trailPage)
	in.POST("/markets/:market/audit/exports/:file", s.getTrailFile)
	in.GET("/markets/:market/incidents", s.incidentsPage)
	in.POST("/markets/:market/incidents", s.settle)
	in.GET("/placards/:serial", s.placardPage)
	in.POST("/placards/:serial", s.placardEvent)
}

// behind is a group whose middleware runs on its own routes alone. Echo's would also answer every address it does not know, so
// that a wrong method got 404 for 405 and an unknown address a request to sign in.
type behind struct {
	group *echo.Group
	use   []echo.MiddlewareFunc
}

func (b behind) GET(path string, h echo.HandlerFunc)    { b.group.GET(path, h, b.use...) }
func (b behind) POST(path string, h echo.HandlerFunc)   { b.group.POST(path, h, b.use...) }
func (b behind) PUT(path string, h echo.HandlerFunc)    { b.group.PUT(path, h, b.use...) }
func (b behind) PATCH(path string, h echo.HandlerFunc)  { b.group.PATCH(path, h, b.use...) }
func (b behind) DELETE(path string, h echo.HandlerFunc) { b.group.DELETE(path, h, b.use...) }

// ready answers whether the database is reachable and its schema the one this program knows.
func (s *Server) ready(c echo.Context) error {
	v, err := migrations.Version(c.Request().Context(), s.db)
	if err != nil {
		return fault.New(fault.Busy, "unavailable", "The database cannot be reached just now. Nothing was lost; try again in a moment.").After(retryBusy).Because(err)
	}
	if v < migrations.Latest() {
		return fault.New(fault.Busy, "schema-behind", "The database's schema is at %d, the program needs %d. Run: cho40 migrate", v, migrations.Latest()).After(retryBusy)
	}
	return c.JSON(http.StatusOK, map[string]any{"status": "ready", "schema": v})
}
