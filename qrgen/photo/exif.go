package photo

import (
	"bytes"
	"encoding/binary"
	"image"
)

// turn is the EXIF orientation, 1 to 8: how the stored rows and columns lie to what the photographer saw.
type turn int

// upright is the orientation of a picture that says nothing about it.
const upright turn = 1

// jpegTurn reads the orientation out of a JPEG file. It looks at the first Exif segment before the picture data and at
// its first directory only, follows no other offset, and takes anything amiss for upright.
func jpegTurn(data []byte) turn {
	const (
		startOfScan = 0xDA
		endOfImage  = 0xD9
		app1        = 0xE1
	)
	if !bytes.HasPrefix(data, []byte{0xFF, 0xD8}) {
		return upright
	}
	for rest := data[2:]; len(rest) >= 4 && rest[0] == 0xFF; {
		marker := rest[1]
		if marker == 0xFF { // a fill byte
			rest = rest[1:]
			continue
		}
		if marker == startOfScan || marker == endOfImage {
			break
		}
		size := int(binary.BigEndian.Uint16(rest[2:])) // its own two bytes included
		if size < 2 || 2+size > len(rest) {
			break
		}
		if block, ok := bytes.CutPrefix(rest[4:2+size], []byte("Exif\x00\x00")); ok && marker == app1 {
			return tiffTurn(block)
		}
		rest = rest[2+size:]
	}
	return upright
}

// tiffTurn reads tag 0x0112, one 16-bit number, out of the first directory of a TIFF block.
func tiffTurn(block []byte) turn {
	const (
		orientation = 0x0112
		short       = 3
		entrySize   = 12
	)
	if len(block) < 8 {
		return upright
	}
	var order binary.ByteOrder
	switch string(block[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return upright
	}
	at := uint64(order.Uint32(block[4:]))
	if at+2 > uint64(len(block)) {
		return upright
	}
	entries := block[at+2:]
	for range order.Uint16(block[at:]) {
		if len(entries) < entrySize {
			break
		}
		if order.Uint16(entries) == orientation {
			v := turn(order.Uint16(entries[8:]))
			if order.Uint16(entries[2:]) != short || order.Uint32(entries[4:]) != 1 || v < 1 || v > 8 {
				return upright
			}
			return v
		}
		entries = entries[entrySize:]
	}
	return upright
}

// corners moves the corners of a code from the stored picture, which is width by height, to the picture as it is seen.
func (t turn) corners(c [4]image.Point, width, height int) [4]image.Point {
	for i, p := range c {
		x, y := p.X, p.Y
		switch t {
		case 2:
			x = width - x
		case 3:
			x, y = width-x, height-y
		case 4:
			y = height - y
		case 5:
			x, y = y, x
		case 6:
			x, y = height-y, x
		case 7:
			x, y = height-y, width-x
		case 8:
			x, y = y, width-x
		}
		c[i] = image.Pt(x, y)
	}
	if t == 2 || t == 4 || t == 5 || t == 7 { // mirrored: clockwise the other way round
		c[1], c[3] = c[3], c[1]
	}
	return c
}
