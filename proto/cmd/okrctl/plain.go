package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"unicode"
	"unicode/utf8"
)

// plain writes to a terminal what others wrote, without what the terminal would obey: control characters, those that begin
// its commands among them, and what turns the direction of writing around. Line ends and tabs stay. Not safe for concurrent
// use.
type plain struct {
	to   io.Writer
	rest []byte // the beginning of a character whose end has not come
}

// Write implements io.Writer.
func (p *plain) Write(text []byte) (int, error) {
	all := append(p.rest, text...)
	var out bytes.Buffer
	for len(all) > 0 && utf8.FullRune(all) {
		r, size := utf8.DecodeRune(all)
		if r == '\n' || r == '\t' || !obeyed(r) {
			out.WriteRune(r)
		}
		all = all[size:]
	}
	p.rest = bytes.Clone(all)
	if _, err := p.to.Write(out.Bytes()); err != nil {
		return 0, err
	}
	return len(text), nil
}

// obeyed says whether a terminal does something for a character instead of showing it.
func obeyed(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || unicode.In(r, unicode.Zl, unicode.Zp)
}

// escaped is JSON in which such characters are written as escapes, which mean the same. JSON itself wants it of some only.
func escaped(text []byte) []byte {
	var out bytes.Buffer
	for _, r := range string(text) {
		if r >= utf8.RuneSelf && obeyed(r) || r == unicode.MaxASCII {
			fmt.Fprintf(&out, `\u%04x`, r)
		} else {
			out.WriteRune(r)
		}
	}
	return out.Bytes()
}

// asItIs is where a file goes that is printed: unchanged, unless a person reads it.
func (t terminal) asItIs() io.Writer {
	if p, ok := t.out.(*plain); ok {
		if file, ok := p.to.(*os.File); ok {
			if info, err := file.Stat(); err != nil || info.Mode()&os.ModeCharDevice != 0 {
				return t.out
			}
		}
		return p.to
	}
	return t.out
}
