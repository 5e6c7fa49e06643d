package web

import (
	"net/http"

	registry "cho40/vendor_registry"

	"github.com/labstack/echo/v4"
)

// confirmed is what became of one confirmation.
type confirmed struct {
	Account registry.AccountRef `json:"account"`
	Status  int                 `json:"status"`
	Result  string              `json:"result,omitempty"` // recorded, unchanged
	Problem *problem            `json:"problem,omitempty"`
}

// postConfirmations answers POST /api/v1/confirmations: what a wallet or bank says of its accounts, answered one by one.
func (s *Server) postConfirmations(c echo.Context) error {
	in, err := bindJSON[registry.NewConfirmations](c)
	if err != nil {
		return err
	}
	answers, err := s.reg(c).Confirm(c.Request().Context(), actor(c), in)
	if err != nil {
		return err
	}
	out := make([]confirmed, len(answers))
	for i, a := range answers {
		out[i] = confirmed{Account: a.Account, Status: http.StatusOK, Result: a.Result}
		if a.Fault != nil {
			p := toProblem(language(c), a.Fault, status(a.Fault), requestID(c))
			out[i].Status, out[i].Problem = p.Status, &p
		}
	}
	return items(c, out, nil)
}

// getChanges answers GET /api/v1/changes: the feed of stages behind a cursor.
func (s *Server) getChanges(c echo.Context) error {
	var q registry.ChangeQuestion
	if err := bindQuery(c, &q); err != nil {
		return err
	}
	changes, err := s.reg(c).Changes(c.Request().Context(), actor(c), q)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, changes)
}

// getWebhooks answers GET /api/v1/webhooks.
func (s *Server) getWebhooks(c echo.Context) error {
	all, err := s.reg(c).Webhooks(c.Request().Context(), actor(c))
	return items(c, all, err)
}

// postWebhook answers POST /api/v1/webhooks, with the secret, which is told only here.
func (s *Server) postWebhook(c echo.Context) error {
	in, err := bindJSON[registry.NewWebhook](c)
	if err != nil {
		return err
	}
	w, secret, err := s.registry.AddWebhook(c.Request().Context(), actor(c), in, s.loopback)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderLocation, "/api/v1/webhooks/"+w.ID.String())
	return tagged(c, http.StatusCreated, w.ETag(), struct {
		registry.Webhook
		Secret string `json:"secret"`
	}{w, secret})
}

// getWebhook answers GET /api/v1/webhooks/{webhook}.
func (s *Server) getWebhook(c echo.Context) error {
	w, err := s.reg(c).Webhook(c.Request().Context(), actor(c), c.Param("webhook"))
	if err != nil {
		return err
	}
	return tagged(c, http.StatusOK, w.ETag(), w)
}

// postWebhookApproval answers POST /api/v1/webhooks/{webhook}/approval: the second person's word.
func (s *Server) postWebhookApproval(c echo.Context) error {
	w, err := s.reg(c).ApproveWebhook(c.Request().Context(), actor(c), c.Param("webhook"))
	if err != nil {
		return err
	}
	return tagged(c, http.StatusOK, w.ETag(), w)
}

// deleteWebhook answers DELETE /api/v1/webhooks/{webhook}: it is switched off for good.
func (s *Server) deleteWebhook(c echo.Context) error {
	if err := s.reg(c).EndWebhook(c.Request().Context(), actor(c), c.Param("webhook")); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// getDeliveries answers GET /api/v1/webhooks/{webhook}/deliveries: what was sent, and what came back.
func (s *Server) getDeliveries(c echo.Context) error {
	var list registry.List
	if err := bindQuery(c, &list); err != nil {
		return err
	}
	page, err := s.reg(c).Deliveries(c.Request().Context(), actor(c), c.Param("webhook"), list)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, page)
}

// postReplay answers POST /api/v1/webhooks/{webhook}/replay: a stretch of the feed is sent again.
func (s *Server) postReplay(c echo.Context) error {
	in, err := bindJSON[registry.Replay](c)
	if err != nil {
		return err
	}
	all, err := s.reg(c).ReplayWebhook(c.Request().Context(), actor(c), c.Param("webhook"), in)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusAccepted, map[string][]registry.Delivery{"items": append([]registry.Delivery{}, all...)})
}
