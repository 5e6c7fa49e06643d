package qrgen

// crcTable holds the CRC of each byte value for the polynomial 0x1021, most significant bit first.
var crcTable = func() (table [256]uint16) {
	for i := range table {
		crc := uint16(i) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
		table[i] = crc
	}
	return table
}()

// crc16 is the checksum of tag 63: CRC-16/CCITT-FALSE over the bytes of text, which ends with "6304".
// It finds damage from scanning; it is no protection against a forged code.
func crc16(text string) uint16 {
	crc := uint16(0xFFFF)
	for i := range len(text) {
		crc = crc<<8 ^ crcTable[byte(crc>>8)^text[i]]
	}
	return crc
}

// appendCRC ends a payload with tag 63: four upper-case hexadecimal digits, zero padded.
func appendCRC(payload []byte) []byte {
	const digits = "0123456789ABCDEF"
	payload = append(payload, "6304"...)
	crc := crc16(string(payload))
	return append(payload, digits[crc>>12], digits[crc>>8&15], digits[crc>>4&15], digits[crc&15])
}
