package web

import (
	"net/http"

	"cho40/internal/id"
	registry "cho40/vendor_registry"

	"github.com/labstack/echo/v4"
)

// vendorID is the vendor of an address; a malformed one names nothing, and is found nowhere.
func vendorID(c echo.Context) registry.VendorID {
	v, err := id.Parse[registry.Vendor](c.Param("vendor"))
	if err != nil {
		return registry.VendorID{}
	}
	return v
}

// getVendor answers GET /api/v1/markets/{market}/vendors/{vendor}; an id that was merged gives the vendor who stayed.
func (s *Server) getVendor(c echo.Context) error {
	return s.vendor(c, func(which registry.VendorID) (registry.VendorRecord, error) {
		return s.reg(c).Vendor(c.Request().Context(), actor(c), c.Param("market"), which)
	})
}

// patchVendor answers PATCH /api/v1/markets/{market}/vendors/{vendor}, with If-Match.
func (s *Server) patchVendor(c echo.Context) error {
	in, err := bindJSON[registry.ChangedVendor](c)
	if err != nil {
		return err
	}
	return s.vendor(c, func(which registry.VendorID) (registry.VendorRecord, error) {
		return s.reg(c).ChangeVendor(c.Request().Context(), actor(c), c.Param("market"), which, c.Request().Header.Get("If-Match"), in)
	})
}

// postMerge answers POST /api/v1/markets/{market}/vendors/{vendor}/merge: the same person as another vendor, who stays.
func (s *Server) postMerge(c echo.Context) error {
	in, err := bindJSON[registry.Merge](c)
	if err != nil {
		return err
	}
	return s.vendor(c, func(which registry.VendorID) (registry.VendorRecord, error) {
		return s.reg(c).Merge(c.Request().Context(), actor(c), c.Param("market"), which, in)
	})
}

func (s *Server) vendor(c echo.Context, do func(registry.VendorID) (registry.VendorRecord, error)) error {
	v, err := do(vendorID(c))
	if err != nil {
		return err
	}
	return tagged(c, http.StatusOK, v.ETag(), v)
}

// getTimeline answers GET /api/v1/markets/{market}/stalls/{stall}/timeline.
func (s *Server) getTimeline(c echo.Context) error {
	return s.timeline(c, func(l registry.List) (registry.Page[registry.Happening], error) {
		return s.reg(c).Timeline(c.Request().Context(), actor(c), c.Param("market"), param(c, "stall"), l)
	})
}

// getVendorTimeline answers GET /api/v1/markets/{market}/vendors/{vendor}/timeline.
func (s *Server) getVendorTimeline(c echo.Context) error {
	return s.timeline(c, func(l registry.List) (registry.Page[registry.Happening], error) {
		return s.reg(c).VendorTimeline(c.Request().Context(), actor(c), c.Param("market"), vendorID(c), l)
	})
}

func (s *Server) timeline(c echo.Context, read func(registry.List) (registry.Page[registry.Happening], error)) error {
	var l registry.List
	if err := bindQuery(c, &l); err != nil {
		return err
	}
	p, err := read(l)
	if err != nil {
		return err
	}
	for i := range p.Items {
		p.Items[i].Text = s.happening(c, p.Items[i]).Sentence()
	}
	return c.JSON(http.StatusOK, p)
}
