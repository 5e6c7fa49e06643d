package registry

import "time"

// FeedLives is how long changes stay in the feed, DeliveriesLive how long a webhook's deliveries stay in its log once they are done.
const (
	FeedLives      = 400 * 24 * time.Hour
	DeliveriesLive = 90 * 24 * time.Hour
)
