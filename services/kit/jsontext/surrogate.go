package jsontext

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode"
	"unicode/utf16"
)

// CheckSurrogates finds in a valid JSON text the first escape that is one half of a surrogate pair without the other, and
// so no character (RFC 8259, section 8.2): readers disagree on what such a text means. Programs that cut text off after so
// many UTF-16 code units write it. The error names the escape, as something that the text has.
func CheckSurrogates(json []byte) error {
	for {
		at := bytes.IndexByte(json, '\\')
		if at < 0 {
			return nil
		}
		escape, rest := cutEscape(json[at:])
		if first := codeUnit(escape); utf16.IsSurrogate(first) {
			second, behind := cutEscape(rest)
			if utf16.DecodeRune(first, codeUnit(second)) == unicode.ReplacementChar {
				return fmt.Errorf("half of a surrogate pair, %s, which is no character", escape)
			}
			rest = behind
		}
		json = rest
	}
}

// cutEscape cuts off the escape at the beginning; if there is none, nothing.
func cutEscape(json []byte) (escape, rest []byte) {
	size := len(`\n`)
	switch {
	case len(json) < size || json[0] != '\\':
		size = 0
	case json[1] == 'u':
		size = min(len(`\u0000`), len(json))
	}
	return json[:size], json[size:]
}

// codeUnit is what an escape of the form \u0000 stands for; 0 for any other.
func codeUnit(escape []byte) rune {
	digits, ok := bytes.CutPrefix(escape, []byte(`\u`))
	if !ok {
		return 0
	}
	unit, err := strconv.ParseUint(string(digits), 16, 16)
	if err != nil {
		return 0
	}
	return rune(unit)
}
