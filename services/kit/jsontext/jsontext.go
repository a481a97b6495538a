// Package jsontext writes text as JSON, and finds in JSON what is no text.
package jsontext

import "unicode/utf8"

// Append appends a string as JSON. It leaves <, > and & as they are, unlike encoding/json by default: nobody puts
// what is written here into a page, and models read it.
func Append(out []byte, text string) []byte {
	const hex = "0123456789abcdef"
	out = append(out, '"')
	start := 0 // of what is not yet appended
	for i := 0; i < len(text); {
		c := text[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(text[i:])
			switch {
			case r == utf8.RuneError && size == 1: // no UTF-8
				out = append(append(out, text[start:i]...), `\ufffd`...)
				start = i + size
			case r == '\u2028' || r == '\u2029': // ends a line in JavaScript, and so where messages stand on lines
				out = append(append(out, text[start:i]...), `\u202`...)
				out = append(out, hex[r&0xf])
				start = i + size
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		out = append(out, text[start:i]...)
		switch c {
		case '"', '\\':
			out = append(out, '\\', c)
		case '\n':
			out = append(out, '\\', 'n')
		case '\r':
			out = append(out, '\\', 'r')
		case '\t':
			out = append(out, '\\', 't')
		case '\b':
			out = append(out, '\\', 'b')
		case '\f':
			out = append(out, '\\', 'f')
		default:
			out = append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
		}
		i++
		start = i
	}
	return append(append(out, text[start:]...), '"')
}
