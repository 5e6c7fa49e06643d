package photo

// Tests read with a longer limit, so that a slow machine does not read less.
var (
	ReadWithin = read
	JPEGTurn   = jpegTurn
)
